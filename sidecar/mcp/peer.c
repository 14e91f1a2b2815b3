/* SPDX-License-Identifier: MIT
 * The way back to a client.  See peer.h. */
#include "peer.h"

#include "common/log.h"
#include "json.h"
#include "reply.h"

#include <errno.h>

int hr_mcp_peer_keep(struct hr_mcp_peer *to, const struct hr_mcp_peer *from,
                     const struct hr_mcp_message *msg, void (*gone)(void *arg), void *arg)
{
    *to = *from;
    to->gone = gone;
    to->gone_arg = arg;
    return to->transport->keep(to, msg);
}

int hr_mcp_peer_send(struct hr_mcp_peer *p, json_t *message)
{
    struct hr_buf text;
    hr_buf_init(&text, HR_MCP_ANSWER_MAX);
    int err = message ? hr_mcp_json_add(&text, message, true) : -ENOMEM;
    if (!err)
        err = p->transport->send(p, text.data, text.len);
    json_decref(message);
    hr_buf_free(&text);
    return err;
}

void hr_mcp_peer_answer(struct hr_mcp_peer *p, json_t *id, unsigned status, struct hr_buf *body,
                        int err)
{
    static const char sorry[] = "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32603,\"message\":\"no "
                                "room for the answer\"}}";
    const unsigned failed = 500;
    if (!err)
        err = p->transport->answer(p, status, body->data, body->len);
    hr_buf_free(body);
    if (!err)
        return;
    hr_error("mcp: no %s for an answer", err == -ENOMEM ? "memory" : "room");
    err =
        hr_mcp_error_body(body, id, HR_RPC_INTERNAL_ERROR, "there is no room for the answer", NULL);
    if (!err)
        err = p->transport->answer(p, failed, body->data, body->len);
    hr_buf_free(body);
    if (err && p->transport->answer(p, failed, sorry, sizeof(sorry) - 1))
        hr_mcp_peer_end(p);
}

void hr_mcp_peer_end(struct hr_mcp_peer *p)
{
    (void)p->transport->answer(p, 0, NULL, 0);
}
