/* SPDX-License-Identifier: MIT
 * agent_config.json.  See agent_config.h. */
#include "agent_config.h"

#include "common/buf.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/utf8.h"
#include "registry.h"
#include "setting_json.h"
#include "settings.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define AT_MOST "255 bytes at most"
_Static_assert(HR_AGENT_NAME_MAX == 255, "AT_MOST says it");

static const char module_variable[] = "CUSTOM_AGENT_MODULE";
static const char class_variable[] = "CUSTOM_AGENT_CLASS";
static const char tools_variable[] = "HANDRAIL_AGENT_TOOLS"; /* see loader/python/README.md */

/* ---- names ----------------------------------------------------------------------------------- */

bool hr_agent_module_is_native(const char *module)
{
    size_t n = strlen(module);
    return strncmp(module, "native:", 7) == 0 ||
           (module[0] == '/' && n > 4 && strcmp(module + n - 3, ".so") == 0);
}

/* dots: are they allowed, between names? */
static bool is_name(const char *name, bool dots)
{
    bool start = true;
    if (strlen(name) > HR_AGENT_NAME_MAX)
        return false;
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
        bool digit = c >= '0' && c <= '9';
        bool dot = dots && c == '.';
        if (start ? !letter : !letter && !digit && !dot)
            return false;
        start = dot;
    }
    return !start;
}

bool hr_agent_module_is_python(const char *module)
{
    return is_name(module, true);
}

