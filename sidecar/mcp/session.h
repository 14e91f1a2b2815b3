/* SPDX-License-Identifier: MIT
 * Sessions of legacy clients: what is kept between two requests of one of them.
 *
 * `initialize` gives out an id, and the client sends it with every request that follows.  An id
 * that we do not know is taken as well: it is from a life of this program before, or of this
 * container, and to refuse it would cost the client its tools for good.  So an id needs no
 * signature, because nothing depends on who made it up: who may come in is decided by the bearer
 * token alone.  It only has to be hard to guess, so that no client disturbs another.
 *
 * Nothing in a session is needed for an answer to be right.  So there is a limit to how many are
 * kept, and the one unused for longest makes room; if it comes back it is one that we do not know.
 */
#ifndef HR_SIDECAR_MCP_SESSION_H
#define HR_SIDECAR_MCP_SESSION_H

#include "internal.h"
#include "link.h"
#include "peer.h"

#include <stdint.h>

enum {
    HR_MCP_SESSIONS_MAX = 512,
    HR_MCP_SESSION_ID_MAX = 128, /* bytes of an id that is taken; ours are shorter */
    HR_MCP_CALLS_PER_S = 2000,   /* tool calls of one session, for longer ... */
    HR_MCP_CALLS_BURST = 20000,  /* ... than so many take */
    HR_MCP_SEVERITY_DEFAULT = 6, /* "info" */
    HR_MCP_SEVERITY_SILENT = -1, /* no message is that severe */
};

struct hr_mcp_session {
    struct hr_link link; /* on m->sessions, the last one used most recently */
    struct hr_mcp *m;
    char id[HR_MCP_SESSION_ID_MAX + 1];
    unsigned users;            /* requests that hold it, and its stream */
    uint64_t catalogue;        /* the one that its client knows of; 0: of another life of ours */
    int severity;              /* messages that are less severe are not wanted */
    double calls_left;         /* of HR_MCP_CALLS_BURST */
    int64_t counted_ms;        /* when that was so */
    struct hr_mcp_peer stream; /* on which it hears of changes */
};

/* A new one.  NULL without memory. */
struct hr_mcp_session *hr_mcp_session_new(struct hr_mcp *m);

/* That of this id, which is one of HR_MCP_SESSION_ID_MAX bytes at most; NULL if there is no memory
 * for it.  The next call of this function or the one before may take it away unless it is held. */
struct hr_mcp_session *hr_mcp_session_get(struct hr_mcp *m, const char *id);
void hr_mcp_session_hold(struct hr_mcp_session *s); /* both: NULL is fine */
void hr_mcp_session_drop(struct hr_mcp_session *s);

/* May it call a tool now?  Counts it.  NULL may. */
int hr_mcp_session_may_call(struct hr_mcp_session *s);

/* Its client is about to be told the tools.  NULL is fine. */
void hr_mcp_session_shown(struct hr_mcp_session *s);

/* s->stream is one now, or its client has closed it: it holds the session. */
void hr_mcp_session_stream_begun(struct hr_mcp_session *s);
void hr_mcp_session_stream_gone(struct hr_mcp_session *s);
/* End it, if there is one. */
void hr_mcp_session_end_stream(struct hr_mcp_session *s);

/* End a session and its calls.  An id that is not known is fine. */
void hr_mcp_session_delete(struct hr_mcp *m, const char *id);

/* The catalogue, or whether it is whole, may have changed: tell those who listen. */
void hr_mcp_sessions_changed(struct hr_mcp *m);

/* End all. */
void hr_mcp_sessions_end(struct hr_mcp *m);

/* How severe a message is, from 0 (worst) to 7, by its MCP name: -1 for none of them.  NULL for a
 * number that has no name. */
int hr_mcp_severity(const char *name);
const char *hr_mcp_severity_name(int severity);

#endif
