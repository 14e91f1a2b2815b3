/* SPDX-License-Identifier: MIT
 * The agent-server's command.  See agent_command.h. */
#include "agent_command.h"

#include "agent_config.h"
#include "common/buf.h"
#include "common/handoff.h"
#include "common/log.h"
#include "program.h"
#include "server_command.h"
#include "server_version.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIST_MAX = 64 * 1024 }; /* bytes of a list of modules or folders */

static const char helper_module[] = "handrail_agent";

/* ---- whose command is it -------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Has this argument of python, which begins with a dash, something to say about -m?
 * 1: ret_module is its module, or NULL if that is the next argument; 0: no; 2: no, and the next
 * argument is its value; -1: no, and there is no -m after it. */
static int python_option(const char *arg, const char **ret_module)
{
    if (arg[1] == '-')
        return strcmp(arg, "--check-hash-based-pycs") == 0 ? 2 : -1;
    for (const char *c = arg + 1; *c; c++) {
        switch (*c) {
        case 'm': *ret_module = c[1] ? c + 1 : NULL; return 1;
        case 'W':
        case 'X': return c[1] ? 0 : 2;
        case 'c': return -1;
        default: break; /* "-u", or "-Bu": without a value */
        }
    }
    return 0;
}

static bool python_runs_server(char *const *argv)
{
    for (argv++; *argv && (*argv)[0] == '-' && (*argv)[1]; argv++) {
        const char *module = NULL;
        int r = python_option(*argv, &module);
        if (r == 1 && !module)
            module = argv[1];
        if (r == 1)
            return module && strcmp(module, "openhands.agent_server") == 0;
        if (r < 0 || (r == 2 && !*++argv))
            return false;
    }
    return false;
}

const char *const hr_agent_server_names[] = {"agent-server", "openhands-agent-server", NULL};

bool hr_is_agent_server(char *const *argv)
{
    if (!argv[0])
        return false;
    const char *name = base_name(argv[0]);
    for (size_t i = 0; hr_agent_server_names[i]; i++) {
        size_t n = strlen(hr_agent_server_names[i]);
        if (strncmp(name, hr_agent_server_names[i], n) == 0 &&
            (!name[n] || strcmp(name + n, ".real") == 0))
            return true;
    }
    return strncmp(name, "python", 6) == 0 && python_runs_server(argv);
}

bool hr_agent_server_answers(char *const *argv)
{
    static const char *const flags[] = {"-h", "--help", "--check-browser"};
    for (size_t i = 1; hr_is_agent_server(argv) && argv[i]; i++)
        for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
            if (strcmp(argv[i], flags[k]) == 0)
                return true;
    return false;
}

/* ---- small things ---------------------------------------------------------------------------- */

static size_t count(char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    return n;
}

