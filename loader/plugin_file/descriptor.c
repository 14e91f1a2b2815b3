/* SPDX-License-Identifier: MIT
 * Reading a plugin's descriptor from its file.  See descriptor.h. */
#include "descriptor.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
    CANDIDATES_MAX = 64, /* places that start with the magic number */
    PLUGIN_MIN = offsetof(handrail_plugin, get_extension) + sizeof(void *),
    TOOL_MIN = offsetof(handrail_tool, invoke) + sizeof(void *),
    SIZE_MAX_SANE = 65536, /* of a structure of any later minor */
    RELOCATIONS_MAX = 1000 * 1000,
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

/* Is it a descriptor that starts at this address?  Whose it is tells: they have to be strings. */
static bool read_head(const struct hr_elf *e, uint64_t at, handrail_plugin *ret)
{
    const void *p = hr_elf_at(e, at, PLUGIN_MIN);
    memset(ret, 0, sizeof(*ret));
    if (!p)
        return false;
    memcpy(ret, p, offsetof(handrail_plugin, id));
    if (ret->struct_size < PLUGIN_MIN || ret->struct_size > SIZE_MAX_SANE)
        return false;
    ret->id = STRING(e, at, ret->struct_size, handrail_plugin, id);
    ret->version = STRING(e, at, ret->struct_size, handrail_plugin, version);
    return ret->id && ret->version;
}

/* The rest of the descriptor; false: its tools are nowhere. */
static bool read_rest(const struct hr_elf *e, uint64_t at, struct hr_descriptor *d)
{
    const uint32_t size = d->plugin.struct_size;
    d->plugin.config_schema = STRING(e, at, size, handrail_plugin, config_schema);
    FUNCTION(d->plugin.create, HAS(e, at, size, handrail_plugin, create));
    FUNCTION(d->plugin.destroy, HAS(e, at, size, handrail_plugin, destroy));
    FUNCTION(d->plugin.health, HAS(e, at, size, handrail_plugin, health));
    FUNCTION(d->plugin.cancel, HAS(e, at, size, handrail_plugin, cancel));
    FUNCTION(d->plugin.get_extension, HAS(e, at, size, handrail_plugin, get_extension));
    read_extensions(e, member(e, at, size, offsetof(handrail_plugin, needs_extensions)), d);
    return read_tools(e, member(e, at, size, offsetof(handrail_plugin, tools)), d);
}

/* The address of the first descriptor in a segment, or 0. */
static uint64_t find_in(const struct hr_elf *e, const struct hr_elf_segment *s,
                        unsigned *candidates, handrail_plugin *ret)
{
    const uint32_t magic = HANDRAIL_MAGIC;
    const unsigned char *bytes = hr_elf_at(e, s->address, s->size);
    for (uint64_t i = -s->address & 7; bytes && i + sizeof(magic) <= s->size; i += 8) {
        if (memcmp(bytes + i, &magic, sizeof(magic)) != 0)
            continue;
        if (++*candidates > CANDIDATES_MAX)
            return 0;
        if (read_head(e, s->address + i, ret))
            return s->address + i;
    }
    return 0;
}

int hr_descriptor_read(const struct hr_elf *e, struct hr_descriptor *ret)
{
    unsigned candidates = 0;
    uint64_t at = 0;
    /* each pointer is looked for among all of them */
    if ((e->rela.size + e->jmprel.size) / sizeof(Elf64_Rela) > RELOCATIONS_MAX ||
        e->relr.size / sizeof(uint64_t) > RELOCATIONS_MAX)
        return -ENOENT;
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < e->nsegments && !at; i++)
        at = find_in(e, &e->segments[i], &candidates, &ret->plugin);
    return at && read_rest(e, at, ret) ? 0 : -ENOENT;
}
