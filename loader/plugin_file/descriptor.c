/* SPDX-License-Identifier: MIT
 * Reading a plugin's descriptor from its file.  See descriptor.h. */
#include "descriptor.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
    CANDIDATES_MAX = 64, /* places that start with the magic number */
    PLUGIN_MIN = offsetof(handrail_plugin, get_extension) + sizeof(void *),
    TOOL_MIN = offsetof(handrail_tool, invoke) + sizeof(void *),
    SIZE_MAX_SANE = 65536, /* of a structure of any later minor */
};

static void never_called(void)
{
}

/* The pointer member at `offset` of the structure at `address`, which is that large. */
static uint64_t member(const struct hr_elf *e, uint64_t address, uint32_t size, size_t offset)
{
    return offset + sizeof(void *) <= size ? hr_elf_pointer(e, address + offset) : 0;
}

static const char *string(const struct hr_elf *e, uint64_t address, uint32_t size, size_t offset)
{
    uint64_t at = member(e, address, size, offset);
    return at ? hr_elf_string(e, at) : NULL;
}

/* Whether a function is there is all that can be told of it. */
static bool has(const struct hr_elf *e, uint64_t address, uint32_t size, size_t offset)
{
    return member(e, address, size, offset) != 0;
}

#define STRING(e, at, size, type, m) string(e, at, size, offsetof(type, m))
#define HAS(e, at, size, type, m)    has(e, at, size, offsetof(type, m))
/* Every function type of the ABI may hold any function's address. */
#define FUNCTION(target, there) ((target) = (there) ? (__typeof__(target))never_called : NULL)

static bool read_tool(const struct hr_elf *e, uint64_t at, handrail_tool *ret)
{
    handrail_tool t;
    const void *p = hr_elf_at(e, at, sizeof(uint32_t));
    memset(&t, 0, sizeof(t));
    if (!p)
        return false;
    memcpy(&t.struct_size, p, sizeof(t.struct_size));
    if (t.struct_size < TOOL_MIN || t.struct_size > SIZE_MAX_SANE) {
        *ret = t; /* and whoever checks it says so */
        return true;
    }
    p = hr_elf_at(e, at, TOOL_MIN);
    if (!p)
        return false;
    memcpy(&t, p, TOOL_MIN);
    t.name = STRING(e, at, t.struct_size, handrail_tool, name);
    t.title = STRING(e, at, t.struct_size, handrail_tool, title);
    t.description = STRING(e, at, t.struct_size, handrail_tool, description);
    t.input_schema = STRING(e, at, t.struct_size, handrail_tool, input_schema);
    t.output_schema = STRING(e, at, t.struct_size, handrail_tool, output_schema);
    FUNCTION(t.invoke, HAS(e, at, t.struct_size, handrail_tool, invoke));
    *ret = t;
    return true;
}

static bool read_tools(const struct hr_elf *e, uint64_t at, struct hr_descriptor *d)
{
    uint64_t tool = 0;
    while (at && d->ntools < HR_DESCRIPTOR_TOOLS_MAX &&
           (tool = hr_elf_pointer(e, at + d->ntools * sizeof(void *)))) {
        if (!read_tool(e, tool, &d->tools[d->ntools]))
            return false;
        d->list[d->ntools] = &d->tools[d->ntools];
        d->ntools++;
    }
    d->plugin.tools = at ? d->list : NULL;
    return true;
}

static void read_extensions(const struct hr_elf *e, uint64_t at, struct hr_descriptor *d)
{
    for (size_t i = 0; at && i < HR_DESCRIPTOR_EXTENSIONS_MAX; i++) {
        uint64_t id = hr_elf_pointer(e, at + i * sizeof(void *));
        d->extensions[i] = id ? hr_elf_string(e, id) : NULL;
        if (!d->extensions[i])
            break;
    }
    d->plugin.needs_extensions = at ? d->extensions : NULL;
}

/* Is it a descriptor that starts at this address? */
static bool read_at(const struct hr_elf *e, uint64_t at, struct hr_descriptor *d)
{
    const void *p = hr_elf_at(e, at, PLUGIN_MIN);
    memset(d, 0, sizeof(*d));
    if (!p)
        return false;
    memcpy(&d->plugin, p, offsetof(handrail_plugin, id));
    const uint32_t size = d->plugin.struct_size;
    if (size < PLUGIN_MIN || size > SIZE_MAX_SANE)
        return false;
    d->plugin.id = STRING(e, at, size, handrail_plugin, id);
    d->plugin.version = STRING(e, at, size, handrail_plugin, version);
    d->plugin.config_schema = STRING(e, at, size, handrail_plugin, config_schema);
    if (!d->plugin.id || !d->plugin.version)
        return false;
    FUNCTION(d->plugin.create, HAS(e, at, size, handrail_plugin, create));
    FUNCTION(d->plugin.destroy, HAS(e, at, size, handrail_plugin, destroy));
    FUNCTION(d->plugin.health, HAS(e, at, size, handrail_plugin, health));
    FUNCTION(d->plugin.cancel, HAS(e, at, size, handrail_plugin, cancel));
    FUNCTION(d->plugin.get_extension, HAS(e, at, size, handrail_plugin, get_extension));
    read_extensions(e, member(e, at, size, offsetof(handrail_plugin, needs_extensions)), d);
    return read_tools(e, member(e, at, size, offsetof(handrail_plugin, tools)), d);
}

int hr_descriptor_read(const struct hr_elf *e, struct hr_descriptor *ret)
{
    const uint32_t magic = HANDRAIL_MAGIC;
    unsigned candidates = 0;
    for (size_t i = 0; i < e->nsegments; i++) {
        const struct hr_elf_segment *s = &e->segments[i];
        for (uint64_t at = (s->address + 7) & ~UINT64_C(7);
             at >= s->address && at - s->address < s->size; at += 8) {
            const void *p = hr_elf_at(e, at, sizeof(magic));
            if (!p || memcmp(p, &magic, sizeof(magic)) != 0)
                continue;
            if (++candidates > CANDIDATES_MAX)
                return -ENOENT;
            if (read_at(e, at, ret))
                return 0;
        }
    }
    return -ENOENT;
}
