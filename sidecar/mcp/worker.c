/* SPDX-License-Identifier: MIT
 * One plugin's toolhost.  See worker.h.
 *
 * A call is on exactly one list: queued, running or dying.  A running one has a slot as well, and
 * its id is a serial number above the slot's: found at once, and never the same twice, so that a
 * late RESULT of a call that was given up meets nobody. */
#include "worker.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/utf8.h"
#include "confinement.h"
#include "result.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { SLOT_BITS = 8, SLOT_MASK = HR_MCP_CALLS_MAX - 1 };
_Static_assert(HR_MCP_CALLS_MAX == 1 << SLOT_BITS, "the slot is the low bits of the id");

/* May it have a second try, once it has been sent? */
static bool is_kept(const struct hr_mcp_call *c)
{
    return c->arguments.sum == &c->worker->kept_bytes;
}

/* Take a call out of everything; what is left is the caller's record. */
static void release(struct hr_mcp_call *c)
{
    struct hr_mcp_worker *w = c->worker;
    ev_timer_stop(w->conn.loop, &c->timer);
    hr_link_remove(&c->link);
    if (c->id && w->slots[c->id & SLOT_MASK] == c)
        w->slots[c->id & SLOT_MASK] = NULL;
    if (w->last == c)
        w->last = NULL;
    hr_mcp_arguments_free(&c->arguments);
    json_decref(c->name);
    c->name = NULL;
    c->worker = NULL;
    w->ncalls--;
}

static void end_with(struct hr_mcp_call *c, enum hr_mcp_outcome outcome, const char *reason)
{
    struct hr_mcp_end end = {.outcome = outcome, .reason = reason};
    release(c);
    c->done(c, &end);
}

/* The same for one whose toolhost did not die just now.  If one did before, that is said first. */
static void end_without_answer(struct hr_mcp_call *c, enum hr_mcp_outcome outcome,
                               const char *sentence)
{
    char why[2 * HR_MCP_SENTENCE_MAX];
    if (!c->deaths) {
        end_with(c, outcome, sentence);
        return;
    }
    (void)snprintf(why, sizeof(why), "The plugin \"%s\" crashed while running this call. %s",
                   c->worker->id, sentence);
    end_with(c, outcome == HR_MCP_REJECTED ? HR_MCP_CRASHED : outcome, why);
}

static void end_all(struct hr_link *list, enum hr_mcp_outcome outcome, const char *sentence)
{
    /* Ending one may begin or end others: those that come meanwhile are not ours to end. */
    struct hr_link mine, *l;
    hr_link_init(&mine);
    hr_link_move_all(list, &mine);
    while ((l = hr_link_take(&mine)))
        end_without_answer(hr_link_owner(l, struct hr_mcp_call, link), outcome, sentence);
}

/* Another frame is sent: this call has been. */
static void set_last(struct hr_mcp_worker *w, struct hr_mcp_call *c)
{
    if (w->last && (!is_kept(w->last) || w->last->deaths))
        hr_mcp_arguments_free(&w->last->arguments);
    w->last = c;
}

static void send_cancel(struct hr_mcp_worker *w, uint64_t id)
{
    if (!hr_mcp_conn_usable(&w->conn))
        return;
    set_last(w, NULL);
    /* A toolhost that reads so little that this does not fit has the call's deadline as well. */
    if (hr_frame_add(&w->conn.out, HR_FRAME_CANCEL, id, NULL, 0) == 0)
        hr_mcp_conn_flush(&w->conn);
}

/* Only when nothing waits to be sent: while it does, the latest is enough, and calls that come then
 * wait behind it. */
static void send_phase(struct hr_mcp_worker *w)
{
    struct hr_buf *out = &w->conn.out;
    if (!w->phase_unsent || !hr_mcp_conn_usable(&w->conn) || out->len > w->conn.sent)
        return;
    if (w->phase->len && hr_frame_add(out, HR_FRAME_PHASE, 0, w->phase->data, w->phase->len) < 0)
        return; /* no memory: with the next frames */
    w->phase_unsent = 0;
    set_last(w, NULL);
    hr_mcp_conn_flush(&w->conn);
}

