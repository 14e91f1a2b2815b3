/* SPDX-License-Identifier: MIT
 * What a plugin's file holds, as text or JSON, without running any of it. */
#ifndef HR_PLUGIN_TOOL_DESCRIBE_H
#define HR_PLUGIN_TOOL_DESCRIBE_H

#include "loader/plugin_file/descriptor.h"
#include "loader/plugin_file/file.h"

#include <jansson.h>

/* New reference.  d: NULL if there is none to be read. */
json_t *hr_describe_json(const char *path, const struct hr_plugin_file *file,
                         const struct hr_elf *e, const struct hr_descriptor *d);

/* One screen on standard output, from what hr_describe_json() made. */
void hr_describe_print(const json_t *o);

#endif
