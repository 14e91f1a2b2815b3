/* SPDX-License-Identifier: MIT
 * Server-Sent Events.  See sse.h. */
#include "sse.h"

#include "rpc.h"

/* Bytes: an answer, and the lines around it. */
#define EVENT_MAX (HR_MCP_ANSWER_MAX + 1024)

static void on_comment(struct ev_loop *loop, ev_timer *timer, int revents)
{
    static const char comment[] = ": still here\n\n";
    const struct hr_mcp_sse *s = timer->data;
    (void)loop;
    (void)revents;
    /* What waits already will tell the client as much. */
    if (!hr_http_stream_backlog(s->http))
        (void)hr_http_stream_add(s->http, comment, sizeof(comment) - 1);
}

void hr_mcp_sse_begin(struct hr_mcp_sse *s, struct ev_loop *loop, struct hr_http_req *http)
{
    s->loop = loop;
    s->http = http;
    ev_timer_init(&s->comment, on_comment, HR_MCP_COMMENT_S, HR_MCP_COMMENT_S);
    s->comment.data = s;
    ev_timer_start(loop, &s->comment);
    hr_http_add_header(http, "Cache-Control", "no-cache");
    hr_http_add_header(http, "X-Accel-Buffering", "no"); /* or a proxy may hold events back */
    hr_http_stream(http, "text/event-stream");
}

/* One event, whole or not at all: half a one would spoil the next. */
int hr_mcp_sse_send(struct hr_mcp_sse *s, const char *id, const char *text, size_t len)
{
    struct hr_buf event;
    hr_buf_init(&event, EVENT_MAX);
    int err =
        hr_buf_addf(&event, "event: message\n%s%s%sdata: ", *id ? "id: " : "", id, *id ? "\n" : "");
    if (!err)
        err = hr_buf_add(&event, text, len);
    if (!err)
        err = hr_buf_addf(&event, "\n\n");
    if (!err)
        err = hr_http_stream_add(s->http, event.data, event.len);
    hr_buf_free(&event);
    return err;
}

void hr_mcp_sse_prime(struct hr_mcp_sse *s, const char *id)
{
    (void)hr_mcp_sse_send(s, id, "", 0);
}

void hr_mcp_sse_end(struct hr_mcp_sse *s)
{
    struct hr_http_req *http = s->http;
    hr_mcp_sse_gone(s);
    hr_http_stream_end(http);
}

void hr_mcp_sse_gone(struct hr_mcp_sse *s)
{
    ev_timer_stop(s->loop, &s->comment);
    s->http = NULL;
}
