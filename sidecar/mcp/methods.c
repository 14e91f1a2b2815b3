/* SPDX-License-Identifier: MIT
 * What each method does.  See methods.h. */
#include "methods.h"

#include "internal.h"
#include "list.h"
#include "listen.h"
#include "modern.h"
#include "reply.h"
#include "result.h"
#include "rpc.h"
#include "serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char instructions[] =
    "Native tools of this container. A tool that fails says why and what to do; calls are stopped "
    "at their time limit.";

static void do_initialize(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg)
{
    const char *version = json_string_value(json_object_get(msg->params, "protocolVersion"));
    if (!version || !hr_mcp_version_known(version))
        version = hr_mcp_version_newest();
    peer->transport->begin_session(peer);
    hr_mcp_count(peer->m, HR_MCP_INITIALIZE, HR_MCP_ANSWER_OK);
    hr_mcp_reply_result(peer, msg,
                        json_pack("{s:s, s:{s:{s:b}, s:{}}, s:o, s:s}", "protocolVersion", version,
                                  "capabilities", "tools", "listChanged", 1, "logging",
                                  "serverInfo", hr_mcp_server_info(), "instructions",
                                  instructions));
}

static void do_discover(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg)
{
    json_t *result =
        json_pack("{s:[s], s:{s:{s:b}}, s:s}", "supportedVersions", HR_MCP_VERSION_MODERN,
                  "capabilities", "tools", "listChanged", 1, "instructions", instructions);
    if (hr_mcp_list_caching(result, peer->m)) {
        json_decref(result);
        result = NULL;
    }
    hr_mcp_count(peer->m, HR_MCP_SERVER_DISCOVER, HR_MCP_ANSWER_OK);
    hr_mcp_reply_result(peer, msg, result);
}

static void do_ping(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg)
{
    hr_mcp_count(peer->m, HR_MCP_PING, HR_MCP_ANSWER_OK);
    hr_mcp_reply_result(peer, msg, json_object());
}

static void invalid_params(struct hr_mcp_peer *peer, enum hr_mcp_method method, json_t *id,
                           const char *what)
{
    hr_mcp_count(peer->m, method, HR_MCP_ANSWER_ERROR);
    hr_mcp_reply_error(peer, 200, id, HR_RPC_INVALID_PARAMS, what);
}

static void do_set_level(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg)
{
    const char *level = json_string_value(json_object_get(msg->params, "level"));
    int severity = level ? hr_mcp_severity(level) : -1;
    if (severity < 0) {
        invalid_params(peer, HR_MCP_SET_LEVEL, msg->id,
                       "\"level\" is none of debug, info, notice, warning, error, critical, alert "
                       "and emergency");
        return;
    }
    struct hr_mcp_session *session = peer->transport->session(peer, 0);
    if (session)
        session->severity = severity;
    hr_mcp_count(peer->m, HR_MCP_SET_LEVEL, HR_MCP_ANSWER_OK);
    hr_mcp_reply_result(peer, msg, json_object());
}

static void do_tools_list(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg)
{
    json_t *cursor = json_object_get(msg->params, "cursor");
    if (!hr_mcp_cursor_after(cursor))
        invalid_params(peer, HR_MCP_TOOLS_LIST, msg->id,
                       "this cursor was not given out here: leave it out for the first page");
    else
        hr_mcp_begin(peer, HR_MCP_TOOLS_LIST, msg, json_incref(cursor), NULL);
}

static void do_tools_call(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg)
{
    json_t *name = json_object_get(msg->params, "name");
    json_t *arguments = json_object_get(msg->params, "arguments");
    const char *wrong = NULL;
    if (!json_is_string(name)) {
        invalid_params(peer, HR_MCP_TOOLS_CALL, msg->id, "\"name\" of the tool is not a string");
        return;
    }
    if (arguments && !json_is_object(arguments))
        wrong = "The arguments of a tool must be a JSON object.";
    else
        wrong = msg->lossy;
    if (wrong) {
        hr_mcp_count(peer->m, HR_MCP_TOOLS_CALL, HR_MCP_ANSWER_OK);
        hr_mcp_reply_result(peer, msg, hr_mcp_result_error(wrong));
        return;
    }
    hr_mcp_begin(peer, HR_MCP_TOOLS_CALL, msg, json_incref(name),
                 arguments ? json_incref(arguments) : json_object());
}

enum { LEGACY = 1 << 0, MODERN = 1 << 1 };

