/* SPDX-License-Identifier: MIT
 * subscriptions/listen.  See listen.h.
 *
 * A stream lives until its client goes or we do.  Now and then a comment is sent, so that nothing
 * on the way takes it for dead.  Who does not read is cut off by the listener's idle time. */
#include "listen.h"

#include "json.h"
#include "modern.h"
#include "serve.h"

#include <stdlib.h>
#include <string.h>

#define META_SUBSCRIPTION "io.modelcontextprotocol/subscriptionId"

enum {
    HR_MCP_LISTEN_COMMENT_S = 15,
    HR_MCP_LISTEN_EVENT_MAX = 8 * 1024, /* bytes; an id of the client's is the largest part of it */
};

struct listener {
    struct hr_link link; /* on m->listening */
    struct hr_mcp *m;
    struct hr_http_req *http;
    json_t *id; /* owned */
    int tools;  /* it wants to hear of changes of their list */
    ev_timer comment;
};

static void listener_free(struct listener *l)
{
    ev_timer_stop(l->m->loop, &l->comment);
    hr_link_remove(&l->link);
    json_decref(l->id);
    free(l);
}

static void on_gone(void *arg)
{
    struct listener *l = arg;
    hr_mcp_count(l->m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_GONE);
    listener_free(l);
}

/* Send a message, which is taken over. */
static int send_event(struct listener *l, json_t *message)
{
    struct hr_buf out;
    hr_buf_init(&out, HR_MCP_LISTEN_EVENT_MAX);
    int err = hr_buf_addf(&out, "event: message\ndata: ");
    if (!err)
        err = message ? hr_mcp_json_add(&out, message, JSON_ENSURE_ASCII | JSON_COMPACT, 256) : -1;
    if (!err)
        err = hr_buf_addf(&out, "\n\n");
    if (!err)
        err = hr_http_stream_add(l->http, out.data, out.len);
    hr_buf_free(&out);
    json_decref(message);
    return err;
}

static json_t *notification(const struct listener *l, const char *method)
{
    return json_pack("{s:s, s:s, s:{s:{s:O}}}", "jsonrpc", "2.0", "method", method, "params",
                     "_meta", META_SUBSCRIPTION, l->id);
}

/* The first message of a stream: what of the wishes will be heeded. */
static int acknowledge(struct listener *l)
{
    json_t *message = notification(l, "notifications/subscriptions/acknowledged");
    json_t *granted = json_object();
    int bad = l->tools && json_object_set_new(granted, "toolsListChanged", json_true());
    bad = json_object_set_new(json_object_get(message, "params"), "notifications", granted) || bad;
    if (!bad)
        return send_event(l, message);
    json_decref(message);
    return -1;
}

/* End it with the result that says so. */
static void end(struct listener *l)
{
    json_t *result =
        hr_mcp_modern_result(json_pack("{s:{s:O}}", "_meta", META_SUBSCRIPTION, l->id));
    (void)send_event(l,
                     json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", l->id, "result", result));
    hr_mcp_count(l->m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_OK);
    hr_http_stream_end(l->http);
    listener_free(l);
}

static void on_comment(struct ev_loop *loop, ev_timer *timer, int revents)
{
    static const char comment[] = ": still here\n\n";
    struct listener *l = timer->data;
    (void)loop;
    (void)revents;
    /* What waits already will tell the client as much. */
    if (!hr_http_stream_backlog(l->http))
        (void)hr_http_stream_add(l->http, comment, sizeof(comment) - 1);
}

void hr_mcp_listen(struct hr_mcp *m, struct hr_http_req *http, const struct hr_mcp_message *msg)
{
    const json_t *wishes = json_object_get(msg->params, "notifications");
    size_t id_len = json_string_length(msg->id);
    if (!json_is_object(wishes) || id_len > HR_MCP_LISTEN_EVENT_MAX / 16) {
        hr_mcp_count(m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_ERROR);
        hr_mcp_reply_error(http, 200, msg->id, HR_RPC_INVALID_PARAMS,
                           "\"notifications\" is not an object, or the id is too long");
        return;
    }
    struct listener *l = calloc(1, sizeof(*l));
    if (!l) {
        hr_mcp_count(m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_REFUSED);
        hr_mcp_reply_result(http, msg, NULL, 0);
        return;
    }
    l->m = m;
    l->http = http;
    l->id = json_incref(msg->id);
    l->tools = json_is_true(json_object_get(wishes, "toolsListChanged"));
    hr_link_append(&m->listening, &l->link);
    ev_timer_init(&l->comment, on_comment, HR_MCP_LISTEN_COMMENT_S, HR_MCP_LISTEN_COMMENT_S);
    l->comment.data = l;
    ev_timer_start(m->loop, &l->comment);
    hr_http_on_gone(http, on_gone, l);
    hr_http_add_header(http, "Cache-Control", "no-cache");
    hr_http_add_header(http, "X-Accel-Buffering", "no");
    hr_http_stream(http, "text/event-stream");
    if (acknowledge(l))
        end(l);
}

void hr_mcp_listen_changed(struct hr_mcp *m)
{
    struct hr_link all, *at;
    hr_link_init(&all);
    hr_link_move_all(&m->listening, &all);
    while ((at = hr_link_take(&all))) {
        struct listener *l = hr_link_owner(at, struct listener, link);
        hr_link_append(&m->listening, &l->link);
        if (l->tools && send_event(l, notification(l, "notifications/tools/list_changed")))
            end(l);
    }
}

void hr_mcp_listen_end(struct hr_mcp *m)
{
    struct hr_link *at;
    while ((at = hr_link_take(&m->listening)))
        end(hr_link_owner(at, struct listener, link));
}
