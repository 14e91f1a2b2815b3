/* SPDX-License-Identifier: MIT
 * Answers, and the requests that wait for one: for the catalogue of tools, or for a tool.
 *
 * Whatever a legitimate client asks is answered 200 or 202: it takes any other status for the end
 * of its session, with every other call that runs in it.  A tool that cannot be called is a result
 * with isError, which the model reads. */
#include "serve.h"

#include "caller.h"
#include "common/clock.h"
#include "internal.h"
#include "list.h"
#include "modern.h"
#include "reply.h"
#include "result.h"
#include "rpc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HR_MCP_FAULTS_MAX = 8 * 1024, /* bytes of what a model is told of its arguments */
    /* Bytes of arguments of the calls that wait for the catalogue. */
    HR_MCP_UNSETTLED_MAX = 8 * 1024 * 1024,
};

static const char too_large[] = "The arguments are too large for a tool. Send less.";
static const char no_memory[] = "There is no memory for the arguments. Try again later.";

/* A request that is not answered at once. */
struct request {
    struct hr_link link; /* on m->waiting or m->calling */
    struct hr_mcp *m;
    struct hr_mcp_caller caller;
    enum hr_mcp_method method;
    int modern; /* by the rules of modern.h */
    json_t *id; /* owned */
    ev_timer patience;
    json_t *name; /* owned; of tools/list: the cursor */
    int structured;
    struct hr_mcp_tool_stats *stats;
    int64_t started_us;
    struct hr_mcp_call call; /* has the arguments from the beginning */
};

void hr_mcp_count(struct hr_mcp *m, enum hr_mcp_method method, enum hr_mcp_answer answer)
{
    m->requests[method][answer]++;
}

/* --- requests that wait --- */

static void request_free(struct request *r)
{
    ev_timer_stop(r->m->loop, &r->patience);
    hr_link_remove(&r->link);
    json_decref(r->id);
    json_decref(r->name);
    hr_mcp_arguments_free(&r->call.arguments);
    free(r);
}

/* End it with a result, which is taken over. */
static void finish(struct request *r, json_t *result)
{
    hr_mcp_count(r->m, r->method, HR_MCP_ANSWER_OK);
    const struct hr_mcp_message msg = {.id = r->id, .modern = r->modern};
    struct hr_buf body;
    int err = hr_mcp_result_body(&body, &msg, result);
    hr_mcp_caller_answer(&r->caller, r->id, 200, &body, err);
    request_free(r);
}

static void finish_error(struct request *r, int code, const char *message)
{
    hr_mcp_count(r->m, r->method, HR_MCP_ANSWER_ERROR);
    struct hr_buf body;
    int err = hr_mcp_error_body(&body, r->id, code, message, NULL);
    hr_mcp_caller_answer(&r->caller, r->id, 200, &body, err);
    request_free(r);
}

/* Nobody wants the result any more. */
static void stop(struct request *r)
{
    if (!r->call.worker)
        return;
    hr_mcp_call_cancel(&r->call);
    hr_mcp_stats_count(r->stats, HR_MCP_CANCELLED, (double)(hr_now_us() - r->started_us) / 1e6);
}

/* The client does not wait for the answer any more. */
static void on_gone(void *arg)
{
    struct request *r = arg;
    stop(r);
    hr_mcp_count(r->m, r->method, HR_MCP_ANSWER_GONE);
    hr_mcp_caller_gone(&r->caller);
    request_free(r);
}

static void cancel_of(struct hr_link *list, const struct hr_mcp_session *session, json_t *id)
{
    struct hr_link mine, *l;
    hr_link_init(&mine);
    hr_link_move_all(list, &mine);
    while ((l = hr_link_take(&mine))) {
        struct request *r = hr_link_owner(l, struct request, link);
        hr_link_append(list, &r->link);
        if (r->caller.session != session || (id && !json_equal(r->id, id)))
            continue;
        if (!r->caller.peer.transport->owes_answer) {
            on_gone(r);
            continue;
        }
        stop(r);
        finish_error(r, HR_RPC_SERVER_ERROR, "cancelled by the client");
    }
}

void hr_mcp_cancel(struct hr_mcp *m, const struct hr_mcp_session *session, json_t *id)
{
    cancel_of(&m->waiting, session, id);
    cancel_of(&m->calling, session, id);
}

/* --- tools/list --- */

static void finish_list(struct request *r)
{
    hr_mcp_session_shown(r->caller.session);
    finish(r, hr_mcp_list_page(r->m, hr_mcp_cursor_after(r->name), r->modern));
}