/* As Kubernetes has it for a variable. */
static bool is_variable_name(const char *name)
{
    static const char more[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-.0123456789";
    return *name && !strchr("-.0123456789", *name) && !name[strspn(name, more)];
}

static bool is_tool_name(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = strlen(name);
    return n >= 1 && n <= 128 && strspn(name, allowed) == n;
}

/* ---- the agent and its tools ----------------------------------------------------------------- */

/* An object under `key`, or NULL: there is none, or it was said that it is none. */
static const json_t *get_object(struct hr_config_file *f, const json_t *root, const char *key)
{
    struct hr_pointer p;
    const json_t *v = json_object_get(root, key);
    if (!v || json_is_object(v))
        return v;
    hr_config_problem(f, hr_pointer_key(&p, "", key), "an object", hr_config_type_name(v));
    return NULL;
}

static void read_agent(struct hr_config_file *f, const json_t *agent)
{
    static const char *const known[] = {"module", "class"};
    static const char want_module[] =
        "the name of a Python module such as my_agent or "
        "agents.mine (" AT_MOST "), native:<plugin id>, or the absolute path of a .so";
    static const char want_class[] = "the name of a class in the module (" AT_MOST ")";
    hr_config_unknown_keys(f, "/agent", agent, known, COUNT(known));
    const char *module = hr_config_string(f, "/agent", agent, "module", want_module);
    const char *class = hr_config_string(f, "/agent", agent, "class", want_class);
    bool native = module && hr_agent_module_is_native(module);
    if (module && !native && !hr_agent_module_is_python(module))
        hr_config_problem(f, "/agent/module", want_module, *module ? module : "an empty one");
    if (class && !is_name(class, false))
        hr_config_problem(f, "/agent/class", want_class, *class ? class : "an empty one");
    if (json_object_get(agent, "class") && !json_object_get(agent, "module"))
        hr_config_problem(f, "/agent/module", "the module that has the class", "nothing");
    if (native && class)
        hr_config_problem(f, "/agent/class", "nothing, because a native plugin has no class",
                          class);
}

static void read_tool(struct hr_config_file *f, const json_t *tools, size_t index)
{
    static const char *const known[] = {"name", "module"};
    static const char want_name[] = "1 to 128 characters of A-Z a-z 0-9 . _ -";
    static const char want_module[] =
        "the name of a Python module such as my_tools or tools.mine (" AT_MOST ")";
    struct hr_pointer here;
    struct hr_pointer p;
    const char *at = hr_pointer_index(&here, "/tools", index);
    const json_t *tool = json_array_get(tools, index);
    if (!json_is_object(tool)) {
        hr_config_problem(f, at, "an object with a name", hr_config_type_name(tool));
        return;
    }
    hr_config_unknown_keys(f, at, tool, known, COUNT(known));
    const char *name = hr_config_string(f, at, tool, "name", want_name);
    const char *module = hr_config_string(f, at, tool, "module", want_module);
    if (!json_object_get(tool, "name"))
        hr_config_problem(f, hr_pointer_key(&p, at, "name"), want_name, "nothing");
    if (name && !is_tool_name(name))
        hr_config_problem(f, hr_pointer_key(&p, at, "name"), want_name,
                          *name ? name : "an empty one");
    if (module && !hr_agent_module_is_python(module))
        hr_config_problem(f, hr_pointer_key(&p, at, "module"), want_module,
                          *module ? module : "an empty one");
    for (size_t i = 0; i < index && name; i++) {
        const char *other = json_string_value(json_object_get(json_array_get(tools, i), "name"));
        if (other && strcmp(other, name) == 0)
            hr_config_problem(f, hr_pointer_key(&p, at, "name"), "a name that no other tool has",
                              name);
    }
}

static void read_tools(struct hr_config_file *f, const json_t *tools)
{
    if (!tools)
        return;
    if (!json_is_array(tools)) {
        hr_config_problem(f, "/tools", "an array", hr_config_type_name(tools));
        return;
    }
    if (json_array_size(tools) > HR_AGENT_TOOLS_MAX) {
        hr_config_problem(f, "/tools", "at most 64 tools", "more");
        return;
    }
    for (size_t i = 0; i < json_array_size(tools); i++)
        read_tool(f, tools, i);
}

/* ---- the environment ------------------------------------------------------------------------- */

/* What is read before this file, or is ours to set for the server. */
static bool is_reserved(const char *name)
{
    static const char *const ours[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                       "LISTEN_FDS",    "LISTEN_PID",    "LISTEN_FDNAMES"};
    for (size_t i = 0; i < COUNT(ours); i++)
        if (strcmp(name, ours[i]) == 0)
            return true;
    return strncmp(name, "HANDRAIL_", 9) == 0 && strcmp(name, "HANDRAIL_AGENT_DEFAULT") != 0;
}

static void say_reserved(struct hr_config_file *f, const char *pointer, const char *name)
{
    char expected[128] = "a variable that is the server's; this one is for the container";
    for (size_t i = 0; i < hr_nsettings; i++)
        if (strcmp(hr_settings[i].variable, name) == 0)
            (void)snprintf(expected, sizeof(expected),
                           "\"%s\" in the object \"handrail\" instead of a variable",
                           hr_settings[i].option);
    hr_config_problem(f, pointer, expected, name);
}

/* Values are never shown: there are keys among them. */
static void read_variable(struct hr_config_file *f, const char *name, const json_t *v)
{
    struct hr_pointer p;
    const char *at = hr_pointer_key(&p, "/environment", name);
    if (!is_variable_name(name))
        hr_config_problem(f, at,
                          "the name of a variable: letters, digits and _ - . after a letter "
                          "or _",
                          "another");
    else if (is_reserved(name))
        say_reserved(f, at, name);
    if (!json_is_string(v))
        hr_config_problem(f, at, "a string: the value of a variable is text, in quotes",
                          hr_config_type_name(v));
    else if (strlen(name) + 1 + json_string_length(v) > HR_AGENT_VALUE_MAX)
        hr_config_problem(f, at, "at most 131071 bytes with its name, which is the kernel's limit",
                          "more");
}

static void read_environment(struct hr_config_file *f, const json_t *root)
{
    static const char *const pairs[][2] = {{module_variable, "module"}, {class_variable, "class"}};
    const json_t *environment = get_object(f, root, "environment");
    const json_t *agent = json_object_get(root, "agent");
    const char *name = NULL;
    json_t *v = NULL;
    /* jansson's iteration takes no const object, and changes nothing */
    json_object_foreach ((json_t *)(uintptr_t)environment, name, v)
        read_variable(f, name, v);
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct hr_pointer p;
        const json_t *a = json_object_get(environment, pairs[i][0]);
        const json_t *b = json_object_get(agent, pairs[i][1]);
        if (json_is_string(a) && json_is_string(b) && !json_equal(a, b))
            hr_config_problem(f, hr_pointer_key(&p, "/environment", pairs[i][0]),
                              "what \"agent\" says, or nothing", json_string_value(a));
    }
}

/* ---- our own settings ------------------------------------------------------------------------ */

