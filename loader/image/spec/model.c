/* SPDX-License-Identifier: MIT
 * The two forms of a specification.  See model.h. */
#include "model.h"

#include "common/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 64, KEYS_BYTES = 512 };

enum type {
    TEXT,
    OPTIONAL,  /* likewise, or null, which is then taken for absent */
    TEXTS,     /* a list of texts */
    VARIABLES, /* a map of them */
    PORTS,     /* a list of maps with name and port */
};

/* path: keys with "/" between.  What has rows below it is a map. */
struct row {
    const char *path;
    enum hr_spec_field field;
    enum type type;
    bool required;
};

static const struct row object_rows[] = {
    {"apiVersion", HR_FIELD_NONE, TEXT, true},
    {"kind", HR_FIELD_NONE, TEXT, true},
    {"metadata/name", HR_FIELD_NAME, TEXT, true},
    {"metadata/version", HR_FIELD_VERSION, TEXT, true},
    {"metadata/owner", HR_FIELD_OWNER, OPTIONAL, false},
    {"metadata/permissions/users", HR_FIELD_USERS, TEXTS, false},
    {"metadata/permissions/groups", HR_FIELD_GROUPS, TEXTS, false},
    {"spec/image", HR_FIELD_IMAGE, TEXT, true},
    {"spec/description", HR_FIELD_DESCRIPTION, OPTIONAL, false},
    {"spec/agent/type", HR_FIELD_AGENT_TYPE, TEXT, false},
    {"spec/agent/module", HR_FIELD_MODULE, OPTIONAL, false},
    {"spec/agent/class", HR_FIELD_CLASS, OPTIONAL, false},
    {"spec/agent/capabilities", HR_FIELD_CAPABILITIES, TEXTS, false},
    {"spec/requirements/memory", HR_FIELD_MEMORY, OPTIONAL, false},
    {"spec/requirements/cpu", HR_FIELD_CPU, OPTIONAL, false},
    {"spec/requirements/storage", HR_FIELD_STORAGE, OPTIONAL, false},
    {"spec/environment", HR_FIELD_ENVIRONMENT, VARIABLES, false},
    {"spec/ports", HR_FIELD_PORTS, PORTS, false},
    {NULL, 0, 0, false},
};

static const struct row flat_rows[] = {
    {"id", HR_FIELD_IMAGE, TEXT, true},
    {"name", HR_FIELD_NAME, TEXT, true},
    {"version", HR_FIELD_VERSION, TEXT, true},
    {"description", HR_FIELD_DESCRIPTION, OPTIONAL, false},
    {"command", HR_FIELD_COMMAND, TEXTS, false},
    {"initial_env", HR_FIELD_ENVIRONMENT, VARIABLES, false},
    {"working_dir", HR_FIELD_WORKING_DIR, TEXT, false},
    {"agent/type", HR_FIELD_AGENT_TYPE, TEXT, false},
    {"agent/module", HR_FIELD_MODULE, OPTIONAL, false},
    {"agent/class_name", HR_FIELD_CLASS, OPTIONAL, false},
    {"agent/capabilities", HR_FIELD_CAPABILITIES, TEXTS, false},
    {"permissions/owner", HR_FIELD_OWNER, OPTIONAL, false},
    {"permissions/users", HR_FIELD_USERS, TEXTS, false},
    {"permissions/groups", HR_FIELD_GROUPS, TEXTS, false},
    {"memory_limit", HR_FIELD_MEMORY, OPTIONAL, false},
    {"cpu_limit", HR_FIELD_CPU, OPTIONAL, false},
    {"ports", HR_FIELD_PORTS, PORTS, false},
    {NULL, 0, 0, false},
};

static const struct row *const forms[] = {
    [HR_SPEC_OBJECT] = object_rows,
    [HR_SPEC_FLAT] = flat_rows,
};

/* ---- saying ---------------------------------------------------------------------------------- */

__attribute__((format(printf, 5, 0))) static void say(const struct hr_spec *s,
                                                      const struct hr_yaml_node *n, bool key,
                                                      enum hr_spec_rule rule, const char *fmt,
                                                      va_list ap)
{
    char pointer[HR_YAML_POINTER] = "";
    char text[HR_FINDING_TEXT];
    struct hr_place place = {.file = s->file, .pointer = pointer};
    if (n) {
        hr_yaml_pointer(n, pointer);
        place.line = key ? n->key_line : n->line;
        place.column = key ? n->key_column : n->column;
    }
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    hr_report_add(s->report, &hr_spec_rules[rule], &place, NULL, "%s", text);
}

