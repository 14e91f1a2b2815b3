/* SPDX-License-Identifier: MIT
 * subscriptions/listen of the modern revision: a stream over which a client hears of changes. */
#ifndef HR_SIDECAR_MCP_LISTEN_H
#define HR_SIDECAR_MCP_LISTEN_H

#include "internal.h"
#include "peer.h"
#include "rpc.h"

/* Begin such a stream, or refuse the request. */
void hr_mcp_listen(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg);

/* Tell those who want to hear it that the list of tools has changed. */
void hr_mcp_listen_changed(struct hr_mcp *m);

/* The client ends those of a session, all or the one with that id, which is borrowed: it has said
 * so by other means than closing a connection. */
void hr_mcp_listen_cancel(struct hr_mcp *m, const struct hr_mcp_session *session, const json_t *id);

/* End all streams, with a result each. */
void hr_mcp_listen_end(struct hr_mcp *m);

#endif
