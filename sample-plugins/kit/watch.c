/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <time.h>

/* Before the host's own deadline, so that what was found is answered instead of an error. */
static const int64_t answer_time_ms = 250;

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void kit_watch_start(struct kit_watch *w, const struct kit_call *c, int64_t max_ms)
{
    int64_t left = c->host->time_left_ms(c->host, c->call);

    if (left >= 0) {
        left = left > 2 * answer_time_ms ? left - answer_time_ms : left / 2;
        max_ms = left < max_ms ? left : max_ms;
    }
    *w = (struct kit_watch){.call = *c, .deadline_ms = now_ms() + max_ms};
}

bool kit_watch_spent(struct kit_watch *w)
{
    if (w->stop)
        return true;
    /* The deadline first: the host calls a request past its own deadline cancelled. */
    if (now_ms() >= w->deadline_ms)
        w->stop = KIT_STOP_TIME;
    else if (w->call.host->cancelled(w->call.host, w->call.call))
        w->stop = KIT_STOP_CANCELLED;
    return w->stop != KIT_STOP_NOT;
}
