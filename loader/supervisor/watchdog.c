/* SPDX-License-Identifier: MIT
 * The watchdog.  See watchdog.h. */
#include "watchdog.h"

enum {
    FIRST_LOOK = 4, /* this part of the limit */
    LOOK = 12,
    LATE_NUM = 3, /* three quarters of the limit */
    LATE_DEN = 4,
    ON_TIME_MS = 200, /* a timer that is not later than this is on time */
};

void hr_watchdog_reset(struct hr_watchdog *w, int64_t limit_ms)
{
    *w = (struct hr_watchdog){.limit_ms = limit_ms};
}

void hr_watchdog_beat(struct hr_watchdog *w, int64_t now_ms)
{
    w->beat_ms = now_ms;
    w->lost_ms = 0;
    w->warned = false;
}

int64_t hr_watchdog_silence(const struct hr_watchdog *w, int64_t now_ms)
{
    return w->beat_ms ? now_ms - w->beat_ms - w->lost_ms : 0;
}

int64_t hr_watchdog_next(struct hr_watchdog *w, int64_t now_ms)
{
    w->due_ms = 0;
    if (!w->limit_ms || !w->beat_ms)
        return -1;
    int64_t silence = hr_watchdog_silence(w, now_ms);
    int64_t first = w->limit_ms / FIRST_LOOK;
    int64_t step = w->limit_ms / LOOK;
    int64_t left = w->limit_ms - silence;
    int64_t delay = silence < first ? first - silence : left < step ? left : step;
    if (delay < 1)
        delay = 1;
    w->due_ms = now_ms + delay;
    return delay;
}

enum hr_watch hr_watchdog_look(struct hr_watchdog *w, int64_t now_ms)
{
    if (w->due_ms && now_ms - w->due_ms > ON_TIME_MS)
        w->lost_ms += now_ms - w->due_ms;
    w->due_ms = 0;
    if (!w->limit_ms || !w->beat_ms)
        return HR_WATCH_FINE;
    int64_t silence = hr_watchdog_silence(w, now_ms);
    if (silence >= w->limit_ms)
        return HR_WATCH_HUNG;
    if (silence < w->limit_ms * LATE_NUM / LATE_DEN || w->warned)
        return HR_WATCH_FINE;
    w->warned = true;
    return HR_WATCH_LATE;
}

void hr_watchdog_excuse(struct hr_watchdog *w, int64_t now_ms)
{
    int64_t keep = w->limit_ms / 2;
    int64_t silence = hr_watchdog_silence(w, now_ms);
    if (silence > keep)
        w->lost_ms += silence - keep;
}
