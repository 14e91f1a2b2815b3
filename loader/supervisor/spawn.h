/* SPDX-License-Identifier: MIT
 * Starting a process.  The parent never waits for the child: whether exec worked is told by a pipe
 * that the loop watches.  It closes by itself when the program runs, or carries an errno. */
#ifndef HR_SUPERVISOR_SPAWN_H
#define HR_SUPERVISOR_SPAWN_H

#include "signals.h"

#include <stdbool.h>
#include <sys/types.h>

enum { HR_SPAWN_FDS = 10 }; /* descriptors 0 to 9 */

struct hr_spawn {
    char *const *argv;
    char *const *env;
    const char *cwd;       /* NULL: ours */
    bool only_these;       /* of the descriptors above 2 only `fds`; else what we inherited stays */
    int fds[HR_SPAWN_FDS]; /* what becomes descriptor i; -1: ours, or closed (only_these, not 0 to
                              2) */
    bool die_with_us;      /* SIGKILL when this process is gone */
    bool our_group;        /* it stays in our process group, else it gets one of its own */
    bool foreground;       /* its group becomes the terminal's foreground group, if ours is that */
    const struct hr_signals *signals;
};

/* Start it.  ret_report: read end of the pipe, non-blocking, the
 * caller's.  The pid, or -errno. */
pid_t hr_spawn(const struct hr_spawn *spawn, int *ret_report);

/* Read the report: 0 the program runs, errno > 0 it cannot be run, -EAGAIN not known yet. */
int hr_spawn_report(int report);

#endif