/* What the object says, into `own`. */
static void read_settings(struct hr_config_file *f, const json_t *object, struct hr_config *own)
{
    const char *key = NULL;
    json_t *v = NULL;
    json_object_foreach ((json_t *)(uintptr_t)object, key, v) {
        struct hr_pointer p;
        const char *at = hr_pointer_key(&p, "/handrail", key);
        const struct hr_setting *s = hr_setting_find(key, strlen(key));
        if (!s) {
            hr_config_unknown_key(f, at,
                                  "the name of an option of handrail run, without its dashes",
                                  hr_config_file_is_full(f) ? NULL : hr_setting_nearest(key));
        } else if (strcmp(key, "config-dir") == 0) {
            hr_config_problem(f, at, "an option or HANDRAIL_CONFIG_DIR", "a key of this file");
        } else {
            hr_setting_take_json(f, at, s, v, own);
            own->origins[s - hr_settings] = HR_FROM_FILE;
        }
    }
}

/* ---- the file -------------------------------------------------------------------------------- */

static void read_root(struct hr_config_file *f, const json_t *root, struct hr_config *own)
{
    static const char *const known[] = {"agent", "tools", "environment", "handrail", "$schema"};
    if (!json_is_object(root)) {
        hr_config_problem(f, "", "an object", hr_config_type_name(root));
        return;
    }
    hr_config_unknown_keys(f, "", root, known, COUNT(known));
    (void)hr_config_string(f, "", root, "$schema", "a string, where the schema is");
    read_agent(f, get_object(f, root, "agent"));
    read_tools(f, json_object_get(root, "tools"));
    read_environment(f, root);
    read_settings(f, get_object(f, root, "handrail"), own);
}

int hr_agent_config_parse(const char *name, const char *text, size_t len, struct hr_config *c)
{
    struct hr_config_file f = {.name = name};
    struct hr_config own = {0};
    hr_settings_default(&own);
    json_t *root = hr_config_file_parse(&f, text, len);
    if (root)
        read_root(&f, root, &own);
    json_decref(c->agent_config);
    c->agent_config = root; /* the settings borrow from it */
    hr_settings_merge(c, &own);
    return hr_config_file_done(&f);
}

int hr_agent_config_load(struct hr_config *c)
{
    struct hr_buf text;
    struct hr_config_file f = {.name = c->agent_config_path};
    int code = 0;
    hr_buf_init(&text, HR_CONFIG_FILE_MAX);
    int err = hr_config_file_bytes(c->agent_config_path, &text);
    if (!err) {
        code = hr_agent_config_parse(f.name, hr_buf_str(&text), text.len, c);
    } else if (err != -ENOENT) {
        hr_config_file_unread(&f, err);
        code = HR_EXIT_CONFIG;
    }
    hr_buf_free(&text);
    return code;
}

/* ---- making it true -------------------------------------------------------------------------- */

static bool is_blank(const char *text)
{
    return !text || !text[strspn(text, " \t\r\n")];
}

static const char *of_agent(const struct hr_config *c, const char *key)
{
    return json_string_value(json_object_get(json_object_get(c->agent_config, "agent"), key));
}

const char *hr_agent_config_module(const struct hr_config *c, const char **ret_where)
{
    const char *variable = getenv(module_variable);
    const char *given = of_agent(c, "module");
    *ret_where = json_object_get(c->environment, module_variable)
                     ? "the agent's module, as it was when the container was started,"
                     : module_variable;
    if (!is_blank(variable))
        return variable;
    if (given)
        *ret_where = "\"module\" of \"agent\" in agent_config.json";
    else if (!variable)
        given = json_string_value(
            json_object_get(json_object_get(c->agent_config, "environment"), module_variable));
    return is_blank(given) ? NULL : given;
}

/* Into our environment, and noted.  0 or -ENOMEM. */
static int put(struct hr_config *c, const char *name, const char *value)
{
    if (setenv(name, value, 1) < 0)
        return -ENOMEM;
    return json_object_set_new(c->environment, name, json_string(value)) < 0 ? -ENOMEM : 0;
}

