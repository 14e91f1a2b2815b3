/* SPDX-License-Identifier: MIT
 * handrail config: what is configured, and where each of it comes from.  It reads what `handrail
 * run` would read, in the same way, and runs nothing.
 *
 * Variables that the server would misread are said, too.  Secrets are masked as in crash reports:
 * by the names of variables, and wherever their values stand. */
#include "commands.h"
#include "common/handoff.h"
#include "common/json_text.h"
#include "common/log.h"
#include "config_screen.h"
#include "loader/config/agent_command.h"
#include "loader/config/agent_config.h"
#include "loader/config/options.h"
#include "loader/config/setting_json.h"
#include "loader/config/settings.h"
#include "loader/supervisor/preflight.h"
#include "loader/supervisor/secrets.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOURCE_MAX = HR_SETTING_SOURCE + HR_CONFIG_POINTER }; /* bytes */

static const char usage[] =
    "usage: handrail config [--all] [--json] [options] [-- CMD ARGS]\n"
    "\n"
    "What handrail run, with these options and CMD, would be configured to do: its\n"
    "settings, the server's command as it would be run, the agent, the variables that\n"
    "are added, the plugins; and where each comes from: an option, a variable,\n"
    "FILE#/place/in/it, or the default.\n"
    "\n"
    "  --all     also the settings that are their default\n"
    "  --json    as JSON, always with all settings\n"
    "\n"
    "The other options are those of handrail run.  Nothing is run, and no running\n"
    "handrail is asked: what has changed since that was started is shown as it is\n"
    "now.  Secrets are masked.\n"
    "\n"
    "Exit code: 0, 64 for wrong usage, 78 for a wrong configuration, after a line for\n"
    "each problem.\n";

/* ---- masking --------------------------------------------------------------------------------- */

/* Text in which no known secret stands.  New reference, never NULL but without memory. */
static json_t *masked(const char *text)
{
    size_t n = strlen(text);
    bool *secret = malloc(n + 1);
    char *clean = malloc(n + 1);
    json_t *result = NULL;
    if (secret && clean) {
        (void)hr_secrets_mark(text, n, secret); /* in doubt, all of it is */
        result = hr_json_text(clean, hr_secrets_cover(clean, text, secret, n));
    }
    free(secret);
    free(clean);
    return result;
}

/* The value of a variable. */
static json_t *masked_variable(const char *name, const char *value)
{
    return hr_secrets_name(name, strlen(name)) ? json_string("****") : masked(value);
}

/* What follows the host of a URL is often a key. */
static json_t *masked_url(const char *url)
{
    char text[512];
    const char *host = strstr(url, "://") + 3;
    size_t n = (size_t)(host - url) + strcspn(host, "/?#");
    (void)snprintf(text, sizeof(text), "%.*s%s", n < 500 ? (int)n : 500, url,
                   url[n] && url[n + 1] ? "/****" : url + n);
    return masked(text);
}

/* ---- the parts ------------------------------------------------------------------------------- */

static json_t *entry(json_t *value, const char *source)
{
    return json_pack("{s:o, s:o}", "value", value ? value : json_null(), "source",
                     hr_json_text(source, strlen(source)));
}

static void in_file(const char *file, const char *pointer, char out[SOURCE_MAX])
{
    (void)snprintf(out, SOURCE_MAX, "%s#%s", file, pointer);
}

static void setting_source(const struct hr_config *c, const struct hr_setting *s, bool is_default,
                           char out[SOURCE_MAX])
{
    if (hr_setting_origin(c, s->option) != HR_FROM_DEFAULT) {
        hr_setting_source(c, s, out);
        return;
    }
    (void)snprintf(out, SOURCE_MAX, "%s",
                   is_default                             ? "default"
                   : strcmp(s->option, "agent-port") == 0 ? "--port of the server's command"
                                                          : "follows another setting");
}

