/* SPDX-License-Identifier: MIT
 * What PID 1 asks of the processes in /proc: who is whose, and what it is called. */
#ifndef HR_SUPERVISOR_PROC_H
#define HR_SUPERVISOR_PROC_H

#include "common/proc.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    HR_PROC_LOOK_MAX = 2048, /* processes looked at by hr_proc_children(); 10 to 40 us each */
};

/* Has a signal stopped it, or a debugger?  Such a process does not hang, and cannot end either. */
bool hr_proc_is_stopped(pid_t pid);

/* Command name of a process, "?" if it cannot be read. */
void hr_proc_name(pid_t pid, char out[HR_PROC_COMM]);

bool hr_proc_among(const pid_t *pids, size_t n, pid_t pid);

/* The descendants of `parent`, but for those in `skip`, those in our own process group, which are
 * what we have forked for a moment (what we start gets a group of its own), and below them: the
 * first `max` of them go to `out`.  How many there are, among the first HR_PROC_LOOK_MAX processes,
 * which may be more than max; or -errno as of hr_proc_open(). */
int hr_proc_children(pid_t parent, const pid_t *skip, size_t nskip, struct hr_proc_entry *out,
                     size_t max);

#endif
