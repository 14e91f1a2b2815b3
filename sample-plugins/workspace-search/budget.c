/* SPDX-License-Identifier: MIT */
#include "budget.h"

#include <time.h>

enum { TICKS_PER_POLL = 64 };

/* Before the host's own deadline, so that what was found is answered instead of an error. */
static const int64_t answer_time_ms = 250;

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void ws_budget_start(struct ws_budget *b, const struct ws_call *c, const struct ws_settings *s)
{
    int64_t left = c->host->time_left_ms(c->host, c->call);
    int64_t time_ms = s->max_time_ms;

    if (left >= 0) {
        left = left > 2 * answer_time_ms ? left - answer_time_ms : left / 2;
        time_ms = left < time_ms ? left : time_ms;
    }
    *b = (struct ws_budget){
        .call = *c, .deadline_ms = now_ms() + time_ms, .bytes_left = s->max_total_bytes};
}

bool ws_budget_spent(struct ws_budget *b)
{
    if (b->stop)
        return true;
    /* The deadline first: the host calls a request past its own deadline cancelled. */
    if (now_ms() >= b->deadline_ms)
        b->stop = WS_STOP_TIME;
    else if (b->call.host->cancelled(b->call.host, b->call.call))
        b->stop = WS_STOP_CANCELLED;
    return b->stop != WS_STOP_NOT;
}

bool ws_budget_tick(struct ws_budget *b)
{
    if (b->stop)
        return true;
    return ++b->ticks % TICKS_PER_POLL == 0 && ws_budget_spent(b);
}