static json_t *settings_json(const struct hr_config *c, bool all)
{
    static struct hr_config defaults;
    char source[SOURCE_MAX];
    json_t *list = json_object();
    hr_settings_default(&defaults);
    for (size_t i = 0; i < hr_nsettings; i++) {
        const struct hr_setting *s = &hr_settings[i];
        json_t *value = hr_setting_json(c, s);
        json_t *normal = hr_setting_json(&defaults, s);
        bool is_default = json_equal(value, normal);
        if (all || !is_default || c->origins[i] != HR_FROM_DEFAULT) {
            setting_source(c, s, is_default, source);
            json_t *shown = !json_is_string(value)      ? json_incref(value)
                            : s->type == HR_SETTING_URL ? masked_url(json_string_value(value))
                                                        : masked(json_string_value(value));
            json_t *e = entry(shown, source);
            (void)json_object_set(e, "default", normal);
            (void)json_object_set_new(list, s->option, e);
        }
        json_decref(value);
        json_decref(normal);
    }
    if (c->webhook_authorization)
        (void)json_object_set_new(list, "webhook-authorization",
                                  entry(json_string("****"), "HANDRAIL_WEBHOOK_AUTHORIZATION"));
    return list;
}

/* The two files, and whether they are there. */
static json_t *files_json(const struct hr_config *c)
{
    const struct {
        const char *name, *path;
    } files[] = {{"agent_config.json", c->agent_config_path},
                 {"tool_registry.json", c->registry_path}};
    json_t *list = json_object();
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        bool said_so = i == 0 && hr_setting_origin(c, "sidecar") == HR_FROM_FILE;
        const char *how = !c->sidecar && !said_so            ? "not read: there is no sidecar"
                          : access(files[i].path, F_OK) == 0 ? "read"
                                                             : "there is none";
        (void)json_object_set_new(list, files[i].name, entry(masked(files[i].path), how));
    }
    return list;
}

static json_t *command_json(const struct hr_agent_command *command)
{
    json_t *argv = json_array();
    for (char **a = command->argv; *a; a++)
        (void)json_array_append_new(argv, masked(*a));
    return argv;
}

/* Where in agent_config.json the agent's variable is; NULL: it is another one. */
static const char *agent_pointer(const struct hr_config *c, const char *name)
{
    const json_t *agent = json_object_get(c->agent_config, "agent");
    if (strcmp(name, "CUSTOM_AGENT_MODULE") == 0 && json_object_get(agent, "module"))
        return "/agent/module";
    if (strcmp(name, "CUSTOM_AGENT_CLASS") == 0 && json_object_get(agent, "class"))
        return "/agent/class";
    return NULL;
}

static json_t *agent_json(const struct hr_config *c)
{
    static const char *const names[][2] = {{"module", "CUSTOM_AGENT_MODULE"},
                                           {"class", "CUSTOM_AGENT_CLASS"}};
    json_t *agent = json_object();
    for (size_t i = 0; i < 2; i++) {
        char source[SOURCE_MAX];
        const char *value = getenv(names[i][1]);
        const char *pointer = agent_pointer(c, names[i][1]);
        if (!value || !*value)
            continue;
        if (json_object_get(c->environment, names[i][1]))
            in_file(c->agent_config_path, pointer ? pointer : "/environment", source);
        else
            (void)snprintf(source, sizeof(source), "%s", names[i][1]);
        (void)json_object_set_new(agent, names[i][0], entry(masked(value), source));
    }
    return agent;
}

static json_t *tools_json(const struct hr_config *c)
{
    json_t *list = json_array();
    const json_t *tool = NULL;
    size_t i = 0;
    json_array_foreach (json_object_get(c->agent_config, "tools"), i, tool) {
        char source[SOURCE_MAX];
        struct hr_pointer p;
        in_file(c->agent_config_path, hr_pointer_index(&p, "/tools", i), source);
        json_t *t = json_pack("{s:o}", "source", hr_json_text(source, strlen(source)));
        (void)json_object_update(t, (json_t *)(uintptr_t)tool);
        (void)json_array_append_new(list, t);
    }
    return list;
}

