/* SPDX-License-Identifier: MIT
 * What the commands that call tools share. */
#ifndef HR_PLUGIN_TOOL_CALL_H
#define HR_PLUGIN_TOOL_CALL_H

#include "common/buf.h"
#include "options.h"

#include <jansson.h>
#include <stdint.h>

/* Hold the arguments, JSON text, against the schema of the tool (an entry of TOOLS), as is done
 * before every call.  0, or -EINVAL with the reason appended to why: "the arguments ...". */
int hr_call_accepted(const json_t *tool, const char *text, struct hr_buf *why);

/* The same; 0, or 1 after having said why on standard error. */
int hr_call_validate(const char *command, const json_t *tool, const char *text);

/* The deadline of a call: --timeout, else the tool's own, else the host's; ms. */
uint32_t hr_call_timeout(const struct hr_plugin_options *o, const json_t *tool);

#endif
