/* SPDX-License-Identifier: MIT
 * Job control of a plain init in the foreground of a terminal: the command has a process group of
 * its own, so a shell that waits for us does not see when it is stopped (Ctrl-Z). */
#ifndef HR_SUPERVISOR_JOB_H
#define HR_SUPERVISOR_JOB_H

#include <sys/types.h>

struct hr_supervisor;

/* A child has changed: if the command has been stopped by the terminal, give the terminal back and
 * stop too; when we are continued, so is the command, in the foreground if we are. */
void hr_job_control(struct hr_supervisor *sup);

/* The command has ended: if it had the terminal, that is ours again, for its next life or for
 * whoever started us. */
void hr_job_ended(struct hr_supervisor *sup, pid_t command);

#endif