/* What the server gets that the container has not, and what the container has kept. */
static json_t *environment_json(const struct hr_config *c, const struct hr_agent_command *command)
{
    static const char path[] = "OH_EXTRA_PYTHON_PATH=";
    const char *name = NULL;
    json_t *v = NULL;
    json_t *list = json_object();
    json_object_foreach (json_object_get(c->agent_config, "environment"), name, v) {
        char source[SOURCE_MAX];
        char place[SOURCE_MAX];
        struct hr_pointer p;
        const char *value = getenv(name);
        in_file(c->agent_config_path, hr_pointer_key(&p, "/environment", name), place);
        bool ours = json_object_get(c->environment, name) != NULL;
        (void)snprintf(source, sizeof(source), "%s%.*s", ours ? "" : "the container has it: not ",
                       (int)sizeof(source) - 64, place);
        (void)json_object_set_new(list, name,
                                  entry(masked_variable(name, value ? value : ""), source));
    }
    for (char **e = command->env; e && *e; e++)
        if (strncmp(*e, path, sizeof(path) - 1) == 0 && *e == command->owned[1])
            (void)json_object_set_new(list, "OH_EXTRA_PYTHON_PATH",
                                      entry(masked(*e + sizeof(path) - 1), "handrail"));
    return list;
}

static json_t *plugins_json(const struct hr_config *c)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->nplugins; i++) {
        const struct hr_plugin_config *p = &c->plugins[i];
        char source[SOURCE_MAX];
        struct hr_pointer at;
        if (p->entry >= 0)
            in_file(c->registry_path, hr_pointer_index(&at, "/plugins", (size_t)p->entry), source);
        else
            (void)snprintf(source, sizeof(source), "the agent's module");
        (void)json_array_append_new(list, json_pack("{s:s, s:o, s:b, s:o}", "id", p->id, "path",
                                                    hr_json_text(p->path, strlen(p->path)),
                                                    "required", p->required, "source",
                                                    hr_json_text(source, strlen(source))));
    }
    return list;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int show(const struct hr_config *c, bool all, bool as_json)
{
    struct hr_agent_command command = {0};
    bool none = !c->command[0][0];
    int code = none ? 0 : hr_agent_command(c, c->command, environ, &command);
    if (code)
        return code;
    if (c->sidecar && (none || hr_is_agent_server(c->command)))
        hr_preflight_environment(c, none ? environ : command.env, NULL, NULL);
    hr_secrets_init(environ);
    if (c->on_claim)
        hr_secrets_add_command(c->on_claim);
    json_t *config = json_pack("{s:o, s:o, s:{s:o}, s:o, s:o, s:o, s:o}", "files", files_json(c),
                               "settings", settings_json(c, all || as_json), "server", "command",
                               none ? json_null() : command_json(&command), "agent", agent_json(c),
                               "tools", tools_json(c), "environment", environment_json(c, &command),
                               "plugins", plugins_json(c));
    if (!config) {
        hr_error("cannot show the configuration: no memory");
        code = HR_EXIT_OSERR;
    } else if (as_json) {
        (void)json_dumpf(config, stdout, JSON_INDENT(2));
        (void)fputc('\n', stdout);
    } else {
        hr_text_set_colours(hr_text_wants_colours(STDOUT_FILENO));
        hr_config_screen(stdout, config, all);
    }
    json_decref(config);
    hr_agent_command_free(&command);
    return code;
}

int hr_cli_config(char **argv)
{
    static struct hr_config config;
    bool all = false;
    bool as_json = false;
    const struct hr_flag flags[] = {{"--all", &all}, {"--json", &as_json}, {NULL, NULL}};
    if (argv[1] && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        (void)fputs(usage, stdout);
        return 0;
    }
    if (!getenv("HANDRAIL_LOG_LEVEL"))
        hr_log_init("handrail", HR_LOG_WARNING);
    (void)unsetenv("HANDRAIL_SUPERVISED"); /* what it is for whoever starts handrail, not for us */
    int code = hr_config_load_to_show(argv + 1, flags, &config);
    if (code)
        return code;
    code = show(&config, all, as_json);
    hr_config_free(&config);
    return code;
}
