/* SPDX-License-Identifier: MIT
 * A toolhost's RESULT frame (common/frame.h) as the result of tools/call.
 *
 * What the real client does decides the shape: it drops audio and resources, ignores
 * structuredContent, and when it turns a failure into an exception it keeps nothing but the first
 * text.  So there is always content, the first block is always text, and a failure's reason is that
 * first block. */
#ifndef HR_SIDECAR_MCP_RESULT_H
#define HR_SIDECAR_MCP_RESULT_H

#include "stats.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Is this a RESULT's payload as the contract has it: a status, whole parts, one JSON and one ERROR
 * part at most, a media type in every blob?  0 or -EPROTO. */
int hr_mcp_result_check(const char *payload, size_t len);

/* The result of a call of this tool, from a payload that has passed the check.  structured: the
 * tool has an output schema.  *ret_outcome says how the call is counted.  New reference, or NULL
 * without memory. */
json_t *hr_mcp_result(const char *tool, const char *payload, size_t len, int structured,
                      enum hr_mcp_outcome *ret_outcome);

/* The result of a call that failed on our side, for this reason.  New reference or NULL. */
json_t *hr_mcp_result_error(const char *reason);

#endif
