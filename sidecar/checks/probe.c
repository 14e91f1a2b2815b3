/* SPDX-License-Identifier: MIT
 * Probes of the server over HTTP.  See probe.h. */
#include "probe.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Without a process only the board can bring news, and it says so; this is in case it did not. */
enum { NO_PROCESS_MS = 2000 };

struct hr_life hr_life_read(const struct hr_board *board)
{
    struct hr_board_service s;
    if (hr_board_get_service(board, 0, &s))
        return (struct hr_life){.known = false};
    bool running =
        s.pid > 0 && (s.state == HR_STARTING || s.state == HR_UP || s.state == HR_STOPPING);
    return (struct hr_life){.known = true,
                            .running = running,
                            .starts = s.starts,
                            .state = s.state,
                            .started_ms = s.started_ms};
}

bool hr_probe_new_life(struct hr_probe *p, const struct hr_life *life)
{
    if (!life->known || (life->running && life->starts == p->life))
        return false;
    uint32_t number = life->running ? life->starts : 0; /* of no life, until there is one again */
    if (number == p->life)
        return false;
    if (p->result != HR_UNMEASURED || p->failures)
        (void)snprintf(p->message, sizeof(p->message), "server restarted, not measured yet");
    p->life = number;
    p->result = HR_UNMEASURED;
    p->failures = 0;
    p->succeeded = false;
    p->refused = false;
    p->failing_since = 0;
    return true;
}

/* What went wrong, from the server's side where errno's own words are those of a program's. */
static const char *words(int status)
{
    switch (status) {
    case -ECONNRESET: return "the connection was closed before the answer was complete";
    case -EPROTO: return "what answers on the port does not speak HTTP";
    case -EADDRINUSE:
        return "the port is held by another program, which was there before the server";
    case -E2BIG: return "the answer is too large";
    default: return strerror(-status);
    }
}

static void describe(struct hr_probe *p, int status)
{
    if (status > 0)
        (void)snprintf(p->message, sizeof(p->message), "GET %s answered %d", p->path, status);
    else if (status == -ETIMEDOUT)
        (void)snprintf(p->message, sizeof(p->message), "GET %s: no answer within %d ms", p->path,
                       HR_PROBE_TIMEOUT_MS);
    else
        (void)snprintf(p->message, sizeof(p->message), "GET %s: %s", p->path, words(status));
}

void hr_probe_note(struct hr_probe *p, int status, int64_t asked_ms)
{
    describe(p, status);
    p->asked_ms = asked_ms;
    p->refused = status == -ECONNREFUSED;
    if (status == 200) {
        p->good++;
        p->failures = 0;
        p->failing_since = 0;
        p->succeeded = true;
        p->result = HR_OK;
        return;
    }
    p->bad++;
    p->failures++;
    if (!p->failing_since)
        p->failing_since = asked_ms;
    if (p->result != HR_OK || p->refused || p->failures >= HR_PROBE_FAILURES)
        p->result = HR_FAIL;
}

int hr_probe_delay_ms(const struct hr_probe *p, const struct hr_life *life, int64_t now)
{
    if (!life->known || !life->running)
        return -1;
    if (p->result == HR_OK && !p->failures)
        return p->period_ms;
    if (p->result == HR_OK) {
        int64_t left = p->asked_ms + p->period_ms - now;
        return left > p->failing_ms ? (int)left : p->failing_ms;
    }
    bool young = now - life->started_ms < HR_PROBE_FAST_FOR_MS;
    return p->refused && !p->succeeded && young ? p->refused_ms : p->failing_ms;
}

/* ---- asking ---- */

static void ask(struct hr_probe *p);

static void wait_ms(struct hr_probe *p, int ms)
{
    ev_timer_stop(p->loop, &p->timer);
    ev_timer_set(&p->timer, (double)ms / 1000, 0.);
    ev_timer_start(p->loop, &p->timer);
}

static void next(struct hr_probe *p, const struct hr_life *life)
{
    int ms = hr_probe_delay_ms(p, life, p->now_ms());
    wait_ms(p, ms < 0 ? NO_PROCESS_MS : ms);
}

static void on_answer(int status, const char *body, size_t len, void *arg)
{
    (void)body;
    (void)len;
    struct hr_probe *p = arg;
    struct hr_life life = hr_life_read(p->board);
    p->req = NULL;
    /* An answer that crossed a restart says nothing about the process that is there now. */
    if (hr_probe_new_life(p, &life) || !p->life) {
        wait_ms(p, 0);
        return;
    }
    if (status != -ECONNREFUSED) /* a closed port is no latency */
        hr_histogram_observe(&p->latency, (double)(hr_now_us() - p->asked_us) / 1e6);
    if (status == 200 && !p->succeeded && p->is_foreign && p->is_foreign(p->arg))
        status = -EADDRINUSE;
    hr_probe_note(p, status, p->asked_ms);
    p->on_result(p, p->arg);
    next(p, &life);
}

static void ask(struct hr_probe *p)
{
    struct hr_life life = hr_life_read(p->board);
    (void)hr_probe_new_life(p, &life);
    if (!life.known || !life.running) {
        next(p, &life);
        return;
    }
    p->asked_ms = p->now_ms();
    p->asked_us = hr_now_us();
    int err = hr_client_get(p->client, p->url, HR_PROBE_TIMEOUT_MS, on_answer, p, &p->req);
    if (err) {
        hr_warn("checks: cannot probe %s: %s; trying again in %d ms", p->url, strerror(-err),
                p->period_ms);
        wait_ms(p, p->period_ms);
    }
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    ask(w->data);
}

int hr_probe_init(struct hr_probe *p, const char *host, int port)
{
    int err = hr_client_url(p->url, sizeof(p->url), host, port, p->path);
    if (err)
        return err;
    (void)snprintf(p->message, sizeof(p->message), "not measured yet");
    ev_timer_init(&p->timer, on_timer, 0., 0.);
    p->timer.data = p;
    return 0;
}

void hr_probe_start(struct hr_probe *p)
{
    wait_ms(p, 0);
}

void hr_probe_stop(struct hr_probe *p)
{
    ev_timer_stop(p->loop, &p->timer);
    if (p->req)
        hr_client_cancel(p->req);
    p->req = NULL;
}

void hr_probe_board_changed(struct hr_probe *p)
{
    struct hr_life life = hr_life_read(p->board);
    if (!hr_probe_new_life(p, &life))
        return;
    hr_probe_stop(p);
    wait_ms(p, 0);
}
