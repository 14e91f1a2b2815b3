/* SPDX-License-Identifier: MIT
 * Answers to messages of a client. */
#ifndef HR_SIDECAR_MCP_REPLY_H
#define HR_SIDECAR_MCP_REPLY_H

#include "common/buf.h"
#include "modern.h"
#include "peer.h"
#include "rpc.h"

/* Answer at once.  id is borrowed, NULL for none; of the message only its id and whether it is
 * modern matter; result is taken over, NULL if there was no memory for it. */
void hr_mcp_reply_error(struct hr_mcp_peer *peer, unsigned status, json_t *id, int code,
                        const char *message);
/* The refusal's data is taken over. */
void hr_mcp_reply_refusal(struct hr_mcp_peer *peer, json_t *id, struct hr_mcp_refusal *refusal);
void hr_mcp_reply_result(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg,
                         json_t *result);

/* What hr_mcp_peer_answer() sends: put the body together, which begins empty.  0 or -errno. */
int hr_mcp_error_body(struct hr_buf *body, json_t *id, int code, const char *message, json_t *data);
int hr_mcp_result_body(struct hr_buf *body, const struct hr_mcp_message *msg, json_t *result);

#endif
