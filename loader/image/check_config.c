/* SPDX-License-Identifier: MIT
 * handrail check: the environment and the files of the configuration, as a start would read them.
 */
#include "check.h"

#include "common/log.h"
#include "loader/config/config.h"
#include "loader/config/config_file.h"
#include "loader/supervisor/preflight.h"
#include "loader/supervisor/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* ---- secrets --------------------------------------------------------------------------------- */

enum { DEPTH_MAX = 16 };

/* Each text in it under a name that says so.  A path only says where a secret is. */
static void find_secrets(struct hr_image_check *c, const char *file, json_t *value,
                         const char *pointer, int depth)
{
    struct hr_pointer below;
    const char *key = NULL;
    json_t *member = NULL;
    size_t i;
    if (depth > DEPTH_MAX)
        return;
    json_array_foreach (value, i, member)
        find_secrets(c, file, member, hr_pointer_index(&below, pointer, i), depth + 1);
    json_object_foreach (value, key, member) {
        const char *text = json_string_value(member);
        (void)hr_pointer_key(&below, pointer, key);
        if (text && *text && *text != '/' && hr_secrets_name(key, strlen(key)))
            hr_report_add(c->report, &hr_check_rules[HR_RULE_SECRET_READABLE],
                          &(struct hr_place){.file = file, .pointer = below.text}, NULL,
                          "its name says that it is secret, and everybody may read this file");
        else
            find_secrets(c, file, member, below.text, depth + 1);
    }
}

static void check_secrets(struct hr_image_check *c, const char *file)
{
    struct stat st;
    if (!file || stat(file, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & S_IROTH) ||
        st.st_size > HR_CONFIG_FILE_MAX)
        return;
    json_t *root = json_load_file(file, 0, NULL);
    find_secrets(c, file, root, "", 0);
    json_decref(root);
}

/* ---- variables ------------------------------------------------------------------------------- */

static void take_finding(void *arg, const char *id, const char *text)
{
    const struct hr_image_check *c = arg;
    (void)id;
    hr_report_add(c->report, &hr_check_rules[HR_RULE_CONFIGURATION_DOUBTFUL], NULL, NULL, "%s",
                  text);
}

/* What the server would misread of the variables that the file gives it.  In a container, all its
 * variables are looked at, and these among them. */
static void check_variables(struct hr_image_check *c, const struct hr_config *config)
{
    size_t n = 0;
    const char *name = NULL;
    json_t *value = NULL;
    char **env = calloc(json_object_size(config->environment) + 1, sizeof(*env));
    if (!env)
        return;
    json_object_foreach (config->environment, name, value)
        if (asprintf(&env[n], "%s=%s", name, json_string_value(value)) > 0)
            n++;
    env[n] = NULL; /* of one without memory, asprintf leaves what is undefined */
    hr_preflight_environment(config, env, take_finding, c);
    while (n)
        free(env[--n]);
    free(env);
}

/* ---- all of it ------------------------------------------------------------------------------- */

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
    if (!code) {
        check_secrets(c, config.agent_config_path);
        check_secrets(c, config.registry_path);
        if (c->options->at_build || c->options->root)
            check_variables(c, &config);
    }
    check_secrets(c, getenv("OPENHANDS_AGENT_SERVER_CONFIG_PATH"));
    if (!code && config.agent_config)
        hr_check_good(c, "%s: read", config.agent_config_path);
    if (!code)
        hr_check_good(c, "%s: %u plugin%s", config.registry_path, config.nplugins,
                      config.nplugins == 1 ? "" : "s");
    else if (!c->report->errors)
        hr_report_add(c->report, &hr_check_rules[HR_RULE_CONFIGURATION], NULL, NULL,
                      "it cannot be used, code %d", code);
}
