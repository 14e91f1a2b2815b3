/* SPDX-License-Identifier: MIT
 * Answering requests to the MCP endpoint, at once or later. */
#ifndef HR_SIDECAR_MCP_SERVE_H
#define HR_SIDECAR_MCP_SERVE_H

#include "internal.h"
#include "modern.h"

void hr_mcp_count(struct hr_mcp *m, enum hr_mcp_method method, enum hr_mcp_answer answer);

/* Answer at once.  id is borrowed, NULL for none; of the message only its id and whether it is
 * modern matter; result is taken over, NULL if there was no memory for it. */
void hr_mcp_reply_error(struct hr_http_req *http, unsigned status, json_t *id, int code,
                        const char *message);
/* The refusal's data is taken over. */
void hr_mcp_reply_refusal(struct hr_http_req *http, json_t *id, struct hr_mcp_refusal *refusal);
void hr_mcp_reply_result(struct hr_http_req *http, const struct hr_mcp_message *msg, json_t *result,
                         size_t guess);

/* Begin a request that may have to wait, tools/list or tools/call.  name (of a list: the cursor,
 * NULL for none) and arguments (of a list: NULL) are taken over. */
void hr_mcp_begin(struct hr_mcp *m, struct hr_http_req *http, enum hr_mcp_method method,
                  const struct hr_mcp_message *msg, json_t *name, json_t *arguments);

#endif
