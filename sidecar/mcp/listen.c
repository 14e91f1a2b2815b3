/* SPDX-License-Identifier: MIT
 * subscriptions/listen.  See listen.h.
 *
 * A stream lives until its client goes or we do. */
#include "listen.h"

#include "modern.h"
#include "reply.h"
#include "serve.h"
#include "sse.h"

#include <stdlib.h>
#include <string.h>

#define META_SUBSCRIPTION "io.modelcontextprotocol/subscriptionId"

enum { HR_MCP_LISTEN_ID_MAX = 512 }; /* bytes of an id of the client's, which is in every event */

struct listener {
    struct hr_link link; /* on m->listening */
    struct hr_mcp *m;
    json_t *id; /* owned */
    int tools;  /* it wants to hear of changes of their list */
    struct hr_mcp_sse stream;
};

static void listener_free(struct listener *l)
{
    l->m->nstreams--;
    hr_link_remove(&l->link);
    json_decref(l->id);
    free(l);
}

static void on_gone(void *arg)
{
    struct listener *l = arg;
    hr_mcp_count(l->m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_GONE);
    hr_mcp_sse_gone(&l->stream);
    listener_free(l);
}

static int send_event(struct listener *l, json_t *message)
{
    return hr_mcp_sse_send(&l->stream, "", message);
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
    hr_mcp_sse_end(&l->stream);
    listener_free(l);
}

void hr_mcp_listen(struct hr_mcp *m, struct hr_http_req *http, const struct hr_mcp_message *msg)
{
    const json_t *wishes = json_object_get(msg->params, "notifications");
    size_t id_len = json_string_length(msg->id);
    if (!json_is_object(wishes) || id_len > HR_MCP_LISTEN_ID_MAX) {
        hr_mcp_count(m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_ERROR);
        hr_mcp_reply_error(http, 200, msg->id, HR_RPC_INVALID_PARAMS,
                           "\"notifications\" is not an object, or the id is too long");
        return;
    }
    if (m->nstreams >= HR_MCP_STREAMS_MAX) {
        hr_mcp_count(m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_ERROR);
        hr_mcp_reply_error(http, 200, msg->id, HR_RPC_INTERNAL_ERROR,
                           "too many streams are open here: end some that are not needed");
        return;
    }
    struct listener *l = calloc(1, sizeof(*l));
    if (!l) {
        hr_mcp_count(m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_REFUSED);
        hr_mcp_reply_result(http, msg, NULL, 0);
        return;
    }
    l->m = m;
    l->id = json_incref(msg->id);
    l->tools = json_is_true(json_object_get(wishes, "toolsListChanged"));
    hr_link_append(&m->listening, &l->link);
    m->nstreams++;
    hr_http_on_gone(http, on_gone, l);
    hr_mcp_sse_begin(&l->stream, m->loop, http);
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
