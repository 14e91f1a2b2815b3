/* SPDX-License-Identifier: MIT
 * Reading a plugin's descriptor from its file, without running any of it.  A descriptor is constant
 * data that starts with HANDRAIL_MAGIC, so it can be found there, and the relocations say where its
 * pointers lead.
 *
 * A descriptor that is put together at run time is not found, and is valid nevertheless; nor is one
 * among a million relocations, so that reading any file takes seconds at most.  The strings point
 * into the file's bytes.  No state, any thread. */
#ifndef HR_PLUGIN_FILE_DESCRIPTOR_H
#define HR_PLUGIN_FILE_DESCRIPTOR_H

#include "elf_file.h"

#include <handrail/plugin.h>

enum {
    HR_DESCRIPTOR_TOOLS_MAX = 257, /* one more than a plugin may have, so that too many are seen */
    HR_DESCRIPTOR_EXTENSIONS_MAX = 16,
};

/* As the plugin's own, with members zero that it does not have.  Functions it has are replaced by
 * one that must not be called: they are only to be compared with NULL. */
struct hr_descriptor {
    handrail_plugin plugin; /* points into this structure, which must not be moved */
    handrail_tool tools[HR_DESCRIPTOR_TOOLS_MAX];
    const handrail_tool *list[HR_DESCRIPTOR_TOOLS_MAX + 1];
    const char *extensions[HR_DESCRIPTOR_EXTENSIONS_MAX + 1];
    size_t ntools;
};

/* 0, or -ENOENT: there is none to be found. */
int hr_descriptor_read(const struct hr_elf *e, struct hr_descriptor *ret);

#endif
