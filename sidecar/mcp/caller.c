/* SPDX-License-Identifier: MIT
 * Whom a request is answered.  See caller.h. */
#include "caller.h"

#include "common/log.h"
#include "json.h"
#include "reply.h"
#include "result.h"
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define META_SEVERITY "io.modelcontextprotocol/logLevel"

/* --- what the client wants --- */

static int takes_stream(const struct hr_http_req *http)
{
    const char *accept = hr_http_header(http, "Accept");
    return accept && strcasestr(accept, "text/event-stream");
}

static void open_stream(struct hr_mcp_caller *c)
{
    ev_timer_stop(c->m->loop, &c->patience);
    hr_mcp_sse_begin(&c->stream, c->m->loop, c->http);
    if (c->primes && c->event_id[0])
        hr_mcp_sse_prime(&c->stream, c->event_id);
}

static void on_patience(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    open_stream(timer->data);
}

void hr_mcp_caller_init(struct hr_mcp_caller *c, struct hr_mcp *m, struct hr_http_req *http,
                        const struct hr_mcp_message *msg)
{
    const json_t *meta = json_object_get(msg->params, "_meta");
    const char *version = hr_http_header(http, "MCP-Protocol-Version");
    json_t *token = json_object_get(meta, "progressToken");
    const char *severity = json_string_value(json_object_get(meta, META_SEVERITY));
    *c = (struct hr_mcp_caller){.m = m, .http = http, .takes_stream = takes_stream(http)};
    if (json_is_string(token) || json_is_integer(token))
        c->token = json_incref(token);
    if (msg->modern) {
        c->own_severity = severity ? hr_mcp_severity(severity) : HR_MCP_SEVERITY_SILENT;
    } else {
        c->own_severity = HR_MCP_SEVERITY_DEFAULT;
        c->session = hr_mcp_session_of(m, http);
        hr_mcp_session_hold(c->session);
        c->primes = version && !strcmp(version, hr_mcp_version_newest());
        hr_mcp_event_id(msg->id, c->event_id);
    }
    ev_timer_init(&c->patience, on_patience, (double)m->stream_after_ms / 1000, 0.);
    c->patience.data = c;
    if (c->takes_stream)
        ev_timer_start(m->loop, &c->patience);
}

/* --- news --- */

static json_t *text_of(const struct hr_mcp_told *told)
{
    return hr_mcp_json_text(told->text, told->len < HR_MCP_NEWS_MAX ? told->len : HR_MCP_NEWS_MAX);
}

static json_t *progress(const struct hr_mcp_caller *c, const struct hr_mcp_told *told)
{
    json_t *total = told->total >= 0 ? json_real(told->total) : NULL;
    json_t *text = told->len ? text_of(told) : NULL;
    return json_pack("{s:s, s:s, s:{s:O, s:f, s:o*, s:o*}}", "jsonrpc", "2.0", "method",
                     "notifications/progress", "params", "progressToken", c->token, "progress",
                     told->done, "total", total, "message", text);
}

/* `data` is an object because the real client looks for "msg" in it, and fails on anything else. */
static json_t *message(const char *plugin, const struct hr_mcp_told *told, int severity)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:o}}}", "jsonrpc", "2.0", "method",
                     "notifications/message", "params", "level", hr_mcp_severity_name(severity),
                     "logger", plugin, "data", "msg", text_of(told));
}

/* From a plugin's level, which is that of syslog with gaps in between. */
static int severity_of(int32_t level)
{
    int severity = level / 10;
    return severity < 0 ? 0 : hr_mcp_severity_name(severity) ? severity : hr_mcp_severity("debug");
}

void hr_mcp_caller_told(struct hr_mcp_caller *c, const char *plugin, const struct hr_mcp_told *told)
{
    int wanted = c->session ? c->session->severity : c->own_severity;
    int severity = severity_of(told->level);
    if (!c->takes_stream || (told->is_progress ? !c->token : severity > wanted))
        return;
    if (!c->stream.http)
        open_stream(c);
    if (hr_http_stream_backlog(c->http) > HR_MCP_BACKLOG_MAX)
        return;
    /* Of a client that cannot be told news the answer is still worth a try. */
    (void)hr_mcp_sse_send(&c->stream, c->event_id,
                          told->is_progress ? progress(c, told) : message(plugin, told, severity));
}

/* --- the end --- */

static void release(struct hr_mcp_caller *c)
{
    ev_timer_stop(c->m->loop, &c->patience);
    hr_mcp_session_drop(c->session);
    json_decref(c->token);
    c->session = NULL;
    c->token = NULL;
}

void hr_mcp_caller_answer(struct hr_mcp_caller *c, unsigned status, struct hr_buf *body, int err)
{
    if (!c->stream.http) {
        hr_mcp_reply_body(c->http, status, body, err);
    } else {
        if (err || hr_mcp_sse_send_text(&c->stream, c->event_id, body->data, body->len))
            hr_error("mcp: no memory for an answer");
        hr_mcp_sse_end(&c->stream);
        hr_buf_free(body);
    }
    release(c);
}

void hr_mcp_caller_gone(struct hr_mcp_caller *c)
{
    if (c->stream.http)
        hr_mcp_sse_gone(&c->stream);
    release(c);
}

/* --- who was cut off --- */

/* A call ends with its connection, so whatever it was, it is over. */
int hr_mcp_resume(struct hr_mcp *m, struct hr_http_req *http)
{
    struct hr_mcp_sse stream;
    json_t *id = hr_mcp_event_request(hr_http_header(http, "Last-Event-ID"));
    if (!id)
        return 0;
    struct hr_buf body;
    const struct hr_mcp_message msg = {.id = id};
    int err = hr_mcp_result_body(
        &body, &msg,
        hr_mcp_result_error("The connection was lost while this call was running, and its result "
                            "with it. It may or may not have had an effect: look before you call "
                            "it again."),
        256);
    hr_mcp_count(m, HR_MCP_STREAM, HR_MCP_ANSWER_OK);
    hr_mcp_sse_begin(&stream, m->loop, http);
    if (err || hr_mcp_sse_send_text(&stream, "", body.data, body.len))
        hr_error("mcp: no memory for an answer");
    hr_mcp_sse_end(&stream);
    hr_buf_free(&body);
    json_decref(id);
    return 1;
}
