/* SPDX-License-Identifier: MIT
 * A plugin's configuration against its schema.  See plugin_config.h. */
#include "plugin_config.h"

#include "common/log.h"
#include "common/schema/schema.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the refusal that are for the faults; the rest is for what is said around them. */
enum { SAID_MAX = sizeof(((struct hr_why *)0)->text) - 200 };

/* Refuse it for these faults, a line each, as many as there is room for. */
static int refuse_faults(const char *lines, struct hr_why *why)
{
    char said[SAID_MAX];
    const size_t room = sizeof(said) - 32;
    size_t used = 0;
    bool more = false;
    unsigned n_lines = 0;
    for (const char *line = lines; *line;) {
        size_t n = strcspn(line, "\n");
        size_t shown = used || n < room ? n : room; /* some of the first in any case */
        if (!more && used + shown <= room)
            used += (size_t)snprintf(said + used, sizeof(said) - used, "%s%.*s", used ? "; " : "",
                                     (int)shown, line);
        else
            more = true;
        n_lines++;
        line += n + (line[n] == '\n');
    }
    if (more || n_lines == HR_CONFIG_FAULTS_MAX)
        (void)snprintf(said + used, sizeof(said) - used, "; and more");
    return hr_refuse(why,
                     "its \"config\" does not fit its config_schema: %s: correct it in the tool "
                     "registry",
                     said);
}

static int compile(const char *text, struct hr_schema **ret, struct hr_why *why)
{
    struct hr_schema_limits limits = hr_schema_default_limits;
    limits.errors = HR_CONFIG_FAULTS_MAX;
    limits.hide_text = 1; /* a configuration holds keys, and everyone reads why a plugin is down */
    char reason[SAID_MAX];
    json_error_t where;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (!json)
        return hr_refuse(why, "its config_schema is not JSON: line %d: %s: correct it", where.line,
                         where.text);
    int err = hr_schema_compile(json, &limits, ret, reason, sizeof(reason));
    json_decref(json);
    return err == -EINVAL ? hr_refuse(why, "its config_schema is refused: %s", reason) : err;
}

int hr_plugin_config_check(const struct hr_plugin *p, const json_t *config, struct hr_why *why)
{
    struct hr_schema *schema = NULL;
    struct hr_buf faults;
    if (!p->api.config_schema) {
        if (json_object_size(config))
            hr_warn(
                "plugin %s: is given a \"config\", but has no config_schema, which says that it "
                "takes none: take it out of the tool registry, or give the plugin a "
                "config_schema",
                p->id);
        return 0;
    }
    int err = compile(p->api.config_schema, &schema, why);
    if (err)
        return err;
    json_t *empty = config ? NULL : json_object();
    hr_buf_init(&faults, HR_CONFIG_FAULTS_BYTES);
    err = config || empty ? hr_schema_validate(schema, config ? config : empty, &faults) : -ENOMEM;
    if (err && err != -ENOMEM)
        err = refuse_faults(hr_buf_str(&faults), why);
    hr_buf_free(&faults);
    json_decref(empty);
    hr_schema_free(schema);
    return err;
}