/* --- tools/call --- */

static void on_called(struct hr_mcp_call *c, const struct hr_mcp_end *end)
{
    struct request *r = hr_link_owner(c, struct request, call);
    enum hr_mcp_outcome outcome = end->outcome;
    json_t *result;
    if (end->payload)
        result = hr_mcp_result(json_string_value(r->name), end->payload, end->len, r->structured,
                               &outcome);
    else
        result = hr_mcp_result_error(end->reason);
    hr_mcp_stats_count(r->stats, outcome, (double)(hr_now_us() - r->started_us) / 1e6);
    finish(r, result);
}

static void on_told(struct hr_mcp_call *c, const struct hr_mcp_told *told)
{
    struct request *r = hr_link_owner(c, struct request, call);
    hr_mcp_caller_told(&r->caller, c->worker->id, told);
}

/* Hold the headers of a modern request against its arguments. */
static bool headers_fit(struct request *r, const struct hr_mcp_tool *tool, const json_t *arguments)
{
    struct hr_mcp_refusal refusal;
    if (!r->modern || !hr_mcp_params_check(json_object_get(tool->entry, "inputSchema"), arguments,
                                           &r->caller.peer, &refusal))
        return true;
    hr_mcp_count(r->m, r->method, HR_MCP_ANSWER_REFUSED);
    struct hr_buf body;
    int err = hr_mcp_error_body(&body, r->id, refusal.code, refusal.why, refusal.data);
    hr_mcp_caller_answer(&r->caller, r->id, refusal.status, &body, err);
    request_free(r);
    return false;
}

/* Hold the arguments against the tool's schema.  If they do not fit, the model is told why, in a
 * result it can act on, and the plugin never sees them. */
static bool arguments_fit(struct request *r, const struct hr_mcp_tool *tool,
                          const json_t *arguments)
{
    struct hr_buf text;
    hr_buf_init(&text, HR_MCP_FAULTS_MAX);
    (void)hr_buf_addf(&text, "The arguments of %s do not fit its input schema:\n", tool->name);
    bool fit = hr_schema_validate(tool->input, arguments, &text) == 0;
    if (!fit) {
        hr_mcp_stats_count(tool->stats, HR_MCP_REJECTED,
                           (double)(hr_now_us() - r->started_us) / 1e6);
        finish(r, hr_mcp_result_error(hr_buf_str(&text)));
    }
    hr_buf_free(&text);
    return fit;
}

static void start_call(struct request *r, struct hr_mcp_plugin *p, const struct hr_mcp_tool *tool)
{
    ev_timer_stop(r->m->loop, &r->patience);
    hr_link_remove(&r->link);
    hr_link_append(&r->m->calling, &r->link);
    r->structured = tool->structured;
    r->stats = tool->stats;
    r->call.name = json_incref(r->name);
    r->call.done = on_called;
    r->call.told = on_told;
    hr_mcp_worker_call(&p->worker, tool, &r->call);
}

/* No such tool.  Its plugin may be one that has never come up since we did: say so then, because
 * the name alone would mislead. */
static void unknown_tool(struct request *r)
{
    char text[HR_MCP_SENTENCE_MAX + 256];
    const struct hr_mcp *m = r->m;
    (void)snprintf(text, sizeof(text), "Unknown tool: \"%.128s\"", json_string_value(r->name));
    for (size_t i = 0; i < m->nplugins; i++) {
        const struct hr_mcp_worker *w = &m->plugins[i]->worker;
        if (w->tools)
            continue;
        size_t n = strlen(text);
        (void)snprintf(text + n, sizeof(text) - n,
                       "; the plugin \"%s\" is not running, so its tools are not known", w->id);
    }
    finish_error(r, HR_RPC_INVALID_PARAMS, text);
}

/* --- waiting for the catalogue --- */

/* Nobody has that tool yet. */
static void keep_waiting(struct request *r)
{
    if (hr_mcp_arguments_count(&r->call.arguments, &r->m->unsettled_bytes, HR_MCP_UNSETTLED_MAX))
        finish(r,
               hr_mcp_result_error("Other calls that wait for plugins to start have arguments so "
                                   "large that there is no room for this one. Try again in some "
                                   "seconds."));
}