void hr_spec_say(const struct hr_spec *s, const struct hr_yaml_node *n, enum hr_spec_rule rule,
                 const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(s, n, false, rule, fmt, ap);
    va_end(ap);
}

void hr_spec_say_key(const struct hr_spec *s, const struct hr_yaml_node *n, enum hr_spec_rule rule,
                     const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(s, n, true, rule, fmt, ap);
    va_end(ap);
}

/* ---- types ----------------------------------------------------------------------------------- */

const char *hr_spec_text(const struct hr_yaml_node *n)
{
    return n && n->kind == HR_YAML_TEXT ? n->text : NULL;
}

static bool is_scalar(const struct hr_yaml_node *n)
{
    return n->text != NULL;
}

static bool check_text(const struct hr_spec *s, const struct hr_yaml_node *n)
{
    if (n->kind == HR_YAML_TEXT)
        return true;
    if (n->kind == HR_YAML_NULL)
        hr_spec_say(s, n, HR_SPEC_YAML_NOT_TEXT, "%s null; text is expected",
                    *n->text ? "this is" : "nothing is here, which is");
    else if (is_scalar(n))
        hr_spec_say(s, n, HR_SPEC_YAML_NOT_TEXT, "%.64s is %s: write \"%.64s\"", n->text, n->what,
                    n->text);
    else
        hr_spec_say(s, n, HR_SPEC_TYPE, "expected text, got %s", n->what);
    return false;
}

static bool check_kind(const struct hr_spec *s, const struct hr_yaml_node *n,
                       enum hr_yaml_kind kind)
{
    if (n->kind == kind)
        return true;
    hr_spec_say(s, n, HR_SPEC_TYPE, "expected a %s, got %s", kind == HR_YAML_LIST ? "list" : "map",
                n->what);
    return false;
}

static void check_texts(const struct hr_spec *s, const struct hr_yaml_node *n)
{
    for (const struct hr_yaml_node *c = n->first; c; c = c->next)
        (void)check_text(s, c);
}

static void check_port_members(const struct hr_spec *s, const struct hr_yaml_node *port)
{
    const struct hr_yaml_node *name = hr_yaml_member(port, "name");
    for (const struct hr_yaml_node *c = port->first; c; c = c->next)
        if (strcmp(c->key, "name") != 0 && strcmp(c->key, "port") != 0)
            hr_spec_say_key(s, c, HR_SPEC_UNKNOWN_KEY, "unknown; known here: name, port");
    if (name)
        (void)check_text(s, name);
    else
        hr_spec_say(s, port, HR_SPEC_MISSING, "name is missing");
    if (!hr_yaml_member(port, "port"))
        hr_spec_say(s, port, HR_SPEC_MISSING, "port is missing");
}

static void check_ports(const struct hr_spec *s, const struct hr_yaml_node *n)
{
    for (const struct hr_yaml_node *c = n->first; c; c = c->next)
        if (check_kind(s, c, HR_YAML_MAP))
            check_port_members(s, c);
}

/* Is the node of the type?  Its children are complained about, but do not count. */
static bool check_type(const struct hr_spec *s, const struct hr_yaml_node *n, enum type type)
{
    bool one = type == TEXT || type == OPTIONAL;
    bool good =
        one ? check_text(s, n) : check_kind(s, n, type == VARIABLES ? HR_YAML_MAP : HR_YAML_LIST);
    if (good && type == PORTS)
        check_ports(s, n);
    else if (good && !one)
        check_texts(s, n);
    return good;
}

/* ---- the tables ------------------------------------------------------------------------------ */

/* If a row's path leads below prefix ("" or "metadata/"): the bytes of its next key, from *ret_key
 * on; 0 otherwise. */
static size_t next_key(const struct row *row, const char *prefix, const char **ret_key)
{
    size_t n = strlen(prefix);
    if (strncmp(row->path, prefix, n) != 0)
        return 0;
    *ret_key = row->path + n;
    return strcspn(row->path + n, "/");
}

