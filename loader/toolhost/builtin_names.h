/* SPDX-License-Identifier: MIT
 * Tool names that the agent-server itself uses.  A second tool of such a name makes the creation of
 * every conversation fail, so a plugin that has one is refused when it is loaded. */
#ifndef HR_TOOLHOST_BUILTIN_NAMES_H
#define HR_TOOLHOST_BUILTIN_NAMES_H

#include <stdbool.h>

bool hr_builtin_tool_name(const char *name);

#endif