/* Somebody has it: start the call, unless that is refused. */
static void try_tool(struct request *r, struct hr_mcp_plugin *p, const struct hr_mcp_tool *tool,
                     json_t *arguments)
{
    json_t *json = arguments ? json_incref(arguments) : hr_mcp_arguments_json(&r->call.arguments);
    if (!json)
        finish(r, hr_mcp_result_error(no_memory));
    else if (headers_fit(r, tool, json) && arguments_fit(r, tool, json))
        start_call(r, p, tool);
    json_decref(json);
}

/* Answer it, or leave it on m->waiting unless this is the last chance.  arguments: of tools/call,
 * if they are at hand as JSON; borrowed. */
static void proceed(struct request *r, json_t *arguments, int last_chance)
{
    int wait = !last_chance && !hr_mcp_settled(r->m);
    if (r->method == HR_MCP_TOOLS_LIST) {
        if (!wait)
            finish_list(r);
        return;
    }
    struct hr_mcp_plugin *p = NULL;
    size_t len = json_string_length(r->name);
    const struct hr_mcp_tool *tool = hr_mcp_find_tool(r->m, json_string_value(r->name), len, &p);
    if (!tool && (!wait || len > HR_MCP_TOOL_NAME_MAX))
        unknown_tool(r);
    else if (!tool)
        keep_waiting(r);
    else
        try_tool(r, p, tool, arguments);
}

static void on_patience(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    proceed(timer->data, NULL, 1);
}

void hr_mcp_serve_waiting(struct hr_mcp *m)
{
    struct hr_link mine, *l;
    hr_link_init(&mine);
    hr_link_move_all(&m->waiting, &mine);
    while ((l = hr_link_take(&mine))) {
        struct request *r = hr_link_owner(l, struct request, link);
        hr_link_append(&m->waiting, &r->link);
        proceed(r, NULL, 0);
    }
}

void hr_mcp_serve_end(struct hr_mcp *m)
{
    struct hr_link *l;
    hr_link_move_all(&m->waiting, &m->calling);
    while ((l = hr_link_take(&m->calling))) {
        struct request *r = hr_link_owner(l, struct request, link);
        hr_mcp_call_cancel(&r->call);
        if (r->method == HR_MCP_TOOLS_CALL)
            finish(r, hr_mcp_result_error("The tools are being stopped or restarted. Try again."));
        else
            finish_list(r);
    }
}

/* NULL if it cannot be begun; it is answered then. */
static struct request *request_new(struct hr_mcp_peer *peer, enum hr_mcp_method method,
                                   const struct hr_mcp_message *msg)
{
    struct request *r = calloc(1, sizeof(*r));
    if (!r) {
        hr_mcp_count(peer->m, method, HR_MCP_ANSWER_REFUSED);
        hr_mcp_reply_result(peer, msg, NULL);
        return NULL;
    }
    if (!hr_mcp_caller_init(&r->caller, peer, msg, on_gone, r))
        return r;
    free(r);
    hr_mcp_count(peer->m, method, HR_MCP_ANSWER_ERROR);
    hr_mcp_reply_error(peer, 200, msg->id, HR_RPC_INTERNAL_ERROR,
                       "too many requests are open here: wait for the answers to some of them");
    return NULL;
}

void hr_mcp_begin(struct hr_mcp_peer *peer, enum hr_mcp_method method,
                  const struct hr_mcp_message *msg, json_t *name, json_t *arguments)
{
    struct hr_mcp *m = peer->m;
    struct request *r = request_new(peer, method, msg);
    if (!r) {
        json_decref(name);
        json_decref(arguments);
        return;
    }
    r->m = m;
    r->method = method;
    r->id = json_incref(msg->id);
    r->modern = msg->modern;
    r->name = name;
    r->started_us = hr_now_us();
    hr_link_append(&m->waiting, &r->link);
    ev_timer_init(&r->patience, on_patience, (double)m->catalogue_wait_ms / 1000, 0.);
    r->patience.data = r;
    ev_timer_start(m->loop, &r->patience);
    bool may = method != HR_MCP_TOOLS_CALL || hr_mcp_session_may_call(r->caller.session);
    int err = may && arguments ? hr_mcp_arguments_set(&r->call.arguments, arguments) : 0;
    if (!may)
        finish(r,
               hr_mcp_result_error("This conversation calls tools faster than is allowed. Wait a "
                                   "few seconds, and then call them more slowly."));
    else if (err)
        finish(r, hr_mcp_result_error(err == -E2BIG ? too_large : no_memory));
    else
        proceed(r, arguments, 0);
    json_decref(arguments);
}
