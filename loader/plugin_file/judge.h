/* SPDX-License-Identifier: MIT
 * Whether a shared object can be a plugin, as far as its ELF structure tells: nothing of it has run
 * yet.  No state, any thread. */
#ifndef HR_PLUGIN_FILE_JUDGE_H
#define HR_PLUGIN_FILE_JUDGE_H

#include "elf_file.h"
#include "why.h"

/* 0, or -EINVAL with *why set. */
int hr_plugin_judge(const struct hr_elf *e, struct hr_why *why);

/* Is this the name of an entry symbol, of whatever major version? */
bool hr_plugin_is_entry(const char *symbol);

/* What it exports besides its entry: their number, and the names of the first few as "a, b, ..." in
 * text.  Harmless where plugins have a process each, but a sign of a library linked in without
 * being hidden, whose symbols another one's calls can then end in. */
size_t hr_plugin_other_exports(const struct hr_elf *e, char *text, size_t size);

#endif