void hr_mcp_worker_phase_changed(struct hr_mcp_worker *w)
{
    w->phase_unsent = 1;
    send_phase(w);
}

static void end_late(struct hr_mcp_call *c)
{
    char why[HR_MCP_SENTENCE_MAX];
    struct hr_mcp_worker *w = c->worker;
    uint32_t ms = c->timeout_ms;
    (void)snprintf(why, sizeof(why),
                   "The tool \"%s\" did not finish within %.*f s and was stopped.",
                   json_string_value(c->name), ms % 1000 ? 1 : 0, ms / 1000.0);
    uint64_t id = c->id;
    if (id)
        send_cancel(w, id);
    end_without_answer(c, HR_MCP_TIMEOUT, why);
}

/* A queued call has waited long enough, or any call has reached its deadline. */
static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    struct hr_mcp_call *c = timer->data;
    const struct hr_mcp_worker *w = c->worker;
    if (!c->awaits_start) {
        end_late(c);
        return;
    }
    char why[HR_MCP_SENTENCE_MAX];
    (void)snprintf(
        why, sizeof(why),
        "The plugin \"%s\" did not become ready within %.0f s, so the tool \"%s\" was not "
        "called%s. Trying again later can help.",
        w->id, (double)w->start_wait_ms / 1000, json_string_value(c->name),
        c->deaths ? " again" : "");
    end_without_answer(c, HR_MCP_REJECTED, why);
}

static void set_timer(struct hr_mcp_call *c, int64_t ms)
{
    struct ev_loop *loop = c->worker->conn.loop;
    ev_now_update(loop); /* reading calls takes time, which is not this one's */
    ev_timer_stop(loop, &c->timer);
    ev_timer_set(&c->timer, (double)(ms > 0 ? ms : 0) / 1000, 0.);
    ev_timer_start(loop, &c->timer);
}

static void end_unsent(struct hr_mcp_call *c, int err)
{
    char why[HR_MCP_SENTENCE_MAX];
    const char *reason = "there is no memory for it; try again later";
    if (err == -ENOBUFS)
        reason = "others that wait for it have arguments so large that there is no room for more; "
                 "send less, or try again when some of them have ended";
    (void)snprintf(why, sizeof(why), "The plugin \"%s\" could not be given this call: %s.",
                   c->worker->id, reason);
    end_without_answer(c, HR_MCP_REJECTED, why);
}

/* Append it to the calls that wait, as long as it has time: there is no room for it now.  If it
 * cannot wait, it ends: false. */
static bool await_room(struct hr_mcp_call *c)
{
    struct hr_mcp_worker *w = c->worker;
    int err = hr_mcp_arguments_count(&c->arguments, &w->waiting_bytes, HR_MCP_WAITING_MAX);
    if (err) {
        end_unsent(c, err);
        return false;
    }
    hr_link_append(&w->queued, &c->link);
    c->awaits_start = 0;
    set_timer(c, c->deadline_ms - hr_now_ms());
    return true;
}

/* The same while there is no toolhost: a call waits no longer for one than that should take. */
static void await_start(struct hr_mcp_call *c)
{
    const struct hr_mcp_worker *w = c->worker;
    if (!await_room(c))
        return;
    c->awaits_start = c->deadline_ms - hr_now_ms() > w->start_wait_ms;
    if (c->awaits_start)
        set_timer(c, w->start_wait_ms);
}

/* A slot that is free; there is one, because there are as many as calls. */
static unsigned take_slot(struct hr_mcp_worker *w)
{
    while (w->slots[w->next_slot & SLOT_MASK])
        w->next_slot++;
    return w->next_slot++ & SLOT_MASK;
}

/* Append the CALL. */
static int add_call(struct hr_buf *out, uint64_t id, const struct hr_frame_call *head,
                    const struct hr_mcp_arguments *arguments)
{
    size_t len = sizeof(*head) + arguments->len;
    struct hr_frame h = {.len = (uint32_t)len, .type = HR_FRAME_CALL, .id = id};
    int err = hr_buf_reserve(out, sizeof(h) + len);
    if (!err)
        err = hr_buf_add(out, &h, sizeof(h));
    if (!err)
        err = hr_buf_add(out, head, sizeof(*head));
    if (!err)
        err = hr_buf_add(out, arguments->text, arguments->len);
    return err;
}

