/* SPDX-License-Identifier: MIT
 * An answer that is a stream of JSON-RPC messages, as Server-Sent Events.
 *
 * It lives inside its owner's record.  While nothing is said a comment is sent now and then: the
 * real client drops a stream that is silent for five minutes, and so may anything on the way.  Who
 * does not read is cut off by the listener's idle time, which ends in the owner's "gone" call. */
#ifndef HR_SIDECAR_MCP_SSE_H
#define HR_SIDECAR_MCP_SSE_H

#include "common/buf.h"
#include "sidecar/http/server.h"

#include <ev.h>
#include <stddef.h>

enum { HR_MCP_COMMENT_S = 15 };

struct hr_mcp_sse {
    struct ev_loop *loop;
    struct hr_http_req *http; /* NULL: not open */
    ev_timer comment;
};

/* Answer the request with a stream.  Set its "gone" call before. */
void hr_mcp_sse_begin(struct hr_mcp_sse *s, struct ev_loop *loop, struct hr_http_req *http);

/* Give the client an event id to come back with, and nothing else. */
void hr_mcp_sse_prime(struct hr_mcp_sse *s, const char *id);

/* Send a message.  id: of the event, "" for none.  0, or -errno and nothing of it is sent. */
int hr_mcp_sse_send(struct hr_mcp_sse *s, const char *id, const char *text, size_t len);

/* What was sent is still delivered. */
void hr_mcp_sse_end(struct hr_mcp_sse *s);

/* From the request's "gone" call: it is closed. */
void hr_mcp_sse_gone(struct hr_mcp_sse *s);

#endif
