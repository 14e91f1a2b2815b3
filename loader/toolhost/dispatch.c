/* SPDX-License-Identifier: MIT
 * The main thread's side of all calls.  See dispatch.h. */
#include "dispatch.h"

#include "common/clock.h"
#include "common/frame.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char too_many[] =
    "too many calls are running or waiting for this plugin: try again later";

int hr_dispatch_init(struct hr_dispatch *d, struct hr_plugin *plugin, hr_send_fn *send,
                     hr_full_fn *full, void *arg)
{
    *d = (struct hr_dispatch){.plugin = plugin, .send = send, .full = full, .arg = arg};
    int err = hr_workers_new("hr-tool", HR_WORKERS_MAX, &d->workers);
    if (!err)
        err = hr_workers_new("hr-cancel", 1, &d->cancellers);
    if (!err)
        err = hr_plugin_health_init(&d->health, plugin);
    if (!err)
        err = hr_plugin_phase_init(&d->phase, plugin);
    return err;
}

static void answer(struct hr_dispatch *d, uint64_t conn, uint64_t id, const void *payload,
                   size_t len)
{
    d->send(d->arg, conn, HR_FRAME_RESULT, id, payload, len);
}

/* Answer with a failure of ours. */
static void fail(struct hr_dispatch *d, uint64_t conn, uint64_t id, handrail_status status,
                 const char *reason)
{
    struct hr_buf payload;
    hr_buf_init(&payload, HR_ERROR_MAX);
    if (hr_result_failed(&payload, status, reason) == 0)
        answer(d, conn, id, payload.data, payload.len);
    else
        answer(d, conn, id, &status, sizeof(status));
    hr_buf_free(&payload);
}

static size_t tool_index(const struct hr_dispatch *d, const handrail_tool *tool)
{
    return (size_t)(tool - d->plugin->tools);
}

static void free_call(struct hr_dispatch *d, struct hr_call *c)
{
    if (c->tool) {
        if (c->started)
            d->running[tool_index(d, c->tool)]--;
        if (c->held)
            d->held_bytes -= c->result.len;
        d->args_bytes -= c->args_len;
    } else if (c->of == HR_CALL_PHASE) {
        hr_plugin_phase_freed(&d->phase);
    } else {
        hr_plugin_health_freed(&d->health);
    }
    hr_call_free(c);
}

static bool may_start(const struct hr_dispatch *d, const handrail_tool *tool)
{
    return d->held_bytes < HR_HELD_MAX && d->busy < HR_WORKERS_MAX &&
           (!tool->max_concurrency || d->running[tool_index(d, tool)] < tool->max_concurrency);
}

static void start(struct hr_dispatch *d, struct hr_call *c)
{
    c->started = true;
    d->running[tool_index(d, c->tool)]++;
    d->busy++;
    hr_call_start(c);
    int err = hr_workers_submit(d->workers, &c->run_job);
    if (!err)
        return;
    hr_error("plugin %s: cannot make a thread to run its calls: %s: raise the limit on processes",
             d->plugin->id, strerror(-err));
    d->busy--;
    fail(d, c->conn, c->frame_id, HANDRAIL_E_UNAVAILABLE, "the host has no thread to run the call");
    free_call(d, c);
}

/* Start what may start, in order; a call whose tool is at its limit lets others pass. */
static void start_waiting(struct hr_dispatch *d)
{
    struct hr_call **link = &d->waiting;
    while (*link && d->busy < HR_WORKERS_MAX) {
        struct hr_call *c = *link;
        if (!may_start(d, c->tool)) {
            link = &c->next_waiting;
            continue;
        }
        *link = c->next_waiting;
        d->nwaiting--;
        start(d, c);
    }
}

static void unlink_waiting(struct hr_dispatch *d, const struct hr_call *c)
{
    struct hr_call **link = &d->waiting;
    while (*link && *link != c)
        link = &(*link)->next_waiting;
    if (*link) {
        *link = c->next_waiting;
        d->nwaiting--;
    }
}

static void add_waiting(struct hr_dispatch *d, struct hr_call *c)
{
    struct hr_call **link = &d->waiting;
    while (*link)
        link = &(*link)->next_waiting;
    *link = c;
    d->nwaiting++;
}

static struct hr_call *find(uint64_t conn, uint64_t id)
{
    size_t at = 0;
    for (struct hr_call *c = hr_call_next(&at); c; c = hr_call_next(&at))
        if (c->conn == conn && c->frame_id == id && !c->answered)
            return c;
    return NULL;
}

