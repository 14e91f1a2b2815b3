/* SPDX-License-Identifier: MIT
 * The list of tools of a toolhost.  See tools.h. */
#include "tools.h"

#include "common/json_values.h"
#include "common/utf8.h"
#include "confinement.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad(char *why, size_t size, const char *name, const char *what)
{
    (void)snprintf(why, size, "tool \"%s\": %s", name, what);
    return -EPROTO;
}

/* Providers take a function name only in this form. */
static int name_ok(const char *name, size_t len)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    return len > 0 && len <= HR_MCP_TOOL_NAME_MAX && strspn(name, allowed) == len;
}

/* The client asserts that a schema is of type "object", and a failed assertion takes every tool of
 * the conversation with it. */
static int schema_ok(const json_t *schema)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    return type && !strcmp(type, "object");
}

static uint32_t timeout_of(const json_t *timeout)
{
    json_int_t ms = json_integer_value(timeout);
    if (ms <= 0)
        return HR_MCP_TIMEOUT_DEFAULT_MS;
    return ms > HR_MCP_TIMEOUT_MAX_MS ? HR_MCP_TIMEOUT_MAX_MS : (uint32_t)ms;
}

static uint32_t concurrency_of(const json_t *limit)
{
    json_int_t n = json_integer_value(limit);
    return n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* What clients see: the members MCP knows, and none of our own. */
static json_t *entry_of(const json_t *tool)
{
    static const char *const shown[] = {"name",        "title",        "description",
                                        "inputSchema", "outputSchema", "annotations"};
    json_t *entry = json_object();
    for (size_t i = 0; entry && i < sizeof(shown) / sizeof(*shown); i++) {
        json_t *value = json_object_get(tool, shown[i]);
        if (value && json_object_set(entry, shown[i], value) < 0) {
            json_decref(entry);
            return NULL;
        }
    }
    return entry;
}

/* Is it absent or of the type the client insists on? */
static int optional(const json_t *tool, const char *key, json_type type)
{
    const json_t *value = json_object_get(tool, key);
    return !value || json_typeof(value) == type;
}

static int repeatable(const json_t *annotations)
{
    return json_is_true(json_object_get(annotations, "readOnlyHint")) ||
           json_is_true(json_object_get(annotations, "idempotentHint"));
}

/* A schema that cannot be obeyed is refused here, not half-obeyed at each call. */
static int compile_input(const json_t *schema, const char *name, struct hr_schema **ret, char *why,
                         size_t size)
{
    char reason[HR_MCP_REFUSAL_MAX];
    if (!schema_ok(schema))
        return bad(why, size, name, "its inputSchema is not of type \"object\"");
    int err = hr_schema_compile(schema, NULL, ret, reason, sizeof(reason));
    if (err == -EINVAL)
        (void)snprintf(why, size, "tool \"%s\": its inputSchema is refused: %s", name, reason);
    return err == -EINVAL ? -EPROTO : err;
}

static int parse_tool(const json_t *json, struct hr_mcp_tools *list, char *why, size_t size)
{
    struct hr_mcp_tool *tool = &list->tool[list->n];
    const json_t *name = json_object_get(json, "name");
    if (!json_is_string(name) || !name_ok(json_string_value(name), json_string_length(name))) {
        (void)snprintf(why, size, "tool number %zu has no usable name", list->n);
        return -EPROTO;
    }
    const char *text = json_string_value(name);
    if (hr_mcp_tools_find(list, text, json_string_length(name)))
        return bad(why, size, text, "is there twice");
    const json_t *output = json_object_get(json, "outputSchema");
    if (output && !schema_ok(output))
        return bad(why, size, text, "its outputSchema is not of type \"object\"");
    if (!optional(json, "title", JSON_STRING) || !optional(json, "description", JSON_STRING) ||
        !optional(json, "annotations", JSON_OBJECT) || !optional(json, "timeoutMs", JSON_INTEGER))
        return bad(why, size, text,
                   "title, description, annotations or timeoutMs has a wrong type");

    int err = compile_input(json_object_get(json, "inputSchema"), text, &tool->input, why, size);
    if (err)
        return err;
    tool->entry = entry_of(json);
    if (!tool->entry) {
        hr_schema_free(tool->input);
        return -ENOMEM;
    }
    (void)snprintf(tool->name, sizeof(tool->name), "%s", text);
    tool->name_len = json_string_length(name);
    tool->timeout_ms = timeout_of(json_object_get(json, "timeoutMs"));
    tool->max_concurrency = concurrency_of(json_object_get(json, "maxConcurrency"));
    tool->structured = output != NULL;
    tool->repeatable = repeatable(json_object_get(json, "annotations"));
    list->n++;
    return 0;
}

static int parse_list(const json_t *root, struct hr_mcp_tools **ret, char *why, size_t size)
{
    const json_t *tools = json_object_get(root, "tools");
    size_t n = json_array_size(tools);
    if (!json_is_array(tools) || n > HR_MCP_MAX_TOOLS) {
        (void)snprintf(why, size, "\"tools\" is not an array of at most %d", HR_MCP_MAX_TOOLS);
        return -EPROTO;
    }
    struct hr_mcp_tools *list = calloc(1, sizeof(*list) + n * sizeof(list->tool[0]));
    if (!list)
        return -ENOMEM;
    const json_t *plugin = json_object_get(root, "plugin");
    const char *version = json_string_value(json_object_get(plugin, "version"));
    if (version)
        (void)snprintf(list->version, sizeof(list->version), "%.*s",
                       (int)hr_utf8_valid(version, strnlen(version, HR_MCP_VERSION_MAX)), version);
    const char *sha256 = json_string_value(json_object_get(plugin, "sha256"));
    if (sha256 && strspn(sha256, "0123456789abcdef") == strlen(sha256))
        (void)snprintf(list->sha256, sizeof(list->sha256), "%s", sha256);
    list->confinement = hr_mcp_confinement_parse(plugin);
    list->has_health = json_is_true(json_object_get(plugin, "health"));
    int err = 0;
    for (size_t i = 0; i < n && !err; i++)
        err = parse_tool(json_array_get(tools, i), list, why, size);
    if (err)
        hr_mcp_tools_free(list);
    else
        *ret = list;
    return err;
}

int hr_mcp_tools_parse(const char *json, size_t len, struct hr_mcp_tools **ret, char *why,
                       size_t size)
{
    json_error_t at;
    if (hr_json_has_more(json, len, HR_MCP_TOOLS_VALUES_MAX)) {
        (void)snprintf(why, size, "more than %d JSON values: give it fewer or simpler tools",
                       HR_MCP_TOOLS_VALUES_MAX);
        return -EPROTO;
    }
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &at);
    if (!root) {
        (void)snprintf(why, size, "not JSON: %s", at.text);
        return -EPROTO;
    }
    int err = parse_list(root, ret, why, size);
    json_decref(root);
    return err;
}

void hr_mcp_tools_free(struct hr_mcp_tools *tools)
{
    for (size_t i = 0; tools && i < tools->n; i++) {
        json_decref(tools->tool[i].entry);
        hr_schema_free(tools->tool[i].input);
    }
    if (tools)
        json_decref(tools->confinement);
    free(tools);
}

const struct hr_mcp_tool *hr_mcp_tools_find(const struct hr_mcp_tools *tools, const char *name,
                                            size_t len)
{
    for (size_t i = 0; i < tools->n; i++)
        if (tools->tool[i].name_len == len && !memcmp(tools->tool[i].name, name, len))
            return &tools->tool[i];
    return NULL;
}
