/* SPDX-License-Identifier: MIT
 * subscriptions/listen.  See listen.h.
 *
 * A stream lives until its client goes or we do. */
#include "listen.h"

#include "modern.h"
#include "reply.h"
#include "serve.h"

#include <stdlib.h>
#include <string.h>

#define META_SUBSCRIPTION "io.modelcontextprotocol/subscriptionId"

enum { HR_MCP_LISTEN_ID_MAX = 512 }; /* bytes of an id of the client's, which is in every event */

struct listener {
    struct hr_link link; /* on m->listening */
    struct hr_mcp *m;
    json_t *id;                     /* owned */
    struct hr_mcp_session *session; /* held; NULL: none */
    int tools;                      /* it wants to hear of changes of their list */
    struct hr_mcp_peer peer;
};

static void listener_free(struct listener *l)
{
    l->m->nstreams--;
    hr_link_remove(&l->link);
    hr_mcp_session_drop(l->session);
    json_decref(l->id);
    free(l);
}

static void on_gone(void *arg)
{
    struct listener *l = arg;
    hr_mcp_count(l->m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_GONE);
    l->peer.transport->drop(&l->peer);
    listener_free(l);
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
        return hr_mcp_peer_send(&l->peer, message);
    json_decref(message);
    return -1;
}

/* End it with the result that says so. */
static void end(struct listener *l)
{
    const struct hr_mcp_message msg = {.id = l->id, .modern = 1};
    hr_mcp_count(l->m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_OK);
    hr_mcp_reply_result(&l->peer, &msg, json_pack("{s:{s:O}}", "_meta", META_SUBSCRIPTION, l->id));
    listener_free(l);
}

static void refuse(struct hr_mcp_peer *peer, json_t *id, int code, const char *why)
{
    hr_mcp_count(peer->m, HR_MCP_SUBSCRIPTIONS_LISTEN, HR_MCP_ANSWER_ERROR);
    hr_mcp_reply_error(peer, 200, id, code, why);
}

void hr_mcp_listen(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg)
{
    struct hr_mcp *m = peer->m;
    const json_t *wishes = json_object_get(msg->params, "notifications");
    size_t id_len = json_string_length(msg->id);
    if (!json_is_object(wishes) || id_len > HR_MCP_LISTEN_ID_MAX) {
        refuse(peer, msg->id, HR_RPC_INVALID_PARAMS,
               "\"notifications\" is not an object, or the id is too long");
        return;
    }
    struct listener *l = m->nstreams < HR_MCP_STREAMS_MAX ? calloc(1, sizeof(*l)) : NULL;
    if (!l || hr_mcp_peer_keep(&l->peer, peer, msg, on_gone, l)) {
        free(l);
        refuse(peer, msg->id, HR_RPC_INTERNAL_ERROR,
               "too many streams are open here: end some that are not needed");
        return;
    }
    l->m = m;
    l->id = json_incref(msg->id);
    l->session = peer->transport->session(peer, msg->modern);
    hr_mcp_session_hold(l->session);
    l->tools = json_is_true(json_object_get(wishes, "toolsListChanged"));
    hr_link_append(&m->listening, &l->link);
    m->nstreams++;
    if (acknowledge(l))
        end(l);
}

void hr_mcp_listen_cancel(struct hr_mcp *m, const struct hr_mcp_session *session, const json_t *id)
{
    struct hr_link all, *at;
    hr_link_init(&all);
    hr_link_move_all(&m->listening, &all);
    while ((at = hr_link_take(&all))) {
        struct listener *l = hr_link_owner(at, struct listener, link);
        hr_link_append(&m->listening, &l->link);
        if (l->session == session && json_equal(l->id, id))
            on_gone(l);
    }
}

void hr_mcp_listen_changed(struct hr_mcp *m)
{
    struct hr_link all, *at;
    hr_link_init(&all);
    hr_link_move_all(&m->listening, &all);
    while ((at = hr_link_take(&all))) {
        struct listener *l = hr_link_owner(at, struct listener, link);
        hr_link_append(&m->listening, &l->link);
        if (l->tools &&
            hr_mcp_peer_send(&l->peer, notification(l, "notifications/tools/list_changed")))
            end(l);
    }
}

void hr_mcp_listen_end(struct hr_mcp *m)
{
    struct hr_link *at;
    while ((at = hr_link_take(&m->listening)))
        end(hr_link_owner(at, struct listener, link));
}
