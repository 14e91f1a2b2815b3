/* SPDX-License-Identifier: MIT
 * Sessions.  See session.h.
 *
 * A client is told that the tools have changed when the catalogue it knows of is not the present
 * one.  That is looked at whenever it opens its stream and whenever the catalogue changes, so a
 * change under an open stream, one between two streams and one together with a restart of ours are
 * all the same. */
#include "session.h"

#include "common/clock.h"
#include "common/fd.h"
#include "serve.h"

#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 16 }; /* random ones of an id of ours */

static const char *const severities[] = {"emergency", "alert",  "critical", "error",
                                         "warning",   "notice", "info",     "debug"};
enum { NSEVERITIES = sizeof(severities) / sizeof(*severities) };

int hr_mcp_severity(const char *name)
{
    for (int i = 0; i < NSEVERITIES; i++)
        if (!strcmp(name, severities[i]))
            return i;
    return -1;
}

const char *hr_mcp_severity_name(int severity)
{
    return severity >= 0 && severity < NSEVERITIES ? severities[severity] : NULL;
}

/* --- the table --- */

static void session_free(struct hr_mcp_session *s)
{
    s->m->nsessions--;
    hr_link_remove(&s->link);
    free(s);
}

/* Is there room for one more?  The one unused for longest goes, but none that is in use; the
 * listener allows fewer connections than there may be sessions. */
static int make_room(struct hr_mcp *m)
{
    if (m->nsessions < HR_MCP_SESSIONS_MAX)
        return 1;
    for (struct hr_link *l = m->sessions.next; l != &m->sessions; l = l->next) {
        struct hr_mcp_session *s = hr_link_owner(l, struct hr_mcp_session, link);
        if (s->users)
            continue;
        session_free(s);
        return 1;
    }
    return 0;
}

static struct hr_mcp_session *add(struct hr_mcp *m, const char *id, uint64_t catalogue)
{
    struct hr_mcp_session *s = make_room(m) ? calloc(1, sizeof(*s)) : NULL;
    if (!s)
        return NULL;
    s->m = m;
    memcpy(s->id, id, strlen(id) + 1);
    s->catalogue = catalogue;
    s->severity = HR_MCP_SEVERITY_DEFAULT;
    s->calls_left = HR_MCP_CALLS_BURST;
    s->counted_ms = hr_now_ms();
    hr_link_append(&m->sessions, &s->link);
    m->nsessions++;
    return s;
}

/* NULL if there is none of that id. */
static struct hr_mcp_session *find(struct hr_mcp *m, const char *id)
{
    for (struct hr_link *l = m->sessions.prev; l != &m->sessions; l = l->prev) {
        struct hr_mcp_session *s = hr_link_owner(l, struct hr_mcp_session, link);
        if (strcmp(s->id, id) != 0)
            continue;
        hr_link_remove(&s->link);
        hr_link_append(&m->sessions, &s->link);
        return s;
    }
    return NULL;
}

struct hr_mcp_session *hr_mcp_session_new(struct hr_mcp *m)
{
    char id[2 * ID_BYTES + 1];
    return hr_random_hex(id, ID_BYTES) ? NULL : add(m, id, m->catalogue);
}

struct hr_mcp_session *hr_mcp_session_get(struct hr_mcp *m, const char *id)
{
    struct hr_mcp_session *s = find(m, id);
    return s ? s : add(m, id, 0);
}

void hr_mcp_session_hold(struct hr_mcp_session *s)
{
    if (s)
        s->users++;
}

void hr_mcp_session_drop(struct hr_mcp_session *s)
{
    if (s)
        s->users--;
}

int hr_mcp_session_may_call(struct hr_mcp_session *s)
{
    if (!s)
        return 1;
    int64_t now = hr_now_ms();
    s->calls_left += (double)(now - s->counted_ms) * HR_MCP_CALLS_PER_S / 1000;
    s->counted_ms = now;
    if (s->calls_left > HR_MCP_CALLS_BURST)
        s->calls_left = HR_MCP_CALLS_BURST;
    if (s->calls_left < 1)
        return 0;
    s->calls_left -= 1;
    return 1;
}

/* --- its stream --- */

void hr_mcp_session_stream_gone(struct hr_mcp_session *s)
{
    s->stream.transport = NULL;
    s->m->nstreams--;
    hr_mcp_session_drop(s);
}

void hr_mcp_session_end_stream(struct hr_mcp_session *s)
{
    if (!s->stream.transport)
        return;
    hr_mcp_peer_end(&s->stream);
    hr_mcp_session_stream_gone(s);
}

void hr_mcp_session_shown(struct hr_mcp_session *s)
{
    if (s)
        s->catalogue = s->m->catalogue;
}

/* Tell its client of a change that it does not know of.  Not while toolhosts are starting: it would
 * be told again a moment later. */
static void catch_up(struct hr_mcp_session *s)
{
    if (!s->stream.transport || s->catalogue == s->m->catalogue || !hr_mcp_settled(s->m))
        return;
    if (hr_mcp_peer_send(&s->stream, json_pack("{s:s, s:s}", "jsonrpc", "2.0", "method",
                                               "notifications/tools/list_changed")))
        hr_mcp_session_end_stream(s); /* it is told when it comes back */
    else
        hr_mcp_session_shown(s);
}

void hr_mcp_session_stream_begun(struct hr_mcp_session *s)
{
    s->m->nstreams++;
    hr_mcp_session_hold(s);
    catch_up(s);
}

void hr_mcp_sessions_changed(struct hr_mcp *m)
{
    for (struct hr_link *l = m->sessions.next; l != &m->sessions; l = l->next)
        catch_up(hr_link_owner(l, struct hr_mcp_session, link));
}

/* --- its end --- */

void hr_mcp_session_delete(struct hr_mcp *m, const char *id)
{
    struct hr_mcp_session *s = find(m, id);
    if (!s)
        return; /* ended already, for all that matters */
    hr_mcp_cancel(m, s, NULL);
    hr_mcp_session_end_stream(s);
    session_free(s);
}

void hr_mcp_sessions_end(struct hr_mcp *m)
{
    struct hr_link *l;
    while ((l = hr_link_take(&m->sessions))) {
        struct hr_mcp_session *s = hr_link_owner(l, struct hr_mcp_session, link);
        hr_mcp_session_end_stream(s);
        session_free(s);
    }
}