/* Send a call that is on no list; the connection is usable.  If there is no room for it, it is
 * queued until what was there before has been sent.  tool: a number in w->tools. */
static void send_call(struct hr_mcp_worker *w, struct hr_mcp_call *c, uint32_t tool)
{
    int64_t left = c->deadline_ms - hr_now_ms();
    if (left < 1)
        left = 1;
    struct hr_frame_call head = {.tool = tool, .timeout_ms = (uint32_t)left};
    uint64_t id = ++w->serial << SLOT_BITS | take_slot(w);
    int err = add_call(&w->conn.out, id, &head, &c->arguments);
    if (err == -E2BIG) {
        (void)await_room(c);
        return;
    }
    if (err) {
        end_unsent(c, err);
        return;
    }
    if (c->deaths && !c->again && c->stats)
        c->stats->retried++;
    c->again = c->deaths > 0;
    hr_mcp_arguments_uncount(&c->arguments);
    if (w->tools->tool[tool].repeatable)
        (void)hr_mcp_arguments_count(&c->arguments, &w->kept_bytes, HR_MCP_KEPT_MAX);
    c->id = id;
    w->slots[id & SLOT_MASK] = c;
    hr_link_append(&w->running, &c->link);
    set_last(w, c);
    c->awaits_start = 0;
    set_timer(c, left);
    hr_mcp_conn_flush(&w->conn);
}

/* A call that was sent is to be sent to the next toolhost. */
static void requeue(struct hr_mcp_call *c)
{
    struct hr_mcp_worker *w = c->worker;
    if (w->last == c)
        w->last = NULL;
    if (w->slots[c->id & SLOT_MASK] == c)
        w->slots[c->id & SLOT_MASK] = NULL;
    c->id = 0;
    hr_link_remove(&c->link);
    /* It was accepted, and stays so: there are few of those, by HR_MCP_KEPT_MAX. */
    (void)hr_mcp_arguments_count(&c->arguments, &w->waiting_bytes, SIZE_MAX);
    await_start(c);
}

/* The toolhost died and had not read the last call: nothing of it has happened. */
static void requeue_last(struct hr_mcp_worker *w)
{
    if (!w->last)
        return;
    requeue(w->last);
    hr_mcp_worker_board_changed(w); /* it may be known already that there will be no next one */
}

/* The dying: those that may run again wait for the next toolhost; the others end.  twice: the
 * reason for one that had its second try.  No more than one: what kills a plugin must not do so for
 * ever. */
static void lose_all(struct hr_mcp_worker *w, const char *why, const char *twice)
{
    /* Ending one may begin or end others: those that come meanwhile are not ours to end. */
    struct hr_link mine, *l;
    char down[HR_MCP_SENTENCE_MAX];
    struct hr_board_head head = {0};
    (void)hr_board_get_head(w->board, &head);
    int over = head.draining == HR_DRAINING_STOP ||
               hr_mcp_worker_down(w, w->start_wait_ms, down, sizeof(down));
    hr_link_init(&mine);
    hr_link_move_all(&w->dying, &mine);
    while ((l = hr_link_take(&mine))) {
        struct hr_mcp_call *c = hr_link_owner(l, struct hr_mcp_call, link);
        if (c->deaths > 1) {
            end_with(c, HR_MCP_CRASHED, twice);
        } else if (!is_kept(c) || over || c->deadline_ms <= hr_now_ms()) {
            end_with(c, HR_MCP_CRASHED, why);
        } else {
            hr_info("plugin %s, tool %s: a call is run again, as its toolhost was lost", w->id,
                    json_string_value(c->name));
            requeue(c);
        }
    }
}

/* The tool as it is now, maybe in another version of the plugin than the one that the call was
 * begun with.  NULL: it is none that may be given this call; *ret_why says so, a phrase. */
