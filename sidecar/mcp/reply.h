/* SPDX-License-Identifier: MIT
 * Answers to requests of the MCP endpoint. */
#ifndef HR_SIDECAR_MCP_REPLY_H
#define HR_SIDECAR_MCP_REPLY_H

#include "common/buf.h"
#include "modern.h"
#include "rpc.h"

/* Answer at once.  id is borrowed, NULL for none; of the message only its id and whether it is
 * modern matter; result is taken over, NULL if there was no memory for it. */
void hr_mcp_reply_error(struct hr_http_req *http, unsigned status, json_t *id, int code,
                        const char *message);
/* The refusal's data is taken over. */
void hr_mcp_reply_refusal(struct hr_http_req *http, json_t *id, struct hr_mcp_refusal *refusal);
void hr_mcp_reply_result(struct hr_http_req *http, const struct hr_mcp_message *msg, json_t *result,
                         size_t guess);

/* The same in two steps: put the body together, which begins empty, and send it.  err is how the
 * first one went, 0 or -errno. */
int hr_mcp_error_body(struct hr_buf *body, json_t *id, int code, const char *message, json_t *data);
int hr_mcp_result_body(struct hr_buf *body, const struct hr_mcp_message *msg, json_t *result,
                       size_t guess);
void hr_mcp_reply_body(struct hr_http_req *http, unsigned status, struct hr_buf *body, int err);

#endif