static const struct {
    const char *name;
    enum hr_mcp_method method;
    int eras; /* in which it exists */
    void (*run)(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg);
} methods[] = {
    {"tools/call", HR_MCP_TOOLS_CALL, LEGACY | MODERN, do_tools_call},
    {"tools/list", HR_MCP_TOOLS_LIST, LEGACY | MODERN, do_tools_list},
    {"initialize", HR_MCP_INITIALIZE, LEGACY, do_initialize},
    {"ping", HR_MCP_PING, LEGACY, do_ping},
    {"logging/setLevel", HR_MCP_SET_LEVEL, LEGACY, do_set_level},
    {"server/discover", HR_MCP_SERVER_DISCOVER, MODERN, do_discover},
    {"subscriptions/listen", HR_MCP_SUBSCRIPTIONS_LISTEN, MODERN, hr_mcp_listen},
};

/* A request that breaks the rules of its revision. */
static void refuse(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg,
                   struct hr_mcp_refusal *refusal)
{
    hr_mcp_count(peer->m, HR_MCP_OTHER, HR_MCP_ANSWER_REFUSED);
    hr_mcp_reply_refusal(peer, msg->id, refusal);
}

/* A revision that is none of ours, in the header of a message that says nothing else of it. */
static int unknown_version(const struct hr_mcp_message *msg, const char *version,
                           struct hr_mcp_refusal *ret)
{
    if (!version || msg->modern || hr_mcp_version_known(version) ||
        !strcmp(version, HR_MCP_VERSION_MODERN))
        return 0;
    *ret = (struct hr_mcp_refusal){
        .status = 400,
        .code = HR_RPC_UNSUPPORTED_VERSION,
        .why = "the protocol revision in MCP-Protocol-Version is not spoken here",
        .data = json_pack("{s:o*, s:o*}", "supported", hr_mcp_versions(), "requested",
                          json_string(version)),
    };
    return -EPROTO;
}

static void do_request(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg)
{
    struct hr_mcp_refusal refusal;
    if (msg->modern && hr_mcp_modern_check(msg, peer, &refusal)) {
        refuse(peer, msg, &refusal);
        return;
    }
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        if (strcmp(msg->method, methods[i].name) != 0 ||
            !(methods[i].eras & (msg->modern ? MODERN : LEGACY)))
            continue;
        if (msg->params && !json_is_object(msg->params))
            invalid_params(peer, methods[i].method, msg->id, "\"params\" is not an object");
        else
            methods[i].run(peer, msg);
        return;
    }
    char text[160];
    (void)snprintf(text, sizeof(text), "method \"%.100s\" does not exist here", msg->method);
    hr_mcp_count(peer->m, HR_MCP_OTHER, msg->modern ? HR_MCP_ANSWER_REFUSED : HR_MCP_ANSWER_ERROR);
    hr_mcp_reply_error(peer, msg->modern ? 404 : 200, msg->id, HR_RPC_METHOD_NOT_FOUND, text);
}

static void do_cancelled(const struct hr_mcp_peer *peer, const struct hr_mcp_message *msg)
{
    json_t *id = json_object_get(msg->params, "requestId");
    const struct hr_mcp_session *session = peer->transport->session(peer, 0);
    if (!session || !id || strcmp(msg->method, "notifications/cancelled") != 0)
        return;
    hr_mcp_cancel(peer->m, session, id);
    hr_mcp_listen_cancel(peer->m, session, id);
}

static void accepted(struct hr_mcp_peer *peer, enum hr_mcp_method method)
{
    hr_mcp_count(peer->m, method, HR_MCP_ANSWER_OK);
    hr_mcp_peer_end(peer);
}

static void handle(struct hr_mcp_peer *peer, const struct hr_mcp_message *msg)
{
    switch (msg->kind) {
    case HR_MCP_REQUEST: do_request(peer, msg); break;
    case HR_MCP_NOTIFY:
        do_cancelled(peer, msg);
        accepted(peer, HR_MCP_NOTIFICATION);
        break;
    case HR_MCP_REPLY: accepted(peer, HR_MCP_RESPONSE); break;
    case HR_MCP_INVALID:
        hr_mcp_count(peer->m, HR_MCP_OTHER, HR_MCP_ANSWER_REFUSED);
        hr_mcp_reply_error(peer, 400, msg->id, msg->code, msg->why);
        break;
    }
}

void hr_mcp_receive(struct hr_mcp_peer *peer, const char *text, size_t len)
{
    const struct hr_mcp_transport *t = peer->transport;
    struct hr_mcp_message msg;
    struct hr_mcp_refusal refusal;
    hr_mcp_message_parse(text, len, &msg);
    const char *version = t->header ? t->header(peer, "MCP-Protocol-Version") : NULL;
    msg.modern = msg.kind == HR_MCP_REQUEST && hr_mcp_is_modern(&msg, version);
    if (msg.kind != HR_MCP_INVALID && unknown_version(&msg, version, &refusal))
        refuse(peer, &msg, &refusal);
    else
        handle(peer, &msg);
    hr_mcp_message_free(&msg);
}