/* A call with these arguments, which are copied.  0, -ENOMEM, -EAGAIN. */
static int make_call(struct hr_dispatch *d, const handrail_tool *tool, const char *args, size_t len,
                     uint32_t timeout_ms, struct hr_call **ret)
{
    if (d->nwaiting >= HR_WAITING_MAX && !may_start(d, tool))
        return -EAGAIN;
    if (len > HR_ARGS_MAX - d->args_bytes)
        return -EAGAIN;
    char *copy = malloc(len + 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, args, len);
    copy[len] = '\0';
    int err = hr_call_new(d->plugin, tool, copy, len, hr_now_ms() + timeout_ms, ret);
    if (err)
        free(copy);
    else
        d->args_bytes += len;
    return err;
}

int hr_dispatch_call(struct hr_dispatch *d, uint64_t conn, uint64_t id, const void *payload,
                     size_t len)
{
    struct hr_frame_call head;
    if (len < sizeof(head) || id == 0 || find(conn, id))
        return -EPROTO;
    memcpy(&head, payload, sizeof(head));
    if (head.tool >= d->plugin->ntools || head.timeout_ms == 0)
        return -EPROTO;
    if (d->stopping) {
        fail(d, conn, id, HANDRAIL_E_UNAVAILABLE, "the plugin is being stopped: try again later");
        return 0;
    }
    struct hr_call *c = NULL;
    int err = make_call(d, &d->plugin->tools[head.tool], (const char *)payload + sizeof(head),
                        len - sizeof(head), head.timeout_ms, &c);
    if (err) {
        fail(d, conn, id, HANDRAIL_E_UNAVAILABLE,
             err == -ENOMEM ? "the host has no memory for the call: try again later" : too_many);
        return 0;
    }
    c->conn = conn;
    c->frame_id = id;
    if (may_start(d, c->tool))
        start(d, c);
    else
        add_waiting(d, c);
    return 0;
}

int hr_dispatch_phase(struct hr_dispatch *d, const void *payload, size_t len)
{
    return hr_plugin_phase_take(&d->phase, payload, len);
}

/* Nobody waits for this call any more: answer it, tell the plugin, start its grace time. */
static void give_up(struct hr_dispatch *d, struct hr_call *c, handrail_status status,
                    const char *reason)
{
    if (!c->answered && c->conn)
        fail(d, c->conn, c->frame_id, status, reason);
    c->answered = true;
    if (!c->started) {
        unlink_waiting(d, c);
        free_call(d, c);
        return;
    }
    if (c->kill_at_ms)
        return;
    c->kill_at_ms = hr_now_ms() + HR_GRACE_MS;
    if (hr_call_cancel(c) && hr_workers_submit(d->cancellers, &c->cancel_job)) {
        hr_warn("plugin %s, tool %s: no thread to tell it that a call is cancelled", d->plugin->id,
                hr_call_name(c));
        hr_call_skip_cancel(c);
    }
}

void hr_dispatch_cancel(struct hr_dispatch *d, uint64_t conn, uint64_t id)
{
    struct hr_call *c = find(conn, id);
    if (c)
        give_up(d, c, HANDRAIL_E_CANCELLED, "the call was cancelled by its caller");
}

void hr_dispatch_drop(struct hr_dispatch *d, uint64_t conn)
{
    size_t at = 0;
    for (struct hr_call *c = hr_call_next(&at); c; c = hr_call_next(&at)) {
        if (c->conn != conn)
            continue;
        c->conn = 0;
        give_up(d, c, HANDRAIL_E_CANCELLED, "");
    }
}

/* Send what the caller is to hear before the answer.  Progress waits until the one before is old
 * enough, unless the answer comes now.  A peer that does not read misses it. */
static void send_news(struct hr_dispatch *d, struct hr_call *c, bool ended)
{
    struct hr_buf news;
    struct hr_frame frame;
    const char *payload = NULL;
    int64_t now = hr_now_ms();
    hr_buf_init(&news, HR_TELLS_MAX + (size_t)4096);
    hr_call_news(c, ended || now >= c->progress_at_ms, &news, &c->progress_due);
    bool heard = c->conn && !c->answered && !d->full(d->arg, c->conn);
    for (size_t at = 0; hr_frame_peek(hr_buf_str(&news) + at, news.len - at, &frame, &payload) == 1;
         at += sizeof(frame) + frame.len) {
        if (heard)
            d->send(d->arg, c->conn, frame.type, c->frame_id, payload, frame.len);
        if (frame.type == HR_FRAME_PROGRESS)
            c->progress_at_ms = now + HR_PROGRESS_EVERY_MS;
    }
    hr_buf_free(&news);
}

