/* SPDX-License-Identifier: MIT
 * The processes that are left when the server is gone: tmux servers, shells, daemons, each in a
 * session of its own, so no process group reaches them.  As PID 1 that is everybody; under another
 * init it is our descendants, which come to us because we are a subreaper. */
#ifndef HR_SUPERVISOR_SWEEP_H
#define HR_SUPERVISOR_SWEEP_H

#include <stddef.h>
#include <sys/types.h>

enum { HR_SWEEP_MAX = 4096 }; /* processes looked at in one pass; the rest when these have ended */

struct hr_sweep {
    pid_t asked[HR_SWEEP_MAX]; /* were left at the last pass, and have had their SIGTERM */
    size_t nasked;
    pid_t
        stuck; /* one that can only be waited for by the kernel, and was last spoken of; 0: none */
};

/* Ask every process that is left and has not been asked yet to end (SIGTERM, and SIGCONT in case it
 * is stopped), but for `keep` (0: none), its children, which end with it, and ourselves.  Returns
 * how many are left, asked or not; ret_pid is one of them, 0 if there is none.  One that was killed
 * and is stuck in the kernel does not count: nobody can hurry it.  Without /proc, and
 * as PID 1, everybody is asked, `keep` too, and -1 is returned: not known. */
int hr_sweep_terminate(struct hr_sweep *s, pid_t keep, pid_t *ret_pid);

/* SIGKILL to all that is left. */
void hr_sweep_kill(void);

#endif
