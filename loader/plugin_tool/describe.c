/* SPDX-License-Identifier: MIT
 * What a plugin's file holds.  See describe.h. */
#include "describe.h"

#include "common/utf8.h"
#include "loader/cli/text.h"
#include "loader/plugin_file/judge.h"

#include <stdio.h>
#include <string.h>

/* A string of the plugin's, which may be NULL or no UTF-8. */
static json_t *text(const char *s)
{
    if (!s)
        return json_null();
    return hr_utf8_valid(s, strlen(s)) == strlen(s) ? json_string(s) : json_string("(not UTF-8)");
}

/* A schema as what it says, or as text if it is not JSON. */
static json_t *schema(const char *s)
{
    json_t *o = s ? json_loads(s, 0, NULL) : NULL;
    return o ? o : text(s);
}

static json_t *describe_tool(const handrail_tool *t)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:b, s:I, s:I}", "name",
                     text(t->name), "title", text(t->title), "description", text(t->description),
                     "inputSchema", schema(t->input_schema), "outputSchema",
                     schema(t->output_schema), "readOnly",
                     (t->flags & HANDRAIL_TOOL_READ_ONLY) != 0, "nonDestructive",
                     (t->flags & HANDRAIL_TOOL_NON_DESTRUCTIVE) != 0, "idempotent",
                     (t->flags & HANDRAIL_TOOL_IDEMPOTENT) != 0, "closedWorld",
                     (t->flags & HANDRAIL_TOOL_CLOSED_WORLD) != 0, "maxConcurrency",
                     (json_int_t)t->max_concurrency, "timeoutMs", (json_int_t)t->timeout_ms);
}

static json_t *describe_plugin(const struct hr_descriptor *d)
{
    json_t *tools = json_array();
    for (size_t i = 0; i < d->ntools; i++)
        (void)json_array_append_new(tools, describe_tool(&d->tools[i]));
    return json_pack("{s:o, s:o, s:I, s:I, s:o, s:b, s:b, s:o}", "id", text(d->plugin.id),
                     "version", text(d->plugin.version), "builtMinor",
                     (json_int_t)d->plugin.built_minor, "needsMinor",
                     (json_int_t)d->plugin.needs_minor, "configSchema",
                     schema(d->plugin.config_schema), "hasHealth", d->plugin.health != NULL,
                     "hasCancel", d->plugin.cancel != NULL, "tools", tools);
}

/* In a damaged file they can all be one endless name. */
static json_t *describe_exports(const struct hr_elf *e)
{
    enum { TEXT_MAX = 1024 * 1024 }; /* bytes of all names; then "..." */
    const char *name = NULL;
    size_t total = 0;
    json_t *exports = json_array();
    for (size_t i = 0; i < e->nsymbols && total < TEXT_MAX; i++) {
        if (!hr_elf_exported(e, i, &name))
            continue;
        total += strnlen(name, TEXT_MAX) + 1;
        (void)json_array_append_new(exports, total < TEXT_MAX ? text(name) : json_string("..."));
    }
    return exports;
}

static json_t *describe_elf(const struct hr_elf *e)
{
    const char *machine = hr_elf_machine_name(e->machine);
    char number[24];
    json_t *needed = json_array();
    (void)snprintf(number, sizeof(number), "%u", e->machine);
    for (size_t i = 0; i < e->nneeded; i++)
        (void)json_array_append_new(needed, text(e->needed[i]));
    return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "machine",
                     machine ? machine : number, "native", e->is_native, "needed", needed, "glibc",
                     e->is_native ? text(hr_elf_highest_version(e, "GLIBC_")) : json_null(),
                     "rpath", text(e->rpath), "runpath", text(e->runpath), "exports",
                     describe_exports(e), "executableStack", e->executable_stack, "textRelocations",
                     e->text_relocations);
}

json_t *hr_describe_json(const char *path, const struct hr_plugin_file *file,
                         const struct hr_elf *e, const struct hr_descriptor *d)
{
    return json_pack("{s:s, s:I, s:s, s:o, s:o}", "file", path, "bytes", (json_int_t)file->len,
                     "sha256", file->sha256, "elf", describe_elf(e), "plugin",
                     d ? describe_plugin(d) : json_null());
}

/* ---- for people ---------------------------------------------------------------------------- */

static void line(const char *name, const char *value)
{
    (void)printf("  %-10s ", name);
    hr_text_print(stdout, value);
    (void)putchar('\n');
}

static void print_list(const char *name, const json_t *list, const char *none, const char *extra)
{
    const json_t *item = NULL;
    size_t i = 0;
    (void)printf("  %-10s ", name);
    json_array_foreach (list, i, item) {
        if (i)
            (void)fputs(", ", stdout);
        hr_text_print(stdout, json_string_value(item));
    }
    if (json_array_size(list) == 0)
        (void)fputs(none, stdout);
    if (extra)
        (void)printf(" (%s)", extra);
    (void)putchar('\n');
}

