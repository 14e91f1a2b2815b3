/* SPDX-License-Identifier: MIT
 * Crash reports, from the side of the supervisor: when one is made, and of what (crash.h). */
#ifndef HR_SUPERVISOR_REPORTS_H
#define HR_SUPERVISOR_REPORTS_H

#include "common/cgroup.h"
#include "common/sockets.h"
#include "crash.h"

struct hr_supervisor;
struct hr_unit;

struct hr_reports {
    struct hr_cgroup cgroup;
    struct hr_sockets sockets;
    struct hr_crash *open;      /* begun by hr_reports_look(), not finished yet; NULL: none */
    struct hr_crash *unwritten; /* finished, and to be written to disk; NULL: none */
};

void hr_reports_init(struct hr_supervisor *sup);

/* A process of this unit has been started: how does the container stand? */
void hr_reports_started(struct hr_supervisor *sup, struct hr_unit *u);

/* Has the kernel killed for want of memory since then? */
bool hr_reports_oom(struct hr_supervisor *sup, const struct hr_unit *u);

/* A process has died and is not reaped yet; nobody had asked for that.  Look around before what it
 * has left behind is ended.  Has the kernel killed for want of memory while it lived? */
bool hr_reports_look(struct hr_supervisor *sup, const struct hr_unit *u);

/* It has been reaped, and what it had to say has been taken: finish the report. */
void hr_reports_crashed(struct hr_supervisor *sup, struct hr_unit *u, int status);

/* Start to write what is unwritten, if that is wanted. */
void hr_reports_write(struct hr_supervisor *sup);

/* The sockets that are listened on after the latest death of this unit: those of its report, or, if
 * it had been asked to end and has none, of a look now.  How many, in *ret until the next death;
 * negative: not known. */
int hr_reports_listening(struct hr_supervisor *sup, const struct hr_unit *u,
                         const struct hr_socket **ret);

/* Has the look at the latest death of this unit found nobody but our own processes?  Then nobody
 * can have come since: who is dead has no more children. */
bool hr_reports_left_nobody(const struct hr_supervisor *sup, const struct hr_unit *u);

#endif
