/* SPDX-License-Identifier: MIT
 * Delivery of events.  See delivery.h. */
#include "delivery.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    DOUBLINGS_MAX = 16,
    PERCENT = 100,
    SPREAD = 25,       /* percent, both ways */
    ASKED_SPREAD = 10, /* percent, upwards only */
    MS = 1000,
};

static void go(struct hr_delivery *d);

/* ---- again later ---- */

int64_t hr_delivery_wait_ms(int64_t first_ms, unsigned failures, int32_t retry_after_s,
                            uint32_t dice)
{
    unsigned doublings = failures > DOUBLINGS_MAX ? DOUBLINGS_MAX : failures;
    int64_t ms = first_ms << (doublings ? doublings - 1 : 0);
    if (ms > HR_DELIVERY_LAST_MS)
        ms = HR_DELIVERY_LAST_MS;
    ms = ms * (PERCENT - SPREAD + (int64_t)(dice % (2 * SPREAD + 1))) / PERCENT;
    int64_t asked = (int64_t)retry_after_s * MS;
    if (asked > HR_DELIVERY_ASKED_MAX_MS)
        asked = HR_DELIVERY_ASKED_MAX_MS;
    asked += asked * (int64_t)(dice % (ASKED_SPREAD + 1)) / PERCENT;
    return asked > ms ? asked : ms;
}

static void wait_for(struct hr_delivery *d, int32_t retry_after_s)
{
    uint32_t dice = 0;
    ssize_t got = getrandom(&dice, sizeof(dice), GRND_NONBLOCK);
    (void)got; /* without it, all pods wait alike */
    int64_t ms = hr_delivery_wait_ms(d->cfg.first_ms, d->failures, retry_after_s, dice);
    d->retry_at_ms = hr_now_ms() + ms;
    ev_now_update(d->cfg.loop);
    ev_timer_set(&d->retry, (double)ms / MS, 0.);
    ev_timer_start(d->cfg.loop, &d->retry);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    go(w->data);
}

/* ---- the end ---- */

/* Last thing of its callers: there may be no delivery after it. */
static void finish(struct hr_delivery *d)
{
    void (*on_end)(void *arg) = d->on_end;
    ev_timer_stop(d->cfg.loop, &d->retry);
    ev_timer_stop(d->cfg.loop, &d->deadline);
    d->on_end = NULL;
    if (d->queue.n)
        hr_warn("webhook: %zu events were not told to %s before the end%s%s", d->queue.n,
                d->cfg.shown, *d->error ? ": " : "", d->error);
    if (on_end)
        on_end(d->on_end_arg);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    finish(w->data);
}

bool hr_delivery_end(struct hr_delivery *d, int64_t limit_ms, void (*on_end)(void *arg), void *arg)
{
    if (d->ending || !d->queue.n)
        return false;
    d->ending = true;
    d->on_end = on_end;
    d->on_end_arg = arg;
    d->ends_at_ms = hr_now_ms() + limit_ms;
    ev_now_update(d->cfg.loop);
    ev_timer_set(&d->deadline, (double)limit_ms / MS, 0.);
    ev_timer_start(d->cfg.loop, &d->deadline);
    /* From the loop, so that what this finds is not told from inside. */
    ev_timer_stop(d->cfg.loop, &d->retry);
    ev_timer_set(&d->retry, 0., 0.);
    if (!d->sending)
        ev_timer_start(d->cfg.loop, &d->retry);
    return true;
}

/* ---- one try ---- */

/* The receiver has the first event, or will never have it. */
static void settle(struct hr_delivery *d, enum hr_delivery_result result)
{
    hr_event_queue_pop(&d->queue);
    d->answers = 0;
    d->count[result]++;
}

static void complain(struct hr_delivery *d, const char *what)
{
    if (!d->complained)
        hr_warn("webhook: %s %s: %s", d->cfg.shown, what, d->error);
    d->complained = true;
}

static void on_taken(struct hr_delivery *d)
{
    settle(d, HR_DELIVERED);
    d->failures = 0;
    d->error[0] = '\0';
    d->success_wall_ms = hr_wall_ms();
    if (d->complained)
        hr_info("webhook: %s takes events again", d->cfg.shown);
    d->complained = false;
    go(d);
}