/* "string", "integer or null", "any". */
static void print_type(const json_t *property)
{
    const json_t *type = json_object_get(property, "type");
    const json_t *item = NULL;
    size_t i = 0;
    if (json_is_string(type))
        hr_text_print(stdout, json_string_value(type));
    else if (!json_is_array(type))
        (void)fputs(json_object_get(property, "enum") ? "one of a list" : "any", stdout);
    json_array_foreach (type, i, item) {
        if (i)
            (void)fputs(" or ", stdout);
        hr_text_print(stdout, json_is_string(item) ? json_string_value(item) : "?");
    }
}

static bool is_required(const json_t *schema_object, const char *name)
{
    const json_t *item = NULL;
    size_t i = 0;
    json_array_foreach (json_object_get(schema_object, "required"), i, item)
        if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
            return true;
    return false;
}

static void print_properties(const json_t *schema_object)
{
    const char *name = NULL;
    json_t *property = NULL;
    json_object_foreach (json_object_get(schema_object, "properties"), name, property) {
        (void)fputs("      ", stdout);
        hr_text_print(stdout, name);
        (void)fputs("  ", stdout);
        print_type(property);
        if (is_required(schema_object, name))
            (void)fputs(", required", stdout);
        const char *said = json_string_value(json_object_get(property, "description"));
        if (said) {
            (void)fputs(": ", stdout);
            hr_text_print(stdout, said);
        }
        (void)putchar('\n');
    }
}

static void print_tool(const json_t *t)
{
    long long timeout = json_integer_value(json_object_get(t, "timeoutMs"));
    long long many = json_integer_value(json_object_get(t, "maxConcurrency"));
    (void)fputs("    ", stdout);
    hr_text_print(stdout, hr_text_get(t, "name", "(no name)"));
    (void)printf("  %s, %s%s%s, ",
                 json_is_true(json_object_get(t, "readOnly")) ? "read-only" : "may write",
                 json_is_true(json_object_get(t, "readOnly")) ||
                         json_is_true(json_object_get(t, "nonDestructive"))
                     ? "not destructive"
                     : "may destroy",
                 json_is_true(json_object_get(t, "idempotent")) ? ", idempotent" : "",
                 json_is_true(json_object_get(t, "closedWorld")) ? ", closed world" : "");
    if (many)
        (void)printf("%lld at a time, ", many);
    if (timeout)
        (void)printf("%.3g s\n", (double)timeout / 1000.0);
    else
        (void)printf("60 s\n");
    (void)fputs("      ", stdout);
    hr_text_print(stdout, hr_text_get(t, "description", "(no description)"));
    (void)putchar('\n');
    print_properties(json_object_get(t, "inputSchema"));
}

static void print_plugin(const json_t *p)
{
    char abi[64];
    const json_t *tool = NULL;
    const json_t *config = json_object_get(p, "configSchema");
    size_t i = 0;
    (void)snprintf(abi, sizeof(abi), "built for %u.%lld, needs %u.%lld", HANDRAIL_ABI_MAJOR,
                   (long long)json_integer_value(json_object_get(p, "builtMinor")),
                   HANDRAIL_ABI_MAJOR,
                   (long long)json_integer_value(json_object_get(p, "needsMinor")));
    line("abi", abi);
    (void)printf("  %-10s%s\n", "config", json_is_null(config) ? " none" : "");
    print_properties(config);
    (void)printf("  tools\n");
    json_array_foreach (json_object_get(p, "tools"), i, tool)
        print_tool(tool);
}

void hr_describe_print(const json_t *o)
{
    char size[64];
    const json_t *elf = json_object_get(o, "elf");
    const json_t *plugin = json_object_get(o, "plugin");
    hr_text_print(stdout, hr_text_get(plugin, "id", "(no descriptor found)"));
    (void)putchar(' ');
    hr_text_print(stdout, hr_text_get(plugin, "version", ""));
    (void)putchar('\n');
    line("file", hr_text_get(o, "file", ""));
    (void)snprintf(size, sizeof(size), "%lld bytes",
                   (long long)json_integer_value(json_object_get(o, "bytes")));
    line("size", size);
    line("sha256", hr_text_get(o, "sha256", ""));
    line("machine", hr_text_get(elf, "machine", ""));
    print_list("libraries", json_object_get(elf, "needed"), "none",
               json_string_value(json_object_get(elf, "glibc")));
    print_list("exports", json_object_get(elf, "exports"), "nothing", NULL);
    if (json_is_object(plugin))
        print_plugin(plugin);
}
