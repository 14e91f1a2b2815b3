/* SPDX-License-Identifier: MIT
 * JSON into a buffer. */
#ifndef HR_SIDECAR_MCP_JSON_H
#define HR_SIDECAR_MCP_JSON_H

#include "common/buf.h"

#include <jansson.h>
#include <stdbool.h>

/* Append a value without any space in it.  ascii: whatever is not ASCII is escaped.  0, -E2BIG, or
 * -ENOMEM; on failure the content is unchanged. */
int hr_mcp_json_add(struct hr_buf *out, const json_t *json, bool ascii);

#endif