static const struct hr_mcp_tool *find_again(const struct hr_mcp_worker *w,
                                            const struct hr_mcp_call *c, const char **ret_why)
{
    const struct hr_mcp_tool *tool =
        hr_mcp_tools_find(w->tools, json_string_value(c->name), json_string_length(c->name));
    json_t *arguments = hr_mcp_arguments_json(&c->arguments);
    *ret_why = NULL;
    if (!arguments)
        *ret_why = "there is no memory to call";
    else if (!tool)
        *ret_why = "no longer has";
    else if (c->deaths && !tool->repeatable)
        *ret_why = "no longer lets calls be repeated of";
    else if (hr_schema_validate(tool->input, arguments, NULL))
        *ret_why = "has another input schema, which these arguments do not fit, for";
    json_decref(arguments);
    return *ret_why ? NULL : tool;
}

/* The connection is up, or has room again: send what has waited for that.  The phase comes first,
 * so that a call sees it. */
static void send_queued(void *arg)
{
    struct hr_mcp_worker *w = arg;
    struct hr_link mine, *l;
    send_phase(w);
    hr_link_init(&mine);
    hr_link_move_all(&w->queued, &mine);
    while ((l = hr_link_take(&mine))) {
        struct hr_mcp_call *c = hr_link_owner(l, struct hr_mcp_call, link);
        if (!hr_mcp_conn_usable(&w->conn) || !hr_link_empty(&w->queued)) {
            (void)await_room(c); /* behind one that did not go */
            continue;
        }
        const char *not_now = NULL;
        const struct hr_mcp_tool *tool = find_again(w, c, &not_now);
        if (tool) {
            send_call(w, c, (uint32_t)(tool - w->tools->tool));
            continue;
        }
        char why[HR_MCP_SENTENCE_MAX];
        (void)snprintf(why, sizeof(why),
                       "The plugin \"%s\" was started again and %s the tool \"%s\".", w->id,
                       not_now, json_string_value(c->name));
        end_without_answer(c, HR_MCP_REJECTED, why);
    }
}

void hr_mcp_worker_call(struct hr_mcp_worker *w, const struct hr_mcp_tool *tool,
                        struct hr_mcp_call *c)
{
    char why[HR_MCP_SENTENCE_MAX];
    c->worker = w;
    c->id = 0;
    c->progress = -INFINITY;
    c->stats = tool->stats;
    c->deaths = 0;
    c->again = 0;
    c->timeout_ms = tool->timeout_ms;
    c->deadline_ms = hr_now_ms() + tool->timeout_ms;
    hr_link_init(&c->link);
    ev_timer_init(&c->timer, on_timer, 0., 0.);
    c->timer.data = c;
    if (w->ncalls++ >= HR_MCP_CALLS_MAX) {
        (void)snprintf(why, sizeof(why),
                       "The plugin \"%s\" has %d calls open already, which is the limit. Try again "
                       "when some of them have ended.",
                       w->id, HR_MCP_CALLS_MAX);
        end_with(c, HR_MCP_REJECTED, why);
        return;
    }
    bool overtakes = w->phase_unsent && w->conn.out.len > w->conn.sent;
    if (hr_mcp_conn_usable(&w->conn) && hr_link_empty(&w->queued) && !overtakes) {
        send_call(w, c, (uint32_t)(tool - w->tools->tool));
        return;
    }
    if (hr_mcp_conn_usable(&w->conn)) {
        (void)await_room(c);
        return;
    }
    if (hr_mcp_worker_down(w, w->start_wait_ms, why, sizeof(why))) {
        end_with(c, HR_MCP_REJECTED, why);
        return;
    }
    await_start(c);
}

void hr_mcp_call_cancel(struct hr_mcp_call *c)
{
    struct hr_mcp_worker *w = c->worker;
    if (!w)
        return;
    uint64_t id = c->id;
    int sent = id && w->slots[id & SLOT_MASK] == c;
    release(c);
    if (sent)
        send_cancel(w, id);
}

/* --- what the board knows --- */

