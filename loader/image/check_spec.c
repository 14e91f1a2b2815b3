/* SPDX-License-Identifier: MIT
 * handrail check --spec: the step that holds a sandbox specification against the image, or against
 * the container if a handrail supervises in it. */
#include "check.h"
#include "common/handoff.h"
#include "loader/config/server_version.h"
#include "spec/spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int hr_check_spec_read(struct hr_check_options *o)
{
    const char *file = o->spec_only ? o->spec_only : o->spec;
    hr_buf_init(&o->spec_text, HR_SPEC_TEXT_MAX);
    int err = file ? hr_spec_read(file, &o->spec_text) : 0;
    if (!err)
        return 0;
    (void)fprintf(stderr, "handrail check: cannot read %s: %s\n", file, strerror(-err));
    return HR_REPORT_EXIT_NO_INPUT;
}

static int check(const struct hr_check_options *o, const struct hr_spec_place *place,
                 struct hr_report *report)
{
    const char *file = o->spec_only ? o->spec_only : o->spec;
    return hr_spec_check(strcmp(file, "-") == 0 ? "stdin" : file, hr_buf_str(&o->spec_text),
                         o->spec_text.len, place, report);
}

int hr_check_spec_alone(const struct hr_check_options *o, struct hr_report *report)
{
    if (check(o, NULL, report) == 0)
        return 0;
    (void)fprintf(stderr, "handrail check: out of memory\n");
    return HR_EXIT_SOFTWARE;
}

void hr_check_spec(struct hr_image_check *c)
{
    struct hr_spec_place place;
    char version[HR_VERSION_TEXT];
    char *two[2];
    json_t *offered = c->config ? hr_spec_offered(c->config) : NULL;
    hr_spec_place_init(&place, hr_check_is_running(c));
    if (c->config) /* then agent_config.json is in there too, as it is for the server */
        place.env = environ;
    if (hr_server_version(hr_check_command(c, two)[0], version) == 0)
        place.version = version;
    if (place.running)
        hr_spec_look(&place);
    place.offered = offered;
    if (check(c->options, &place, c->report))
        hr_report_add(c->report, &hr_check_rules[HR_RULE_CHECK_FAILED], NULL, NULL,
                      "the sandbox specification: out of memory");
    else if (!c->report->errors && !c->report->warnings)
        hr_check_good(c, "sandbox specification %s, held against this %s", c->options->spec,
                      place.running ? "container" : "image");
    json_decref(offered);
}