/* The value of a variable, NULL when it is unset or blank, as the server reads it. */
static const char *variable(char *const *env, const char *name)
{
    size_t n = strlen(name);
    for (; *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return (*env)[n + 1 + strspn(*env + n + 1, " \t\r\n")] ? *env + n + 1 : NULL;
    return NULL;
}

/* Is `item`, of n bytes, in a list?  Blanks around an item do not count, as the server has it. */
static bool in_list(const char *list, char separator, const char *item, size_t n)
{
    while (list) {
        const char *end = strchrnul(list, separator);
        const char *from = list + strspn(list, " ");
        size_t len = from < end ? (size_t)(end - from) : 0;
        while (len && from[len - 1] == ' ')
            len--;
        if (len == n && strncmp(from, item, n) == 0)
            return true;
        list = *end ? end + 1 : NULL;
    }
    return false;
}

/* A list that is being put together: "<head><item><separator><item>". */
struct list {
    struct hr_buf text;
    size_t head; /* bytes of it */
    char separator;
    bool changed; /* there is more in it than what was there before */
    int err;
};

static void list_begin(struct list *l, const char *head, char separator)
{
    *l = (struct list){.head = strlen(head), .separator = separator};
    hr_buf_init(&l->text, LIST_MAX);
    l->err = hr_buf_adds(&l->text, head);
}

/* Add what was there before, as it is; NULL or empty: nothing. */
static void list_put(struct list *l, const char *items)
{
    if (l->err || !items || !*items)
        return;
    if (l->text.len > l->head)
        l->err = hr_buf_addc(&l->text, l->separator);
    if (!l->err)
        l->err = hr_buf_adds(&l->text, items);
}

/* Add an item of ours, unless it is in the list, or in `later`, which will be added. */
static void list_add(struct list *l, const char *item, const char *later)
{
    if (l->err || !item || !*item || in_list(later, l->separator, item, strlen(item)) ||
        in_list(hr_buf_str(&l->text) + l->head, l->separator, item, strlen(item)))
        return;
    list_put(l, item);
    l->changed = true;
}

/* The text, allocated, if anything was added; NULL if not, or after an error, which is returned. */
static int list_take(struct list *l, char **ret)
{
    *ret = !l->err && l->changed ? hr_buf_take(&l->text) : NULL;
    hr_buf_free(&l->text);
    return l->err;
}

/* ---- what is to be added --------------------------------------------------------------------- */

enum { FOLDERS_MAX = 2 /* /app and the current one, or the one that was given */ };

struct plan {
    const char *helper;                          /* its folder; NULL: not imported */
    const char *modules[HR_AGENT_TOOLS_MAX + 1]; /* of the tools, then of the custom agent */
    size_t nmodules;
    const char *folders[FOLDERS_MAX]; /* where they lie; what is in none, python finds itself */
    size_t nfolders;
    bool host; /* add --host 0.0.0.0 */
};

/* Does the folder have the first part of the module's name, as a file or as a package? */
static bool has_module(const char *folder, const char *module)
{
    char path[PATH_MAX];
    int n = (int)strcspn(module, ".");
    if (snprintf(path, sizeof(path), "%s/%.*s.py", folder, n, module) < PATH_MAX &&
        access(path, F_OK) == 0)
        return true;
    return snprintf(path, sizeof(path), "%s/%.*s/", folder, n, module) < PATH_MAX &&
           access(path, F_OK) == 0;
}

/* One more module to import.  It lies in the folder that was given, else /app, else the current
 * one, if it is in any. */
static void plan_import(struct plan *p, const struct hr_agent_places *places, const char *folder,
                        const char *module)
{
    p->modules[p->nmodules++] = module;
    if (!folder && has_module(places->app, module))
        folder = places->app;
    else if (!folder && *places->cwd && has_module(places->cwd, module))
        folder = places->cwd;
    for (size_t i = 0; i < p->nfolders && folder; i++)
        if (strcmp(p->folders[i], folder) == 0)
            folder = NULL;
    if (folder)
        p->folders[p->nfolders++] = folder;
}

/* 0 or 78. */
static int plan_modules(struct plan *p, const struct hr_agent_places *places,
                        const struct hr_config *config, char *const *env)
{
    const json_t *tools = json_object_get(config->agent_config, "tools");
    const char *module = variable(env, "CUSTOM_AGENT_MODULE");
    const char *folder = variable(env, "CUSTOM_AGENT_PATH");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const char *of_tool =
            json_string_value(json_object_get(json_array_get(tools, i), "module"));
        if (of_tool)
            plan_import(p, places, folder, of_tool);
    }
    if (!module || hr_agent_module_is_native(module)) /* a plugin: no business of Python's */
        return 0;
    if (!hr_agent_module_is_python(module)) {
        hr_error("CUSTOM_AGENT_MODULE is \"%.300s\": expected the name of a Python module, such as "
                 "my_agent or my_package.agent, of %d bytes at most, or a plugin: native:<id> or "
                 "/path/of.so",
                 module, HR_AGENT_NAME_MAX);
        return HR_EXIT_CONFIG;
    }
    plan_import(p, places, folder, module);
    return 0;
}

