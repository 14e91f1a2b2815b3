/* SPDX-License-Identifier: MIT
 * Rules about what ENV sets: the agent-server's own variables, the custom agent, the dynamic
 * linker.  See check.h. */
#include "check.h"
#include "common/buf.h"
#include "loader/config/agent_config.h"
#include "loader/config/server_version.h"
#include "loader/supervisor/preflight_checks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The newest of each name that is in the image. */
static const struct hr_variable *next_variable(const struct hr_lint *l, const struct hr_variable *v)
{
    for (v = v ? v->before : l->target->variables; v; v = v->before)
        if (hr_stage_variable(l->target, v->name) == v)
            return v;
    return NULL;
}

/* The one whose name a text begins with. */
static const struct hr_variable *named_in(const struct hr_lint *l, const char *text)
{
    char name[256];
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, " "), text);
    return hr_stage_variable(l->target, name);
}

/* ---- the agent-server's ---------------------------------------------------------------------- */

static void say_preflight(void *arg, const char *id, const char *text)
{
    struct hr_lint *l = arg;
    bool fatal = strcmp(id, "env-number") == 0 || strcmp(id, "env-json") == 0;
    enum hr_lint_rule rule = strcmp(id, "agent-class-alone") == 0  ? HR_LINT_AGENT_CLASS_ALONE
                             : strcmp(id, "name-oh-handrail") == 0 ? HR_LINT_SERVER_VARIABLE_UNUSED
                             : fatal                               ? HR_LINT_SERVER_VARIABLE_FATAL
                                     : HR_LINT_SERVER_VARIABLE_MISREAD;
    const struct hr_variable *v = named_in(l, text);
    hr_lint_say(l, rule, v ? v->by : NULL, v ? v->word : NULL, "%s", text);
}

/* What the supervisor says of them before the server's first start. */
static void check_as_server(struct hr_lint *l)
{
    size_t n = 0;
    char **env = calloc(HR_STAGES_VARIABLES + 1, sizeof(*env));
    struct hr_buf one;
    for (const struct hr_variable *v = NULL; env && (v = next_variable(l, v));) {
        if (!v->value)
            continue;
        hr_buf_init(&one, (size_t)2 * 64 * 1024);
        if (hr_buf_addf(&one, "%s=%s", v->name, v->value) == 0)
            env[n++] = hr_buf_take(&one);
        hr_buf_free(&one);
    }
    struct hr_preflight_facts facts = {.env = env, .say = say_preflight, .arg = l};
    if (env) {
        hr_preflight_values(&facts);
        hr_preflight_names(&facts);
    }
    for (size_t i = 0; i < n; i++)
        free(env[i]);
    free((void *)env);
}

static void check_keys(struct hr_lint *l)
{
    static const char list[] = "OH_SESSION_API_KEYS_";
    for (const struct hr_variable *v = NULL; (v = next_variable(l, v));)
        if (v->value && hr_preflight_blank(v->value) &&
            (strcmp(v->name, "SESSION_API_KEY") == 0 ||
             strncmp(v->name, list, sizeof(list) - 1) == 0))
            hr_lint_say(l, HR_LINT_SESSION_KEY_EMPTY, v->by, v->word,
                        "%s is empty: the server would ask for no key", v->name);
}

static void check_unused(struct hr_lint *l)
{
    /* since: the first server known not to read it; "": none ever has. */
    static const struct {
        const char *name, *since;
    } unread[] = {{"OH_ENABLE_VNC", "1.58.0"}, {"NOVNC_PORT", "1.58.0"}, {"ENV_LOG_LEVEL", ""}};
    for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++) {
        const struct hr_variable *v = hr_stage_variable(l->target, unread[i].name);
        if (v && (!*unread[i].since ||
                  (*l->version && hr_version_compare(l->version, unread[i].since) >= 0)))
            hr_lint_say(l, HR_LINT_SERVER_VARIABLE_UNUSED, v->by, v->word,
                        "%s is read by no agent-server%s%s", v->name,
                        *unread[i].since ? " from " : "", *unread[i].since ? "1.58 on" : "");
    }
}