int hr_mcp_worker_down(const struct hr_mcp_worker *w, int64_t patience_ms, char *why, size_t size)
{
    struct hr_board_head head;
    struct hr_board_service s;
    if (hr_board_get_head(w->board, &head) < 0 ||
        hr_board_get_service(w->board, w->service, &s) < 0)
        return 0;
    const char *colon = s.reason[0] ? ": " : "";
    int64_t wait_ms = s.retry_at_ms - hr_now_ms();
    if (s.state == HR_FAILED) {
        (void)snprintf(why, size, "The plugin \"%s\" has failed and is not started again%s%s.",
                       w->id, colon, s.reason);
    } else if (s.state == HR_BACKOFF && wait_ms > patience_ms) {
        (void)snprintf(why, size, "The plugin \"%s\" is down and is started again in %.0f s%s%s.",
                       w->id, (double)wait_ms / 1000, colon, s.reason);
    } else if (head.draining == HR_DRAINING_STOP && s.state != HR_UP) {
        (void)snprintf(why, size, "The plugin \"%s\" was stopped: the container is shutting down.",
                       w->id);
    } else {
        return 0;
    }
    return 1;
}

static unsigned count(const struct hr_link *list, const struct hr_mcp_tool *tool)
{
    unsigned n = 0;
    for (const struct hr_link *l = list->next; l != list; l = l->next)
        n += hr_link_owner(l, const struct hr_mcp_call, link)->stats == tool->stats;
    return n;
}

struct hr_mcp_load hr_mcp_worker_load(const struct hr_mcp_worker *w, const struct hr_mcp_tool *tool)
{
    struct hr_mcp_load load = {
        .running = count(&w->running, tool),
        .waiting = count(&w->queued, tool) + count(&w->dying, tool),
    };
    if (tool->max_concurrency && load.running > tool->max_concurrency) {
        load.waiting += load.running - tool->max_concurrency;
        load.running = tool->max_concurrency;
    }
    return load;
}

int hr_mcp_worker_healthy(const struct hr_mcp_worker *w, char *why, size_t size)
{
    if (!w->tools || !w->tools->has_health || (w->health_known && w->health == 0))
        return 1;
    if (w->health_known)
        (void)snprintf(why, size, "it says that it cannot work: %s",
                       w->ailment[0] ? w->ailment : "no reason given");
    else
        (void)snprintf(why, size, "its health() has not answered yet");
    return 0;
}

/* Does the board speak of the death of that life yet? */
static int death_known(const struct hr_mcp_worker *w, struct hr_board_service *ret)
{
    struct hr_board_service s;
    if (hr_board_get_service(w->board, w->service, &s) < 0)
        return 0;
    *ret = s;
    return s.starts != w->dead_life || (s.state != HR_UP && s.state != HR_STARTING);
}

/* " (killed by signal 6)", or "" if that is not known. */
static void describe_status(char *text, size_t size, int status)
{
    text[0] = '\0';
    if (status == -1)
        return;
    if (WIFSIGNALED(status))
        (void)snprintf(text, size, " (killed by signal %d)", WTERMSIG(status));
    else if (WIFEXITED(status))
        (void)snprintf(text, size, " (it ended with code %d)", WEXITSTATUS(status));
}

/* Tell the calls of a toolhost that died, with as much as is known now. */
static void bury(struct hr_mcp_worker *w)
{
    char why[HR_MCP_SENTENCE_MAX], twice[2 * HR_MCP_SENTENCE_MAX], how[64] = "";
    char next[HR_REASON_MAX + 64] = "it is being restarted";
    struct hr_board_head head = {0};
    struct hr_board_service s;
    ev_timer_stop(w->conn.loop, &w->death);
    if (hr_link_empty(&w->dying))
        return;
    (void)hr_board_get_head(w->board, &head);
    int known = death_known(w, &s);
    if (known)
        describe_status(how, sizeof(how), s.last_status);
    if (known && s.state == HR_FAILED)
        (void)snprintf(next, sizeof(next), "it is not started again%s%s", s.reason[0] ? ": " : "",
                       s.reason);
    if (head.draining == HR_DRAINING_STOP)
        (void)snprintf(why, sizeof(why),
                       "The plugin \"%s\" was stopped while running this call: the container is "
                       "shutting down.",
                       w->id);
    else
        (void)snprintf(why, sizeof(why),
                       "The plugin \"%s\" crashed%s while running this call; %s. Nothing else was "
                       "affected.",
                       w->id, how, next);
    (void)snprintf(
        twice, sizeof(twice),
        "The plugin \"%s\" crashed%s while running this call, and so did the process "
        "before it: the call was tried twice, and may be what the plugin dies of. Change "
        "it before you call again; %s. Nothing else was affected.",
        w->id, how, next);
    lose_all(w, why, head.draining == HR_DRAINING_STOP ? why : twice);
}