/* The keys that may stand below prefix: "name, version".  Rows of one map follow each other. */
static void list_keys(const struct row *rows, const char *prefix, struct hr_buf *out)
{
    const char *last = "";
    size_t last_n = 0;
    for (const struct row *row = rows; row->path; row++) {
        const char *key = NULL;
        size_t n = next_key(row, prefix, &key);
        if (!n || (n == last_n && strncmp(key, last, n) == 0))
            continue;
        (void)hr_buf_addf(out, "%s%.*s", out->len ? ", " : "", (int)n, key);
        last = key;
        last_n = n;
    }
}

/* The first row that leads to this key below prefix, or through it.  NULL: the key is unknown. */
static const struct row *find_row(const struct row *rows, const char *prefix, const char *key)
{
    for (const struct row *row = rows; row->path; row++) {
        const char *known = NULL;
        size_t n = next_key(row, prefix, &known);
        if (n && n == strlen(key) && strncmp(known, key, n) == 0)
            return row;
    }
    return NULL;
}

static void say_unknown(const struct hr_spec *s, const struct hr_yaml_node *n, const char *prefix)
{
    struct hr_buf keys;
    hr_buf_init(&keys, KEYS_BYTES);
    list_keys(forms[s->form], prefix, &keys);
    hr_spec_say_key(s, n, HR_SPEC_UNKNOWN_KEY, "unknown; known here: %s", hr_buf_str(&keys));
    hr_buf_free(&keys);
}

/* Every member of this map, and of those in it; as deep as the paths of the table. */
static void fill_map(struct hr_spec *s, const struct hr_yaml_node *map, const char *prefix)
{
    for (const struct hr_yaml_node *c = map->first; c; c = c->next) {
        char path[PATH_BYTES];
        const struct row *row = find_row(forms[s->form], prefix, c->key);
        if (!row) {
            say_unknown(s, c, prefix);
            continue;
        }
        (void)snprintf(path, sizeof(path), "%s%s", prefix, c->key);
        bool leaf = strcmp(path, row->path) == 0;
        if (leaf && row->type == OPTIONAL && c->kind == HR_YAML_NULL)
            continue;
        if (leaf && check_type(s, c, row->type) && row->field != HR_FIELD_NONE)
            s->field[row->field] = c;
        if (leaf || !check_kind(s, c, HR_YAML_MAP))
            continue;
        (void)snprintf(path, sizeof(path), "%s%s/", prefix, c->key);
        fill_map(s, c, path);
    }
}

/* Say that a required path leads nowhere, at the last place on it that there is; not if something
 * on it is of a wrong type, which has been said. */
static void check_required(const struct hr_spec *s, const struct row *row)
{
    const struct hr_yaml_node *at = s->root;
    for (const char *key = row->path; *key; key += strcspn(key, "/") + (strchr(key, '/') != NULL)) {
        char name[PATH_BYTES];
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(key, "/"), key);
        const struct hr_yaml_node *next = hr_yaml_member(at, name);
        if (!next && at->kind == HR_YAML_MAP)
            hr_spec_say(s, at, HR_SPEC_MISSING, "%s is missing", key);
        if (!next)
            return;
        at = next;
    }
}

/* apiVersion and kind: one value each. */
static void check_constant(const struct hr_spec *s, const char *key, const char *value)
{
    const struct hr_yaml_node *n = hr_yaml_member(s->root, key);
    const char *text = hr_spec_text(n);
    if (text && strcmp(text, value) != 0)
        hr_spec_say(s, n, HR_SPEC_KIND, "%s is \"%.64s\"; expected %s", key, text, value);
}

bool hr_spec_fill(struct hr_spec *s)
{
    static const char *const signs[] = {"apiVersion", "kind", "metadata", "spec"};
    if (!check_kind(s, s->root, HR_YAML_MAP))
        return false;
    s->form = HR_SPEC_FLAT;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (hr_yaml_member(s->root, signs[i]))
            s->form = HR_SPEC_OBJECT;
    fill_map(s, s->root, "");
    for (const struct row *row = forms[s->form]; row->path; row++)
        if (row->required)
            check_required(s, row);
    if (s->form == HR_SPEC_OBJECT) {
        check_constant(s, "apiVersion", "openhands.ai/v1");
        check_constant(s, "kind", "SandboxSpec");
    }
    return true;
}