/* Take out what the server at `program` is too old for. */
static void plan_for_version(struct plan *p, const struct hr_config *config, const char *program)
{
    char version[HR_VERSION_TEXT];
    if ((!p->helper && !p->nmodules && !config->nplugins) || !program ||
        hr_server_version(program, version))
        return;
    if (config->nplugins && hr_version_compare(version, HR_SERVER_TOOLS_SINCE) < 0)
        hr_warn("agent-server %s gives no conversation the native tools, %s does: base the image "
                "on a newer one, or put what ~/.agents/plugins/handrail/.mcp.json holds into each "
                "agent's mcp_config",
                version, HR_SERVER_TOOLS_SINCE);
    if (!p->helper && !p->nmodules)
        return;
    if (hr_version_compare(version, HR_SERVER_IMPORTS_SINCE) < 0) {
        hr_warn("agent-server %s cannot import modules at its start, %s can: going on without %s%s",
                version, HR_SERVER_IMPORTS_SINCE,
                p->nmodules ? p->modules[p->nmodules - 1] : helper_module,
                p->nmodules > 1 ? " and those of the tools" : "");
        p->helper = NULL;
        p->nmodules = p->nfolders = 0;
    } else if (hr_version_compare(version, HR_SERVER_PATH_SINCE) < 0) {
        hr_warn(
            "agent-server %s does not read OH_EXTRA_PYTHON_PATH, %s does: going on without it%s",
            version, HR_SERVER_PATH_SINCE, p->helper ? " and without handrail_agent" : "");
        p->helper = NULL; /* it would not be found, and that ends the server */
        p->nfolders = 0;
    }
}

/* A server that waits for /api/init and has no session key yet listens on loopback only, where
 * nobody can reach it. */
static void plan_host(struct plan *p, char *const *argv, char *const *env)
{
    const char *deferred = variable(env, "OH_DEFERRED_INIT");
    const char *value = NULL;
    if (!hr_server_bool(deferred))
        return;
    /* Without OH_SECRET_KEY nothing guards /api/init: then it stays on loopback. */
    p->host = variable(env, "OH_SECRET_KEY") && hr_server_option_at(argv, "--host", &value) < 0;
    if (p->host)
        hr_info("adding --host 0.0.0.0: with OH_DEFERRED_INIT the server would listen on loopback "
                "only, where /api/init cannot be reached");
}

bool hr_imports_helper(char *const *argv)
{
    const char *value = hr_server_option(argv, "--import-modules");
    return value && in_list(value, ',', helper_module, sizeof(helper_module) - 1);
}

/* ---- the new lists --------------------------------------------------------------------------- */

/* --import-modules: our helper, what is there, the tools, the custom agent.  0 or -errno. */
static int put_modules(struct hr_agent_command *c, const struct plan *p)
{
    static const char head[] = "--import-modules=";
    const char *value = NULL;
    struct list l;
    int at = hr_server_option_at(c->argv, "--import-modules", &value);
    if (at >= 0 && !value && !(value = c->argv[at + 1]))
        return 0; /* without its value: the server will say so */
    list_begin(&l, head, ',');
    list_add(&l, p->helper ? helper_module : NULL, value);
    list_put(&l, value);
    for (size_t i = 0; i < p->nmodules; i++)
        list_add(&l, p->modules[i], NULL);
    int err = list_take(&l, &c->owned[0]);
    char *text = c->owned[0];
    if (!text)
        return err;
    if (at < 0)
        c->argv[count(c->argv)] = text;
    else if (strchr(c->argv[at], '='))
        c->argv[at] = text;
    else
        c->argv[at + 1] = text + sizeof(head) - 1;
    return 0;
}

