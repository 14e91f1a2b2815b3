/* SPDX-License-Identifier: MIT
 * Whom a request is answered.  See caller.h. */
#include "caller.h"

#include "common/json_text.h"

#define META_SEVERITY "io.modelcontextprotocol/logLevel"

/* --- what the client wants --- */

int hr_mcp_caller_init(struct hr_mcp_caller *c, const struct hr_mcp_peer *peer,
                       const struct hr_mcp_message *msg, void (*gone)(void *arg), void *arg)
{
    const json_t *meta = json_object_get(msg->params, "_meta");
    json_t *token = json_object_get(meta, "progressToken");
    const char *severity = json_string_value(json_object_get(meta, META_SEVERITY));
    *c = (struct hr_mcp_caller){.modern = msg->modern, .own_severity = HR_MCP_SEVERITY_DEFAULT};
    int err = hr_mcp_peer_keep(&c->peer, peer, msg, gone, arg);
    if (err)
        return err;
    if (hr_rpc_id_usable(token))
        c->token = json_incref(token);
    if (msg->modern)
        c->own_severity = severity ? hr_mcp_severity(severity) : HR_MCP_SEVERITY_SILENT;
    c->session = peer->transport->session(peer, msg->modern);
    hr_mcp_session_hold(c->session);
    return 0;
}

/* --- news --- */

static json_t *text_of(const struct hr_mcp_told *told)
{
    return hr_json_text(told->text, told->len < HR_MCP_NEWS_MAX ? told->len : HR_MCP_NEWS_MAX);
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
    int wanted = c->session && !c->modern ? c->session->severity : c->own_severity;
    int severity = severity_of(told->level);
    if ((told->is_progress ? !c->token : severity > wanted) ||
        !c->peer.transport->wants_news(&c->peer))
        return;
    /* Of a client that cannot be told news the answer is still worth a try. */
    (void)hr_mcp_peer_send(&c->peer,
                           told->is_progress ? progress(c, told) : message(plugin, told, severity));
}

/* --- the end --- */

static void release(struct hr_mcp_caller *c)
{
    hr_mcp_session_drop(c->session);
    json_decref(c->token);
    c->session = NULL;
    c->token = NULL;
}

void hr_mcp_caller_answer(struct hr_mcp_caller *c, json_t *id, unsigned status, struct hr_buf *body,
                          int err)
{
    hr_mcp_peer_answer(&c->peer, id, status, body, err);
    release(c);
}

void hr_mcp_caller_gone(struct hr_mcp_caller *c)
{
    c->peer.transport->drop(&c->peer);
    release(c);
}
