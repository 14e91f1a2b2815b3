/* SPDX-License-Identifier: MIT
 * Who waits for the answer to a request that takes its time, and what it wants to be told
 * meanwhile. */
#ifndef HR_SIDECAR_MCP_CALLER_H
#define HR_SIDECAR_MCP_CALLER_H

#include "internal.h"
#include "peer.h"
#include "rpc.h"
#include "session.h"

enum {
    HR_MCP_STREAM_AFTER_MS = 3 * 1000,
    HR_MCP_NEWS_MAX = 4 * 1024, /* bytes of the text of one */
};

struct hr_mcp_caller {
    struct hr_mcp_peer peer;
    struct hr_mcp_session *session; /* held; NULL: none */
    json_t *token;                  /* of progress; owned, NULL: it does not want to hear of it */
    int own_severity;               /* of messages, if the session does not say it */
    int modern;
};

/* It must stay where it is until it is answered or gone; gone(arg) comes when it went away.
 * 0, or -EAGAIN if too many wait already; then it is no caller, and is answered by other means. */
int hr_mcp_caller_init(struct hr_mcp_caller *c, const struct hr_mcp_peer *peer,
                       const struct hr_mcp_message *msg, void (*gone)(void *arg), void *arg);

/* The tool of this plugin tells something. */
void hr_mcp_caller_told(struct hr_mcp_caller *c, const char *plugin,
                        const struct hr_mcp_told *told);

/* Send the answer, as hr_mcp_peer_answer() does.  One of these two ends the caller. */
void hr_mcp_caller_answer(struct hr_mcp_caller *c, json_t *id, unsigned status, struct hr_buf *body,
                          int err);
void hr_mcp_caller_gone(struct hr_mcp_caller *c);

#endif
