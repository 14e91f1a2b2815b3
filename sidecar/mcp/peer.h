/* SPDX-License-Identifier: MIT
 * The sender of one message, and the way back to it.  It is all that this folder knows of how
 * messages travel: a transport (http.c, standard_io.c) is a table of what can be done with a peer.
 *
 * The transport makes a peer when a message has come, and gives it to hr_mcp_receive().  Whoever
 * answers later keeps it in a record of his own, where it must stay until it is answered or gone.
 * A peer is answered exactly once, unless it is gone before.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_MCP_PEER_H
#define HR_SIDECAR_MCP_PEER_H

#include "common/buf.h"
#include "event_id.h"
#include "sse.h"

#include <ev.h>
#include <jansson.h>

enum {
    HR_MCP_BACKLOG_MAX = 64 * 1024
}; /* bytes that a client has not read, until it is told no
      news any more */

struct hr_mcp;
struct hr_mcp_message;
struct hr_mcp_peer;
struct hr_mcp_session;

struct hr_mcp_transport {
    /* What stands under this name beside the message; NULL: nothing.  No function: nothing can
     * stand there, so there is nothing that a message must agree with. */
    const char *(*header)(const struct hr_mcp_peer *p, const char *name);
    /* The session that a message belongs to; NULL: none, or no memory for it. */
    struct hr_mcp_session *(*session)(const struct hr_mcp_peer *p, int modern);
    /* `initialize` is about to be answered: begin a session. */
    void (*begin_session)(const struct hr_mcp_peer *p);
    /* It is answered later; its gone and arg are set.  0, or -EAGAIN if too many wait already. */
    int (*keep)(struct hr_mcp_peer *p, const struct hr_mcp_message *msg);
    /* Of a peer that is kept.  Does it take messages before its answer, and has it read the last
     * ones? */
    int (*wants_news)(const struct hr_mcp_peer *p);
    /* Send a message before the answer.  0, or -errno: it is not sent. */
    int (*send)(struct hr_mcp_peer *p, const char *text, size_t len);
    /* Send the answer, with a status for transports that have one; text NULL: none is wanted or
     * possible, which always works.  0 and the peer is dead; or -errno, and it is as it was. */
    int (*answer)(struct hr_mcp_peer *p, unsigned status, const char *text, size_t len);
    /* Forget a peer that is kept, without an answer. */
    void (*drop)(struct hr_mcp_peer *p);
    int owes_answer; /* a request that its client has cancelled is answered all the same */
};

struct hr_mcp_peer {
    const struct hr_mcp_transport *transport; /* NULL: there is nobody */
    struct hr_mcp *m;
    void *of;                /* the transport's: an HTTP request, or the standard streams */
    void (*gone)(void *arg); /* of a peer that is kept: it went away before its answer */
    void *gone_arg;
    /* HTTP's alone, of a peer that is kept. */
    struct hr_mcp_sse stream; /* open once the answer has become one */
    ev_timer patience;        /* until it does */
    int takes_stream;
    int primes;                         /* it understands events without a message */
    char event_id[HR_MCP_EVENT_ID_MAX]; /* "": none */
};

/* Keep a peer in `to`; msg: its message, of which nothing is kept.  0 or -EAGAIN. */
int hr_mcp_peer_keep(struct hr_mcp_peer *to, const struct hr_mcp_peer *from,
                     const struct hr_mcp_message *msg, void (*gone)(void *arg), void *arg);

/* Send a message, which is taken over, NULL if there was no memory for it.  0 or -errno. */
int hr_mcp_peer_send(struct hr_mcp_peer *p, json_t *message);

/* Send the answer, whose body is given back to memory.  err: how putting it together went, 0 or
 * -errno.  If it cannot be sent, an error with this id (borrowed, NULL for none) takes its place.
 */
void hr_mcp_peer_answer(struct hr_mcp_peer *p, json_t *id, unsigned status, struct hr_buf *body,
                        int err);

/* End it without an answer. */
void hr_mcp_peer_end(struct hr_mcp_peer *p);

#endif
