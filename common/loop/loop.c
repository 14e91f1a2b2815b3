/* SPDX-License-Identifier: MIT
 * The event loop.  See loop.h. */
#include "loop.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
    PAUSE_MS = 100,  /* after an error */
    TELL_MS = 10000, /* which is told this often */
};

static void (*on_failure)(void);

void hr_loop_tell(const char *what, int64_t *told_ms)
{
    int64_t now = hr_now_ms();
    if (*told_ms && now - *told_ms < TELL_MS)
        return;
    hr_error("event loop: %s: %s", what, strerror(errno));
    *told_ms = now;
}

void hr_loop_arm(struct ev_loop *loop, ev_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    ev_timer_stop(loop, timer);
    ev_now_update(loop);
    ev_timer_set(timer, delay_ms > 0 ? (double)delay_ms / 1000.0 : 0.0, (double)repeat_ms / 1000.0);
    ev_timer_start(loop, timer);
}

static void on_syserr(const char *what) EV_NOEXCEPT
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    static int64_t told_ms;
    hr_loop_tell(what, &told_ms);
    (void)nanosleep(&pause, NULL);
    if (on_failure)
        on_failure();
}

struct ev_loop *hr_loop_new(void (*failed)(void))
{
    on_failure = failed;
    ev_set_syserr_cb(on_syserr);
    return ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
}