/* The same for a call of no tool: nobody waits for its answer but us. */
static void collect_ours(struct hr_dispatch *d, struct hr_call *c,
                         const struct hr_call_state *state)
{
    if (state->ended && !c->answered && c->of == HR_CALL_PHASE)
        hr_plugin_phase_ended(&d->phase, c);
    else if (state->ended && !c->answered)
        hr_plugin_health_ended(&d->health, c);
    c->answered = c->answered || state->ended;
    if (state->released)
        free_call(d, c);
}

/* Look at one call that may have changed. */
static void collect(struct hr_dispatch *d, struct hr_call *c)
{
    struct hr_call_state state = hr_call_state(c);
    if (!c->tool) {
        collect_ours(d, c, &state);
        return;
    }
    if (c->started && !c->returned && !state.in_invoke) {
        c->returned = true;
        d->busy--;
    }
    if (state.news)
        send_news(d, c, state.ended);
    if (state.ended && !c->answered) {
        if (d->full(d->arg, c->conn)) {
            if (!c->held)
                d->held_bytes += c->result.len;
            c->held = true;
            return;
        }
        c->answered = true;
        answer(d, c->conn, c->frame_id, c->result.data, c->result.len);
    }
    if (state.released)
        free_call(d, c);
}

/* Those whose answers were held back. */
static void collect_held(struct hr_dispatch *d)
{
    size_t at = 0;
    for (struct hr_call *c = hr_call_next(&at); c; c = hr_call_next(&at))
        if (hr_call_state(c).ended)
            collect(d, c);
}

void hr_dispatch_collect(struct hr_dispatch *d)
{
    if (d->held_bytes)
        collect_held(d);
    for (struct hr_call *c = hr_calls_take(); c; c = hr_calls_take())
        if (c->handle)
            collect(d, c);
    start_waiting(d);
}

/* A call of no tool has reached its deadline. */
static void late(struct hr_dispatch *d, const struct hr_call *c)
{
    if (c->of == HR_CALL_PHASE)
        hr_plugin_phase_late(&d->phase);
    else
        hr_plugin_health_late(&d->health);
}

/* Begin what of our own calls is due.  When the next one is, INT64_MAX for never. */
static int64_t start_ours(struct hr_dispatch *d, int64_t now)
{
    if (d->stopping)
        return INT64_MAX;
    if (now >= hr_plugin_health_due(&d->health))
        hr_plugin_health_start(&d->health, now);
    if (now >= hr_plugin_phase_due(&d->phase))
        hr_plugin_phase_start(&d->phase, now);
    int64_t health = hr_plugin_health_due(&d->health);
    int64_t phase = hr_plugin_phase_due(&d->phase);
    return health < phase ? health : phase;
}

int hr_dispatch_expire(struct hr_dispatch *d, int64_t now, struct hr_call **ret_stuck)
{
    int64_t next = start_ours(d, now);
    size_t at = 0;
    for (struct hr_call *c = hr_call_next(&at); c; c = hr_call_next(&at)) {
        if (c->progress_due && now >= c->progress_at_ms)
            send_news(d, c, false);
        if (c->progress_due && c->progress_at_ms < next)
            next = c->progress_at_ms;
        if (c->kill_at_ms && now >= c->kill_at_ms) {
            if (!hr_call_state(c).released)
                *ret_stuck = c;
            continue;
        }
        if (!c->kill_at_ms && now >= c->deadline_ms) {
            char reason[128];
            (void)snprintf(reason, sizeof(reason), "the tool did not finish before its deadline%s",
                           c->started ? "" : ": all that time it waited for other calls to end");
            bool running = c->started;
            if (!c->tool)
                late(d, c);
            give_up(d, c, HANDRAIL_E_TIMEOUT, reason);
            if (!running)
                continue; /* it has been freed */
        }
        int64_t due = c->kill_at_ms ? c->kill_at_ms : c->deadline_ms;
        if (c->kill_at_ms && hr_call_state(c).released)
            due = now; /* its answer was held: it can be freed, and others may start */
        if (due < next)
            next = due;
    }
    if (next == INT64_MAX)
        return -1;
    int64_t left = next > now ? next - now : 0;
    return left < INT32_MAX ? (int)left : INT32_MAX;
}

void hr_dispatch_stop(struct hr_dispatch *d)
{
    d->stopping = true;
    size_t at = 0;
    for (struct hr_call *c = hr_call_next(&at); c; c = hr_call_next(&at))
        give_up(d, c, HANDRAIL_E_CANCELLED, "the plugin is being stopped");
}

bool hr_dispatch_idle(void)
{
    size_t at = 0;
    return hr_call_next(&at) == NULL;
}
