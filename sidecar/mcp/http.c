/* SPDX-License-Identifier: MIT
 * Streamable HTTP: messages that come as requests to /mcp, one each (peer.h, mcp.h).
 *
 * The answer is plain JSON if it comes quickly.  It becomes a stream, if the client takes one, when
 * there is something to say before its end, or when the call has lasted for some seconds: a stream
 * that has comments outlives the patience of clients and proxies.
 *
 * Events carry an id that names the request.  A client whose stream was cut off, because we were
 * killed for example, comes back with it, and is told that the result is lost instead of waiting
 * for it for minutes. */
#include "common/log.h"
#include "gate.h"
#include "internal.h"
#include "methods.h"
#include "reply.h"
#include "result.h"
#include "serve.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

static const struct hr_mcp_transport transport;

static struct hr_mcp_peer peer_of(struct hr_mcp *m, struct hr_http_req *http)
{
    return (struct hr_mcp_peer){.transport = &transport, .m = m, .of = http};
}

/* --- sessions --- */

/* The id that a request names; NULL without one, or for one that can be none. */
static const char *session_id(const struct hr_http_req *http)
{
    const char *id = hr_http_header(http, "Mcp-Session-Id");
    size_t n = id ? strlen(id) : 0;
    if (n == 0 || n > HR_MCP_SESSION_ID_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (id[i] < 0x21 || id[i] > 0x7e)
            return NULL;
    return id;
}

/* The ids of requests are chosen by each client, so it takes a session to tell whose one means. */
static struct hr_mcp_session *op_session(const struct hr_mcp_peer *p, int modern)
{
    const char *id = modern ? NULL : session_id(p->of);
    return id ? hr_mcp_session_get(p->m, id) : NULL;
}

static void op_begin_session(const struct hr_mcp_peer *p)
{
    const struct hr_mcp_session *session = hr_mcp_session_new(p->m);
    if (session) /* without memory it goes without one */
        hr_http_add_header(p->of, "Mcp-Session-Id", session->id);
}

/* --- the way back --- */

static const char *op_header(const struct hr_mcp_peer *p, const char *name)
{
    return hr_http_header(p->of, name);
}

static void open_stream(struct hr_mcp_peer *p)
{
    ev_timer_stop(p->m->loop, &p->patience);
    hr_mcp_sse_begin(&p->stream, p->m->loop, p->of);
    if (p->primes && p->event_id[0])
        hr_mcp_sse_prime(&p->stream, p->event_id);
}

static void on_patience(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    open_stream(timer->data);
}

static int op_keep(struct hr_mcp_peer *p, const struct hr_mcp_message *msg)
{
    const char *accept = hr_http_header(p->of, "Accept");
    const char *version = hr_http_header(p->of, "MCP-Protocol-Version");
    p->takes_stream = accept && strcasestr(accept, "text/event-stream");
    if (!msg->modern) {
        p->primes = version && !strcmp(version, hr_mcp_version_newest());
        hr_mcp_event_id(msg->id, p->event_id);
    }
    hr_http_on_gone(p->of, p->gone, p->gone_arg);
    ev_timer_init(&p->patience, on_patience, (double)p->m->stream_after_ms / 1000, 0.);
    p->patience.data = p;
    if (p->takes_stream)
        ev_timer_start(p->m->loop, &p->patience);
    return 0;
}

static int op_wants_news(const struct hr_mcp_peer *p)
{
    return p->takes_stream &&
           (!p->stream.http || hr_http_stream_backlog(p->of) <= HR_MCP_BACKLOG_MAX);
}

static int op_send(struct hr_mcp_peer *p, const char *text, size_t len)
{
    if (!p->stream.http)
        open_stream(p);
    return hr_mcp_sse_send(&p->stream, p->event_id, text, len);
}

static int op_answer(struct hr_mcp_peer *p, unsigned status, const char *text, size_t len)
{
    if (p->stream.http) {
        int err = text ? hr_mcp_sse_send(&p->stream, p->event_id, text, len) : 0;
        if (err)
            return err;
        hr_mcp_sse_end(&p->stream);
    } else {
        if (p->gone) /* it is kept */
            ev_timer_stop(p->m->loop, &p->patience);
        hr_http_reply(p->of, text ? status : 202, text ? "application/json" : NULL, text, len);
    }
    return 0;
}

static void op_drop(struct hr_mcp_peer *p)
{
    ev_timer_stop(p->m->loop, &p->patience);
    if (p->stream.http)
        hr_mcp_sse_gone(&p->stream);
}

static const struct hr_mcp_transport transport = {
    .header = op_header,
    .session = op_session,
    .begin_session = op_begin_session,
    .keep = op_keep,
    .wants_news = op_wants_news,
    .send = op_send,
    .answer = op_answer,
    .drop = op_drop,
    .owes_answer = 1, /* a POST is answered */
};

/* --- GET --- */

static void on_stream_gone(void *arg)
{
    struct hr_mcp_session *s = arg;
    hr_mcp_sse_gone(&s->stream.stream);
    hr_mcp_session_stream_gone(s);
}

static void no_stream(struct hr_mcp *m, struct hr_http_req *http, const char *why)
{
    struct hr_mcp_peer peer = peer_of(m, http);
    hr_mcp_count(m, HR_MCP_STREAM, HR_MCP_ANSWER_REFUSED);
    hr_http_add_header(http, "Allow", "POST, DELETE");
    hr_mcp_reply_error(&peer, 405, NULL, HR_RPC_SERVER_ERROR, why);
}

/* A client that was cut off from a call comes back for its end.  A call ends with its connection,
 * so whatever it was, it is over. */
static void resume(struct hr_mcp *m, struct hr_http_req *http, json_t *id)
{
    struct hr_mcp_peer peer = peer_of(m, http);
    struct hr_buf body;
    const struct hr_mcp_message msg = {.id = id};
    int err = hr_mcp_result_body(
        &body, &msg,
        hr_mcp_result_error("The connection was lost while this call was running, and its result "
                            "with it. It may or may not have had an effect: look before you call "
                            "it again."));
    hr_mcp_count(m, HR_MCP_STREAM, HR_MCP_ANSWER_OK);
    hr_mcp_sse_begin(&peer.stream, m->loop, http);
    hr_mcp_peer_answer(&peer, id, 200, &body, err);
}

/* A client that is refused a stream does without, and every client can. */
static void handle_get(struct hr_mcp *m, struct hr_http_req *http)
{
    json_t *call = hr_mcp_event_request(hr_http_header(http, "Last-Event-ID"));
    if (call) {
        resume(m, http, call);
        json_decref(call);
        return;
    }
    struct hr_mcp_peer peer = peer_of(m, http);
    struct hr_mcp_session *s = op_session(&peer, 0);
    if (!s) {
        no_stream(m, http,
                  "a stream belongs to a session: send the Mcp-Session-Id that the answer "
                  "to initialize has");
        return;
    }
    /* The newest one wins: the client has lost the other, or has no use for two. */
    hr_mcp_session_end_stream(s);
    if (m->nstreams >= HR_MCP_STREAMS_MAX) {
        no_stream(m, http, "too many streams are open here");
        return;
    }
    hr_http_on_gone(http, on_stream_gone, s);
    s->stream = peer;
    hr_mcp_sse_begin(&s->stream.stream, m->loop, http);
    hr_mcp_count(m, HR_MCP_STREAM, HR_MCP_ANSWER_OK);
    hr_mcp_session_stream_begun(s);
}

/* --- the others --- */

static void handle_delete(struct hr_mcp *m, struct hr_http_req *http)
{
    const char *id = session_id(http);
    hr_mcp_count(m, HR_MCP_NONE, HR_MCP_ANSWER_OK);
    if (id)
        hr_mcp_session_delete(m, id);
    hr_http_reply(http, 200, NULL, NULL, 0);
}

static void handle_post(struct hr_mcp *m, struct hr_http_req *http)
{
    struct hr_mcp_peer peer = peer_of(m, http);
    size_t len = 0;
    const char *body = hr_http_body(http, &len);
    hr_mcp_receive(&peer, body, len);
}

void hr_mcp_head(struct hr_http_req *req, void *arg)
{
    struct hr_mcp *m = arg;
    enum hr_mcp_gate gate = hr_mcp_gate(req, m->token);
    if (gate != HR_MCP_PASS)
        hr_mcp_count(m, HR_MCP_NONE, HR_MCP_ANSWER_REFUSED);
}

void hr_mcp_handle(struct hr_http_req *req, void *arg)
{
    const char *method = hr_http_method(req);
    if (!strcmp(method, "GET"))
        handle_get(arg, req);
    else if (!strcmp(method, "DELETE"))
        handle_delete(arg, req);
    else
        handle_post(arg, req);
}