void hr_check_environment(struct hr_lint *l)
{
    static const char *const linker[] = {"LD_PRELOAD", "LD_LIBRARY_PATH"};
    if (!l->server)
        return;
    check_as_server(l);
    check_keys(l);
    check_unused(l);
    for (size_t i = 0; i < 2; i++) {
        const struct hr_variable *v = hr_stage_variable(l->target, linker[i]);
        if (v && (!v->value || *v->value))
            hr_lint_say(l, HR_LINT_LIBRARY_PATH, v->by, v->word,
                        "ENV %s reaches every program of the container", v->name);
    }
}

/* ---- the custom agent ------------------------------------------------------------------------ */

static bool runs_any(const struct hr_script *script, const char *const *names, size_t n)
{
    for (size_t c = 0; c < script->n; c++)
        for (size_t k = 0; k < n; k++)
            if (strcmp(script->commands[c].name, names[k]) == 0)
                return true;
    return false;
}

/* Is it name or name.py? */
static bool is_module(const char *path, const char *name)
{
    size_t n;
    size_t m = strlen(name);
    const char *last = hr_path_name(path, &n);
    return n >= m && strncmp(last, name, m) == 0 &&
           (n == m || (n == m + 3 && strncmp(last + m, ".py", 3) == 0));
}

/* Does the folder that something is copied to lie where modules are looked for? */
static bool is_on_path(const struct hr_lint *l, const struct hr_site *s)
{
    if (hr_stage_variable(l->target, "CUSTOM_AGENT_PATH") ||
        hr_stage_variable(l->target, "OH_EXTRA_PYTHON_PATH") ||
        hr_stage_variable(l->target, "PYTHONPATH") || !s->to)
        return true;
    return !*s->to || strcmp(s->to, "/app") == 0 || strstr(s->to, "python") ||
           (s->workdir && strcmp(s->to, s->workdir) == 0);
}

/* Can this instruction bring a module of that name?  A folder, an archive and most commands can
 * bring anything. */
static bool may_bring(const struct hr_lint *l, const struct hr_site *s, const char *name)
{
    static const char *const commands[] = {"pip",  "pip3", "uv",    "git",   "conda",   "poetry",
                                           "tar",  "cp",   "mv",    "ln",    "python",  "python3",
                                           "curl", "wget", "unzip", "rsync", "install", "cat",
                                           "tee",  "echo", "printf"};
    size_t n;
    if (s->i->kind == HR_RUN)
        return runs_any(&s->script, commands, sizeof(commands) / sizeof(commands[0]));
    if (s->i->kind != HR_COPY && s->i->kind != HR_ADD)
        return false;
    for (size_t k = 0; k < s->i->words.n; k++) {
        const char *path = s->i->words.at[k].expanded;
        const char *last = hr_path_name(path, &n);
        bool folder = k + 1 < s->i->words.n &&
                      (!n || *last == '.' || strpbrk(last, "*?[") || !memchr(last, '.', n));
        if (is_module(path, name) || (folder && is_on_path(l, s)))
            return true;
    }
    return false;
}

static void check_module_comes(struct hr_lint *l, const struct hr_variable *module)
{
    char name[256];
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(module->value, "."), module->value);
    for (size_t k = 0; k < l->d->ninstructions; k++)
        if (l->sites[k].kept && may_bring(l, &l->sites[k], name))
            return;
    hr_lint_say(l, HR_LINT_AGENT_MODULE_MISSING, module->by, module->word,
                "CUSTOM_AGENT_MODULE is %s, and no instruction brings %s or %s.py", module->value,
                name, name);
}

void hr_check_agent_module(struct hr_lint *l)
{
    if (!l->target || !l->server)
        return;
    const struct hr_variable *v = hr_stage_variable(l->target, "CUSTOM_AGENT_MODULE");
    if (!v || !v->value || hr_preflight_blank(v->value))
        return;
    size_t n = strlen(v->value);
    if (!hr_agent_module_is_native(v->value) && !hr_agent_module_is_python(v->value))
        hr_lint_say(l, HR_LINT_AGENT_MODULE_NAME, v->by, v->word,
                    "CUSTOM_AGENT_MODULE is \"%.200s\"", v->value);
    else if (n > 3 && strcmp(v->value + n - 3, ".py") == 0)
        hr_lint_say(l, HR_LINT_AGENT_MODULE_NAME, v->by, v->word,
                    "CUSTOM_AGENT_MODULE is \"%.200s\": that means a module called py in a package",
                    v->value);
    else if (hr_agent_module_is_python(v->value))
        check_module_comes(l, v);
}