static void on_death(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    bury(timer->data);
}

void hr_mcp_worker_board_changed(struct hr_mcp_worker *w)
{
    char why[HR_MCP_SENTENCE_MAX];
    struct hr_board_service s;
    if (!hr_link_empty(&w->dying) && death_known(w, &s))
        bury(w);
    if (!hr_link_empty(&w->queued) && hr_mcp_worker_down(w, w->start_wait_ms, why, sizeof(why)))
        end_all(&w->queued, HR_MCP_REJECTED, why);
}

/* --- what the toolhost says --- */

/* The connection was closed on a toolhost that broke the rules. */
static void lose_for(struct hr_mcp_worker *w, const char *fault)
{
    char why[HR_MCP_SENTENCE_MAX], twice[HR_MCP_SENTENCE_MAX];
    (void)snprintf(why, sizeof(why),
                   "The plugin \"%s\" %s, so the connection to it was closed while this call was "
                   "running. Nothing else was affected.",
                   w->id, fault);
    (void)snprintf(twice, sizeof(twice),
                   "The plugin \"%s\" %s, so the connection to it was closed while this call "
                   "was running, for the second time. Nothing else was affected.",
                   w->id, fault);
    lose_all(w, why, twice);
}

static void on_lost(void *arg, const char *fault)
{
    struct hr_mcp_worker *w = arg;
    struct hr_link *l;
    struct hr_board_service s;
    if (fault) {
        /* Once is enough for a toolhost that does it in every life. */
        if (strcmp(w->fault, fault) != 0)
            hr_error("plugin %s: its toolhost %s: connecting to it again", w->id, fault);
        (void)snprintf(w->fault, sizeof(w->fault), "%s", fault);
    }
    if (w->conn.unread)
        requeue_last(w);
    set_last(w, NULL);
    if (hr_link_empty(&w->running))
        return;
    w->dead_life = w->life;
    while ((l = hr_link_take(&w->running))) {
        struct hr_mcp_call *c = hr_link_owner(l, struct hr_mcp_call, link);
        c->deaths++;
        w->slots[c->id & SLOT_MASK] = NULL;
        hr_link_append(&w->dying, &c->link);
    }
    if (fault) {
        lose_for(w, fault);
    } else if (death_known(w, &s)) {
        bury(w);
    } else {
        ev_timer_set(&w->death, (double)w->start_wait_ms / 1000, 0.);
        ev_timer_start(w->conn.loop, &w->death);
    }
}

static const char *take_tools(struct hr_mcp_worker *w, const struct hr_frame *h,
                              const char *payload)
{
    struct hr_mcp_tools *tools = NULL;
    struct hr_board_service s;
    char why[120];
    if (w->conn.is_up)
        return "sent its list of tools twice";
    int err = hr_mcp_tools_parse(payload, h->len, &tools, why, sizeof(why));
    if (err == -EPROTO) {
        (void)snprintf(w->complaint, sizeof(w->complaint), "sent a bad list of tools: %s", why);
        return w->complaint;
    }
    if (err)
        return "sent a list of tools that there is no memory for";
    bury(w); /* those of the life before have waited long enough */
    hr_mcp_confinement_warn(w->id, w->tools ? w->tools->confinement : NULL, tools->confinement);
    hr_mcp_tools_free(w->tools);
    w->tools = tools;
    w->fault[0] = '\0';
    w->health_known = 0;
    w->life = hr_board_get_service(w->board, w->service, &s) < 0 ? 0 : s.starts;
    hr_mcp_conn_set_up(&w->conn);
    hr_debug("plugin %s: connected, %zu tools", w->id, tools->n);
    w->phase_unsent = 1;
    send_phase(w);
    w->on_tools(w->arg);
    send_queued(w);
    return NULL;
}

