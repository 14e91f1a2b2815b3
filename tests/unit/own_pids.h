/* SPDX-License-Identifier: MIT
 * For tests that count processes: a pid namespace of their own, where that can be had, so that
 * those of the machine do not count.  The test program is then PID 1, as handrail is. */
#ifndef HR_TESTS_UNIT_OWN_PIDS_H
#define HR_TESTS_UNIT_OWN_PIDS_H

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* Call it once, first thing in main: it returns in the new PID 1, or here if there is none. */
static inline void own_pids(void)
{
    int status = 0;
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        return;
    pid_t pid = fork();
    if (pid > 0)
        _exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                   : EXIT_FAILURE);
    if (pid < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, NULL) < 0)
        _exit(EXIT_FAILURE);
}

#endif
