/* SPDX-License-Identifier: MIT
 * The tools of a plugin.  See tools.h. */
#include "tools.h"

#include "builtin_names.h"
#include "common/utf8.h"
#include "confine.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Size of the descriptor in minor 0: no plugin was ever built with a smaller one. */
enum {
    TOOL_SIZE_MINOR_0 = offsetof(handrail_tool, invoke) + sizeof(((handrail_tool *)0)->invoke),
};

static bool name_ok(const char *name)
{
    size_t n = strnlen(name, HR_TOOL_NAME_MAX + 1);
    return n > 0 && n <= HR_TOOL_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

static bool text_ok(const char *s)
{
    size_t n = strlen(s);
    return hr_utf8_valid(s, n) == n;
}

/* Parse a JSON Schema of type object.  member: its name, for the message. */
static int read_schema(const char *tool, const char *member, const char *text, json_t **ret,
                       struct hr_why *why)
{
    json_error_t where;
    json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    if (!schema)
        return hr_refuse(why, "tool \"%s\": its %s is not JSON: line %d: %s: correct it", tool,
                         member, where.line, where.text);
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (!type || strcmp(type, "object") != 0) {
        json_decref(schema);
        return hr_refuse(why,
                         "tool \"%s\": its %s does not describe an object: make it a JSON object "
                         "with \"type\": \"object\"",
                         tool, member);
    }
    *ret = schema;
    return 0;
}

static int check_schema(const char *tool, const char *member, const char *text, struct hr_why *why)
{
    json_t *schema = NULL;
    int err = read_schema(tool, member, text, &schema, why);
    json_decref(schema);
    return err;
}

static int check_name(const struct hr_plugin *p, const char *name, struct hr_why *why)
{
    if (!name || !name_ok(name))
        return hr_refuse(why,
                         "tool number %zu is called \"%.100s\": a name is 1 to %d of the "
                         "characters A-Z a-z 0-9 _ -",
                         p->ntools + 1, name ? name : "", HR_TOOL_NAME_MAX);
    if (hr_builtin_tool_name(name))
        return hr_refuse(why,
                         "tool \"%s\" has the name of one of the agent-server's own, which would "
                         "make every conversation fail: rename it",
                         name);
    for (size_t i = 0; i < p->ntools; i++)
        if (strcmp(p->tools[i].name, name) == 0)
            return hr_refuse(why, "two tools are called \"%s\": rename one", name);
    return 0;
}

static int check_tool(const struct hr_plugin *p, const handrail_tool *t, struct hr_why *why)
{
    int err = check_name(p, t->name, why);
    if (err)
        return err;
    if (!t->description || !*t->description)
        return hr_refuse(
            why, "tool \"%s\" has no description: say what it does, the model reads it", t->name);
    if (!text_ok(t->description) || (t->title && !text_ok(t->title)))
        return hr_refuse(why, "tool \"%s\": its title or description is not UTF-8: correct it",
                         t->name);
    if (!t->invoke)
        return hr_refuse(why, "tool \"%s\" has no invoke(): set it in handrail_tool", t->name);
    if (!t->input_schema)
        return hr_refuse(why,
                         "tool \"%s\" has no input_schema: a tool without arguments says "
                         "{\"type\":\"object\"}",
                         t->name);
    err = check_schema(t->name, "input_schema", t->input_schema, why);
    if (!err && t->output_schema)
        err = check_schema(t->name, "output_schema", t->output_schema, why);
    return err;
}

int hr_tools_check(struct hr_plugin *p, struct hr_why *why)
{
    const handrail_tool *const *theirs = p->api.tools;
    size_t n = 0;
    while (theirs && n <= HR_TOOLS_MAX && theirs[n])
        n++;
    if (n == 0)
        return hr_refuse(why, "offers no tool: list at least one in .tools, NULL at the end");
    if (n > HR_TOOLS_MAX)
        return hr_refuse(why, "offers more than %d tools: end .tools with NULL, or split it",
                         HR_TOOLS_MAX);
    p->tools = calloc(n, sizeof(*p->tools));
    if (!p->tools)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        handrail_tool *t = &p->tools[i];
        uint32_t size = theirs[i]->struct_size;
        if (size < TOOL_SIZE_MINOR_0)
            return hr_refuse(why,
                             "tool number %zu claims a descriptor of %u bytes, ABI 1.0 has %d: set "
                             ".struct_size to sizeof(handrail_tool)",
                             i + 1, size, (int)TOOL_SIZE_MINOR_0);
        memcpy(t, theirs[i], size < sizeof(*t) ? size : sizeof(*t));
        int err = check_tool(p, t, why);
        if (err)
            return err;
        p->ntools = i + 1;
    }
    return 0;
}

/* New reference; NULL without memory, or for a schema that no longer parses. */
static json_t *describe_tool(const handrail_tool *t)
{
    bool read_only = t->flags & HANDRAIL_TOOL_READ_ONLY;
    json_t *o = json_pack(
        "{s:s, s:s, s:s, s:o, s:{s:b, s:b, s:b, s:b}, s:I, s:I}", "name", t->name, "title",
        t->title ? t->title : t->name, "description", t->description, "inputSchema",
        json_loads(t->input_schema, 0, NULL), "annotations", "readOnlyHint", read_only,
        "destructiveHint", !read_only && !(t->flags & HANDRAIL_TOOL_NON_DESTRUCTIVE),
        "idempotentHint", (t->flags & HANDRAIL_TOOL_IDEMPOTENT) != 0, "openWorldHint",
        !(t->flags & HANDRAIL_TOOL_CLOSED_WORLD), "maxConcurrency", (json_int_t)t->max_concurrency,
        "timeoutMs", (json_int_t)t->timeout_ms);
    if (o && t->output_schema &&
        json_object_set_new(o, "outputSchema", json_loads(t->output_schema, 0, NULL)) < 0) {
        json_decref(o);
        o = NULL;
    }
    return o;
}

static int append(const char *data, size_t n, void *buf)
{
    return hr_buf_add(buf, data, n) ? -1 : 0;
}

int hr_tools_describe(struct hr_plugin *p, struct hr_why *why)
{
    int err = 0;
    json_t *list = json_array();
    for (size_t i = 0; i < p->ntools && !err; i++)
        if (json_array_append_new(list, describe_tool(&p->tools[i])) < 0)
            err = -ENOMEM;
    json_t *root = err ? NULL
                       : json_pack("{s:{s:s, s:s%, s:s*, s:O*, s:o*}, s:O}", "plugin", "id",
                                   p->api.id, "version", p->api.version,
                                   hr_utf8_valid(p->api.version, strlen(p->api.version)), "sha256",
                                   p->sha256, "confinement", hr_confine_report(), "health",
                                   p->api.health ? json_true() : NULL, "tools", list);
    if (!root)
        err = -ENOMEM;
    else if (json_dump_callback(root, append, &p->tools_json, JSON_COMPACT) < 0)
        err = hr_refuse(why,
                        "its tools' descriptions and schemas are larger than %zu bytes: "
                        "shorten them, or split the plugin",
                        p->tools_json.max);
    json_decref(root);
    json_decref(list);
    return err;
}
