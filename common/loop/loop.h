/* SPDX-License-Identifier: MIT
 * An event loop that loses no descriptor, whatever the kernel answers.
 *
 * It waits by poll: what is waited for is in our memory, and is told to the kernel anew each time.
 * With epoll the kernel holds it, and a descriptor that it once refuses (ENOMEM, ENOSPC) is one
 * that libev never waits for again, without a word. */
#ifndef HR_COMMON_LOOP_H
#define HR_COMMON_LOOP_H

#include <ev.h>
#include <stdint.h>

/* When waiting fails, libev would abort, or give a descriptor up.  This loop says so, calls
 * `failed`, which may be NULL, and waits again after a pause.  NULL if there is no memory.
 *
 * What happens at an error belongs to the process, and the last call decides it. */
struct ev_loop *hr_loop_new(void (*failed)(void));

/* Log errno as an error of the loop, but not as often as it may come; *told_ms is the caller's,
 * 0 at first, one for each `what`. */
void hr_loop_tell(const char *what, int64_t *told_ms);

/* Have this timer, running or not, fire in delay_ms from now, and not from when the loop woke up;
 * at once if that is negative.  Then every repeat_ms, 0: no more. */
void hr_loop_arm(struct ev_loop *loop, ev_timer *timer, int64_t delay_ms, int64_t repeat_ms);

#endif
