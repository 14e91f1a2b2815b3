/* SPDX-License-Identifier: MIT
 * Who waits for the answer to a request that takes its time, and how it is told.
 *
 * The answer is plain JSON if it comes quickly.  It becomes a stream, if the client takes one, when
 * the tool has something to say before its end, or when the call has lasted for some seconds: a
 * stream that has comments outlives the patience of clients and proxies.
 *
 * Events carry an id that names the request.  A client whose stream was cut off, because we were
 * killed for example, comes back with it, and is told that the result is lost instead of waiting
 * for it for minutes. */
#ifndef HR_SIDECAR_MCP_CALLER_H
#define HR_SIDECAR_MCP_CALLER_H

#include "event_id.h"
#include "internal.h"
#include "rpc.h"
#include "session.h"
#include "sse.h"

enum {
    HR_MCP_STREAM_AFTER_MS = 3 * 1000,
    HR_MCP_BACKLOG_MAX = 64 * 1024, /* bytes that a client has not read, until it hears no news */
    HR_MCP_NEWS_MAX = 4 * 1024,     /* bytes of the text of one */
};

struct hr_mcp_caller {
    struct hr_mcp *m;
    struct hr_http_req *http;
    struct hr_mcp_session *session; /* held; NULL: none */
    json_t *token;                  /* of progress; owned, NULL: it does not want to hear of it */
    int takes_stream;
    int primes;                         /* it understands events without a message */
    int own_severity;                   /* of messages, if no session says it */
    char event_id[HR_MCP_EVENT_ID_MAX]; /* "": none */
    ev_timer patience;
    struct hr_mcp_sse stream; /* open once the answer has become one */
};

/* It must stay where it is until it is answered or gone. */
void hr_mcp_caller_init(struct hr_mcp_caller *c, struct hr_mcp *m, struct hr_http_req *http,
                        const struct hr_mcp_message *msg);

/* The tool of this plugin tells something. */
void hr_mcp_caller_told(struct hr_mcp_caller *c, const char *plugin,
                        const struct hr_mcp_told *told);

/* Send the answer; body as hr_mcp_reply_body() has it.  One of these two ends the caller. */
void hr_mcp_caller_answer(struct hr_mcp_caller *c, unsigned status, struct hr_buf *body, int err);
void hr_mcp_caller_gone(struct hr_mcp_caller *c);

/* Is this GET by a client that was cut off from a call?  It is answered then. */
int hr_mcp_resume(struct hr_mcp *m, struct hr_http_req *http);

#endif
