/* SPDX-License-Identifier: MIT
 * The lag of the server's event loop.  See lag.h. */
#include "lag.h"

/* PID 1 forgets the heartbeats of a life when it is over. */
int64_t hr_beat_age_ms(const struct hr_board *board, int64_t now)
{
    struct hr_board_server s;
    if (hr_board_get_server(board, &s) || !s.beat_ms)
        return -1;
    return now > s.beat_ms ? now - s.beat_ms : 0;
}

static void tell(struct hr_measure *m, int64_t lag_ms, int64_t limit_ms, const char *how)
{
    hr_measure_value(m, lag_ms < limit_ms ? HR_FOUND_GOOD : HR_FOUND_BAD, (double)lag_ms / 1000,
                     "the event loop stood still for %lld ms, limit %lld ms (%s)",
                     (long long)lag_ms, (long long)limit_ms, how);
}

/* By the probe: the last answer's time, or the time without one. */
static void tell_by_probe(struct hr_measure *m, const struct hr_lag *l, int64_t now)
{
    const struct hr_measure *a = l->alive;
    if (!a->succeeded && !a->failing_since)
        hr_measure_say(m, HR_FOUND_NOTHING, "there is no heartbeat, and no answer to %s yet",
                       a->what);
    else if (a->down)
        hr_measure_say(m, HR_FOUND_NOTHING, "the server's port is closed");
    else if (a->failing_since)
        tell(m, now - a->failing_since, l->limit_ms, "no answer");
    else
        tell(m, (int64_t)(a->last.value * 1000), l->limit_ms, "answer to the probe");
}

static void start(struct hr_measure *m)
{
    const struct hr_lag *l = (const struct hr_lag *)(const void *)m; /* its first member */
    struct hr_board_server s;
    int64_t now = m->now_ms();
    int64_t age_ms = hr_beat_age_ms(m->board, now);
    if (age_ms < 0 || hr_board_get_server(m->board, &s)) {
        tell_by_probe(m, l, now);
        return;
    }
    int64_t late_ms = age_ms > HR_BEAT_FRESH_MS ? age_ms - HR_BEAT_MS : 0;
    if (late_ms > s.lag_ms)
        tell(m, late_ms, l->limit_ms, "no heartbeat");
    else
        tell(m, s.lag_ms > 0 ? s.lag_ms : 0, l->limit_ms, "heartbeat");
}

/* Nothing can be under way: it reads memory. */
static void cancel(struct hr_measure *m)
{
    (void)m;
}

void hr_lag_init(struct hr_lag *l)
{
    static const struct hr_method method = {.start = start, .cancel = cancel};
    l->m.method = &method;
    hr_measure_init(&l->m);
}