/* The class of the file is one of its module; so it is left out with another module. */
static int put_agent(struct hr_config *c)
{
    const char *given = getenv(module_variable);
    const char *module = of_agent(c, "module");
    const char *class = of_agent(c, "class");
    int err = 0;
    if (module && is_blank(given))
        err = put(c, module_variable, module);
    bool same = module && (is_blank(given) || strcmp(given, module) == 0);
    if (!err && class && same && is_blank(getenv(class_variable)))
        err = put(c, class_variable, class);
    return err;
}

/* For our Python helper: "name=module,..." of the tools that have a module. */
static int put_tools(struct hr_config *c)
{
    struct hr_buf b;
    const json_t *tool = NULL;
    size_t i = 0;
    int err = 0;
    hr_buf_init(&b, HR_AGENT_VALUE_MAX);
    json_array_foreach (json_object_get(c->agent_config, "tools"), i, tool) {
        const char *module = json_string_value(json_object_get(tool, "module"));
        if (module && !err)
            err = hr_buf_addf(&b, "%s%s=%s", b.len ? "," : "",
                              json_string_value(json_object_get(tool, "name")), module);
    }
    if (!err && b.len)
        err = put(c, tools_variable, hr_buf_str(&b));
    hr_buf_free(&b);
    return err;
}

int hr_agent_config_apply(struct hr_config *c)
{
    const char *name = NULL;
    json_t *v = NULL;
    (void)unsetenv(tools_variable); /* it is the file's, whoever else has set it */
    c->environment = json_object();
    int err = c->environment ? put_agent(c) : -ENOMEM;
    if (!err)
        err = put_tools(c);
    json_object_foreach (json_object_get(c->agent_config, "environment"), name, v)
        if (!err && !getenv(name))
            err = put(c, name, json_string_value(v));
    if (err)
        hr_error("cannot set the server's environment: %s", strerror(-err));
    return err ? HR_EXIT_OSERR : 0;
}

/* ---- native agents --------------------------------------------------------------------------- */

/* The plugin that the module names, by its id or by its file; NULL if it is not in the registry. */
static struct hr_plugin_config *find_native(struct hr_config *c, const char *id, const char *path)
{
    for (uint32_t i = 0; i < c->nplugins; i++) {
        struct hr_plugin_config *p = &c->plugins[i];
        if (p->path && (id ? strcmp(p->id, id) == 0 : strcmp(p->path, path) == 0))
            return p;
    }
    return NULL;
}

/* A plugin by its path alone: its id is the file's name, without .so and without what an id cannot
 * have.  0 or 78. */
static int add_native(struct hr_config *c, const char *where, const char *path)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    char id[HR_PLUGIN_ID_MAX + 1];
    const char *base = strrchr(path, '/') + 1;
    (void)snprintf(id, sizeof(id), "%.*s", (int)(strlen(base) - 3), base);
    for (char *s = id; *s; s++)
        if (!strchr(allowed, *s))
            *s = '_';
    size_t n = strlen(path);
    if (!*id || n >= PATH_MAX || hr_utf8_valid(path, n) != n || find_native(c, id, NULL)) {
        hr_error("%s is \"%s\": expected a .so whose path is UTF-8, and whose name, as its id, no "
                 "other plugin of %s has: list it there, and say native:<id>",
                 where, path, c->registry_path);
        return HR_EXIT_CONFIG;
    }
    int err = hr_plugin_add(c, id, path);
    if (err) {
        hr_error("%s is \"%s\": it cannot be added to the plugins: %s", where, path,
                 err == -ENOSPC ? "there are 32 already" : strerror(-err));
        return HR_EXIT_CONFIG;
    }
    c->plugins[c->nplugins - 1].required = true;
    return 0;
}

int hr_agent_config_native(struct hr_config *c)
{
    const char *where = NULL;
    const char *module = hr_agent_config_module(c, &where);
    if (!module || !hr_agent_module_is_native(module))
        return 0;
    const char *id = module[0] == '/' ? NULL : module + strlen("native:");
    struct hr_plugin_config *p = find_native(c, id, module);
    bool later = c->environment && is_blank(getenv(module_variable)); /* with the next start */
    if (p) {
        p->required = p->required || !later;
        return 0;
    }
    if (!id)
        return later ? 0 : add_native(c, where, module);
    hr_error("%s is \"%s\": %s has no enabled plugin with the id \"%s\": list it there", where,
             module, c->registry_path, id);
    return HR_EXIT_CONFIG;
}
