/* SPDX-License-Identifier: MIT
 * handrail check: the environment and the files of the configuration, as a start would read them.
 */
#include "check.h"

#include "common/log.h"
#include "loader/config/config.h"

#include <stdio.h>
#include <string.h>

static struct hr_image_check *here; /* hr_log_divert() has no argument of its own */

/* "FILE: /POINTER: TEXT" in its parts, where it is that. */
static void add(const struct hr_rule *rule, char *text)
{
    struct hr_place place = {.file = NULL};
    char *colon = *text == '/' ? strstr(text, ": ") : NULL;
    if (colon && (colon[2] == '/' || colon[2] == '(')) {
        char *pointer = colon + 2;
        char *end = strstr(pointer, ": ");
        *colon = '\0';
        place.file = text;
        text = pointer;
        if (end) {
            *end = '\0';
            place.pointer = *pointer == '/' ? pointer : NULL;
            text = end + 2;
        }
    }
    hr_report_add(here->report, rule, &place, NULL, "%s", text);
}

/* A line of the log: "2026-...Z handrail-image[7] error: TEXT". */
static bool take_line(const char *line, size_t n)
{
    static const struct {
        const char *word;
        enum hr_check_rule rule;
    } levels[] = {{"] error: ", HR_RULE_CONFIGURATION},
                  {"] warning: ", HR_RULE_CONFIGURATION_DOUBTFUL}};
    char text[HR_LOG_LINE];
    (void)snprintf(text, sizeof(text), "%.*s", (int)(n < sizeof(text) ? n : sizeof(text) - 1),
                   line);
    text[strcspn(text, "\n")] = '\0';
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        char *at = strstr(text, levels[i].word);
        if (at) {
            add(&hr_check_rules[levels[i].rule], at + strlen(levels[i].word));
            break;
        }
    }
    return true;
}

void hr_check_configuration(struct hr_image_check *c)
{
    static struct hr_config config;
    char *two[2];
    here = c;
    hr_log_init("handrail-image", HR_LOG_WARNING);
    hr_log_set_format(HR_LOG_TEXT);
    hr_log_divert(take_line);
    int code = hr_config_load(hr_check_command(c, two), &config);
    hr_log_divert(NULL);
    if (!code && config.agent_config)
        hr_check_good(c, "%s: read", config.agent_config_path);
    if (!code)
        hr_check_good(c, "%s: %u plugin%s", config.registry_path, config.nplugins,
                      config.nplugins == 1 ? "" : "s");
    else if (!c->report->errors)
        hr_report_add(c->report, &hr_check_rules[HR_RULE_CONFIGURATION], NULL, NULL,
                      "it cannot be used, code %d", code);
}
