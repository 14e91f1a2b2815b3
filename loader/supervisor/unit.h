/* SPDX-License-Identifier: MIT
 * A unit: a service together with what it needs of the world: its pipes and sockets, its timer, and
 * the way in which its process is made.  Used by the supervisor alone.
 *
 * Pipes and sockets are made once and live as long as we do, so a process that is started again
 * finds them as they are, and what the last one said is never lost. */
#ifndef HR_SUPERVISOR_UNIT_H
#define HR_SUPERVISOR_UNIT_H

#include "common/cgroup.h"
#include "output.h"
#include "service.h"
#include "watchdog.h"

#include <ev.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct hr_supervisor;

struct hr_unit {
    struct hr_service service; /* first: the ops get this address */
    struct hr_supervisor *sup;
    struct hr_output output;        /* of a plain init's command: not used, its output is ours */
    int notify[2];                  /* packet sockets, ours and theirs; -1: none */
    char complaint[HR_REASON_MAX];  /* of a toolhost: what it ends for */
    int report;                     /* exec report of the current life, or -1 */
    struct rusage usage;            /* of the last life, */
    pid_t last_pid;                 /* and its pid */
    struct hr_cgroup_sample before; /* at its start */
    struct hr_board_output shown;   /* of its output, on the board */
    ev_timer timer;
    int64_t due_ms;              /* when the timer is to fire */
    struct hr_watchdog watchdog; /* of the sidecar; the server's is in server.c */
    ev_timer watch_timer;
    ev_io notify_io;
    ev_io report_io;
};

/* Take the next free place.  Never NULL: there is one for the server, the sidecar and every plugin
 * that a registry may hold. */
struct hr_unit *hr_unit_add(struct hr_supervisor *sup, const char *name, enum hr_service_kind kind,
                            const struct hr_policy *policy);

/* Take the last one back, which has no output yet. */
void hr_unit_remove_last(struct hr_supervisor *sup);

/* Make its notification socket.  0 or -errno. */
int hr_unit_open_notify(struct hr_unit *u);

/* Take back the orders that its process has not read. */
void hr_unit_drop_orders(struct hr_unit *u);

/* Whose process is that?  NULL: nobody's. */
struct hr_unit *hr_unit_of(struct hr_supervisor *sup, pid_t pid);

/* The pids of all of them, as many as there are. */
size_t hr_unit_pids(const struct hr_supervisor *sup, pid_t out[HR_MAX_SERVICES]);

/* Its process has ended and is about to be reaped: what it has said comes before its end.  success:
 * with code 0. */
void hr_unit_take_all(struct hr_unit *u, bool success);

/* It has been reaped. */
void hr_unit_ended(struct hr_unit *u, int status, const struct rusage *usage);

#endif