/* OH_EXTRA_PYTHON_PATH: our helper's folder, the modules', what is there.  0 or -errno. */
static int put_path(struct hr_agent_command *c, const struct plan *p)
{
    static const char head[] = "OH_EXTRA_PYTHON_PATH=";
    const char *value = variable(c->env, "OH_EXTRA_PYTHON_PATH");
    struct list l;
    list_begin(&l, head, ':');
    list_add(&l, p->helper, value);
    for (size_t i = 0; i < p->nfolders; i++)
        list_add(&l, p->folders[i], value);
    list_put(&l, value);
    int err = list_take(&l, &c->owned[1]);
    if (!c->owned[1])
        return err;
    size_t at = 0;
    while (c->env[at] && strncmp(c->env[at], head, sizeof(head) - 1) != 0)
        at++;
    c->env[at] = c->owned[1];
    return 0;
}

/* A copy of the list with room for `more` at its end. */
static char **copy_list(char *const *list, size_t more)
{
    size_t n = count(list);
    char **copy = calloc(n + more + 1, sizeof(*copy));
    if (copy && n)
        memcpy(copy, list, n * sizeof(*copy));
    return copy;
}

static int build(const struct plan *p, char *const *argv, char *const *env,
                 struct hr_agent_command *c)
{
    static char host[] = "--host";
    static char everywhere[] = "0.0.0.0";
    c->argv = copy_list(argv, 3);
    c->env = copy_list(env, 1);
    if (!c->argv || !c->env)
        return -ENOMEM;
    if (p->host) {
        size_t n = count(c->argv);
        c->argv[n] = host;
        c->argv[n + 1] = everywhere;
    }
    int err = put_modules(c, p);
    return err ? err : put_path(c, p);
}

void hr_agent_command_free(struct hr_agent_command *c)
{
    free(c->argv);
    free(c->env);
    free(c->owned[0]);
    free(c->owned[1]);
    *c = (struct hr_agent_command){0};
}

/* Everything that is to be added to this command.  0 or 78. */
static int make_plan(struct plan *p, const struct hr_agent_places *places,
                     const struct hr_config *config, char *const *argv, char *const *env)
{
    char *program = NULL;
    int code = 0;
    (void)hr_program_find(argv[0], "", &program);
    /* Our own link in the server's place will do all this itself, and it knows which server. */
    if (!program || !hr_program_is_self(program)) {
        p->helper = config->helper ? places->helper : NULL;
        code = plan_modules(p, places, config, env);
        if (!code) {
            plan_for_version(p, config, program);
            plan_host(p, argv, env);
        }
    }
    free(program);
    return code;
}

int hr_agent_command_in(const struct hr_agent_places *places, const struct hr_config *config,
                        char *const *argv, char *const *env, struct hr_agent_command *ret)
{
    struct plan p = {0};
    struct hr_agent_command c = {0};
    bool plain = /* it runs what it is given */
        (!config->sidecar && !config->nested) || hr_agent_server_answers(argv);
    int code = !plain && hr_is_agent_server(argv) ? make_plan(&p, places, config, argv, env) : 0;
    if (code)
        return code;
    int err = build(&p, argv, env, &c);
    if (err) {
        hr_agent_command_free(&c);
        hr_error("cannot put the server's command together: %s", strerror(-err));
        return HR_EXIT_OSERR;
    }
    *ret = c;
    return 0;
}

int hr_agent_command(const struct hr_config *config, char *const *argv, char *const *env,
                     struct hr_agent_command *ret)
{
    char own[PATH_MAX];
    char helper[PATH_MAX + 32];
    char file[PATH_MAX + 64];
    char cwd[PATH_MAX];
    struct hr_agent_places places = {.app = "/app", .cwd = cwd};
    hr_program_own_folder(own, sizeof(own));
    char *slash = strrchr(own, '/'); /* <prefix>/bin */
    if (slash) {
        *slash = '\0';
        (void)snprintf(helper, sizeof(helper), "%s/share/python", own);
        (void)snprintf(file, sizeof(file), "%s/%s.py", helper, helper_module);
        if (access(file, R_OK) == 0)
            places.helper = helper;
        else
            hr_debug("no Python helper for the server: %s: %s", file, strerror(errno));
    }
    if (!getcwd(cwd, sizeof(cwd)))
        cwd[0] = '\0';
    return hr_agent_command_in(&places, config, argv, env, ret);
}