static void on_refused(struct hr_delivery *d, int32_t status)
{
    (void)snprintf(d->error, sizeof(d->error), "it answered %d%s", (int)status,
                   status < 400 ? ", and redirects are not followed" : "");
    complain(d, "does not want an event");
    settle(d, HR_UNDELIVERABLE);
    d->failures = 0; /* it is there, and works */
    go(d);
}

/* Again later, or at the end not at all. */
static void on_failure(struct hr_delivery *d, int32_t retry_after_s)
{
    d->failures++;
    complain(d, "could not be told an event, which is tried again");
    if (d->answers >= HR_DELIVERY_ANSWERS)
        settle(d, HR_UNDELIVERABLE);
    if (d->ending)
        finish(d);
    else
        wait_for(d, retry_after_s);
}

static bool asks_for_more(int32_t status)
{
    return status == 408 || status == 429 || status >= 500;
}

static void on_done(int err, const void *answer, size_t len, void *arg)
{
    struct hr_delivery *d = arg;
    struct hr_post_answer a = {.status = 0};
    d->sending = false;
    if (d->ending && !d->on_end) /* too late */
        return;
    if (!err && len == sizeof(a))
        memcpy(&a, answer, sizeof(a));
    if (a.status >= 200 && a.status < 300) {
        on_taken(d);
        return;
    }
    if (a.status && !asks_for_more(a.status)) {
        on_refused(d, a.status);
        return;
    }
    if (a.status)
        (void)snprintf(d->error, sizeof(d->error), "it answered %d", (int)a.status);
    else
        (void)snprintf(d->error, sizeof(d->error), "%s", err ? strerror(-err) : a.error);
    d->answers += a.status != 0;
    on_failure(d, a.retry_after_s);
}

static unsigned time_limit(const struct hr_delivery *d)
{
    int64_t ms = HR_DELIVERY_POST_MS + HR_DELIVERY_NAME_MS;
    if (d->ending && d->ends_at_ms - hr_now_ms() < ms)
        ms = d->ends_at_ms - hr_now_ms();
    return ms > 0 ? (unsigned)ms : 0;
}

/* Do what there is to do next. */
static void go(struct hr_delivery *d)
{
    size_t len = 0;
    if (d->sending || ev_is_active(&d->retry) || (d->ending && !d->on_end))
        return;
    const char *body = hr_event_queue_first(&d->queue, &len);
    if (!body) {
        hr_aside_rest(d->aside); /* events are rare, and it is as large as we are */
        if (d->ending)
            finish(d);
        return;
    }
    d->tries++;
    int err = hr_aside_ask(d->aside, body, len, time_limit(d), on_done, d);
    d->sending = !err;
    if (!err)
        return;
    (void)snprintf(d->error, sizeof(d->error), "no process for it: %s", strerror(-err));
    on_failure(d, 0);
}

void hr_delivery_add(struct hr_delivery *d, char *body, size_t len)
{
    unsigned dropped = hr_event_queue_add(&d->queue, body, len, d->sending);
    d->count[HR_DROPPED] += dropped;
    if (dropped && !d->sending)
        d->answers = 0; /* those were to another one */
    go(d);
}

/* ---- its life ---- */

int hr_delivery_init(struct hr_delivery *d, const struct hr_delivery_config *cfg)
{
    d->cfg = *cfg;
    d->cfg.target.timeout_ms = HR_DELIVERY_POST_MS;
    if (!d->cfg.first_ms)
        d->cfg.first_ms = HR_DELIVERY_FIRST_MS;
    ev_init(&d->retry, on_retry);
    ev_init(&d->deadline, on_deadline);
    d->retry.data = d->deadline.data = d;
    hr_aside_work *work = cfg->work ? cfg->work : hr_post;
    return hr_aside_new(cfg->loop, HR_DELIVERY_ASIDE, work,
                        cfg->work ? cfg->work_arg : &d->cfg.target, &d->aside);
}

void hr_delivery_free(struct hr_delivery *d)
{
    if (!d->aside)
        return;
    ev_timer_stop(d->cfg.loop, &d->retry);
    ev_timer_stop(d->cfg.loop, &d->deadline);
    hr_aside_free(d->aside);
    d->aside = NULL;
    hr_event_queue_free(&d->queue);
}
