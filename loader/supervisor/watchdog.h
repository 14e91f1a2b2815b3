/* SPDX-License-Identifier: MIT
 * The watchdog: has the server's event loop stopped turning?
 *
 * It is on from the server's first heartbeat (WATCHDOG=1) of a life, so a server that sends none is
 * never judged by it.  Silence is counted from the last heartbeat; what we ourselves have slept
 * through (a machine that was paused, or that swaps) is told by how late our own timer comes, and
 * is not counted.  Arithmetic only: the supervisor owns the timer.
 *
 * Silence of a quarter of the limit starts the looking, which goes on at a twelfth of it, so a
 * server that sends its heartbeats in time costs no wake-up beyond theirs.
 */
#ifndef HR_SUPERVISOR_WATCHDOG_H
#define HR_SUPERVISOR_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct hr_watchdog {
    int64_t limit_ms; /* silence of this length is a hang; 0: off */
    int64_t beat_ms;  /* last heartbeat; 0: none in this life */
    int64_t lost_ms;  /* since then: time in which we did not run ourselves */
    int64_t due_ms;   /* when the timer should fire; 0: not set */
    bool warned;
};

enum hr_watch { HR_WATCH_FINE, HR_WATCH_LATE, HR_WATCH_HUNG };

/* A new life: no heartbeat yet. */
void hr_watchdog_reset(struct hr_watchdog *w, int64_t limit_ms);

/* A heartbeat.  Silence begins anew. */
void hr_watchdog_beat(struct hr_watchdog *w, int64_t now_ms);

/* Delay until the next look, from now on; -1: there is nothing to watch.  Also notes when. */
int64_t hr_watchdog_next(struct hr_watchdog *w, int64_t now_ms);

/* The timer has fired.  LATE is told once per silence, at three quarters of the limit. */
enum hr_watch hr_watchdog_look(struct hr_watchdog *w, int64_t now_ms);

/* Silence that counts, in milliseconds. */
int64_t hr_watchdog_silence(const struct hr_watchdog *w, int64_t now_ms);

/* The process could not have run (it is stopped, say): no more than half of the limit counts. */
void hr_watchdog_excuse(struct hr_watchdog *w, int64_t now_ms);

#endif