static const char *take_result(struct hr_mcp_worker *w, const struct hr_frame *h,
                               const char *payload)
{
    if (!w->conn.is_up)
        return "sent a result before its list of tools";
    if (hr_mcp_result_check(payload, h->len) < 0)
        return "sent a malformed result";
    struct hr_mcp_call *c = w->slots[h->id & SLOT_MASK];
    if (!c || c->id != h->id)
        return NULL; /* given up meanwhile */
    struct hr_mcp_end end = {.payload = payload, .len = h->len};
    release(c);
    c->done(c, &end);
    return NULL;
}

static const char *take_news(struct hr_mcp_worker *w, const struct hr_frame *h, const char *payload)
{
    struct hr_frame_progress progress;
    struct hr_mcp_told told = {.is_progress = h->type == HR_FRAME_PROGRESS};
    size_t head = told.is_progress ? sizeof(progress) : sizeof(told.level);
    if (!w->conn.is_up || h->len < head)
        return "sent a malformed message about a call";
    told.text = payload + head;
    told.len = h->len - head;
    struct hr_mcp_call *c = w->slots[h->id & SLOT_MASK];
    if (!c || c->id != h->id || !c->told)
        return NULL; /* given up meanwhile, or nobody listens */
    if (told.is_progress) {
        memcpy(&progress, payload, sizeof(progress));
        if (!isfinite(progress.done) || !isfinite(progress.total))
            return "sent progress that is none";
        if (progress.done <= c->progress)
            return NULL;
        told.done = c->progress = progress.done;
        told.total = progress.total;
    } else {
        memcpy(&told.level, payload, sizeof(told.level));
    }
    c->told(c, &told);
    return NULL;
}

static const char *take_health(struct hr_mcp_worker *w, const struct hr_frame *h,
                               const char *payload)
{
    if (!w->conn.is_up || h->len < sizeof(w->health))
        return "sent a malformed word of its health";
    memcpy(&w->health, payload, sizeof(w->health));
    const char *text = payload + sizeof(w->health);
    size_t n = h->len - sizeof(w->health);
    n = hr_utf8_valid(text, n < HR_MCP_AILMENT_MAX ? n : HR_MCP_AILMENT_MAX);
    memcpy(w->ailment, text, n);
    w->ailment[n] = '\0';
    w->health_known = 1;
    return NULL;
}

static const char *on_frame(void *arg, const struct hr_frame *h, const char *payload)
{
    struct hr_mcp_worker *w = arg;
    switch (h->type) {
    case HR_FRAME_TOOLS: return take_tools(w, h, payload);
    case HR_FRAME_RESULT: return take_result(w, h, payload);
    case HR_FRAME_PROGRESS:
    case HR_FRAME_TELL: return take_news(w, h, payload);
    case HR_FRAME_HEALTH: return take_health(w, h, payload);
    default: return "sent a frame that only we may send";
    }
}

void hr_mcp_worker_start(struct hr_mcp_worker *w, struct ev_loop *loop, const char *key,
                         const void *socket, size_t n)
{
    w->start_wait_ms = HR_MCP_START_WAIT_MS;
    hr_link_init(&w->queued);
    hr_link_init(&w->running);
    hr_link_init(&w->dying);
    ev_timer_init(&w->death, on_death, 0., 0.);
    w->death.data = w;
    w->conn.loop = loop;
    w->conn.name = w->id;
    w->conn.key = key;
    w->conn.on_frame = on_frame;
    w->conn.on_sent = send_queued;
    w->conn.on_lost = on_lost;
    w->conn.arg = w;
    hr_mcp_conn_start(&w->conn, socket, n);
}

void hr_mcp_worker_end_calls(struct hr_mcp_worker *w, const char *why)
{
    end_all(&w->queued, HR_MCP_REJECTED, why);
    end_all(&w->running, HR_MCP_CRASHED, why);
    end_all(&w->dying, HR_MCP_CRASHED, why);
}

void hr_mcp_worker_stop(struct hr_mcp_worker *w)
{
    if (w->conn.loop)
        ev_timer_stop(w->conn.loop, &w->death);
    hr_mcp_conn_stop(&w->conn);
    hr_mcp_tools_free(w->tools);
    w->tools = NULL;
}
