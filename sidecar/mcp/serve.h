/* SPDX-License-Identifier: MIT
 * Requests that are not answered at once. */
#ifndef HR_SIDECAR_MCP_SERVE_H
#define HR_SIDECAR_MCP_SERVE_H

#include "internal.h"
#include "peer.h"
#include "rpc.h"
#include "session.h"

void hr_mcp_count(struct hr_mcp *m, enum hr_mcp_method method, enum hr_mcp_answer answer);

/* Begin a request that may have to wait, tools/list or tools/call.  name (of a list: the cursor,
 * NULL for none) and arguments (of a list: NULL) are taken over. */
void hr_mcp_begin(struct hr_mcp_peer *peer, enum hr_mcp_method method,
                  const struct hr_mcp_message *msg, json_t *name, json_t *arguments);

/* End those of a session, all or the one with that id, which is borrowed.  They are answered if
 * the transport has it so. */
void hr_mcp_cancel(struct hr_mcp *m, const struct hr_mcp_session *session, json_t *id);

#endif
