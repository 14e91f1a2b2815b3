/* SPDX-License-Identifier: MIT
 * Reloading the files (SIGHUP, or an order): they are read anew and checked whole; if anything is
 * wrong with them, nothing changes.  Else plugins that are gone are stopped, new ones are started,
 * and those whose entry or file has changed are started anew; the others run on.  The sidecar is
 * given the new list while it runs: calls of plugins that stay go on.  Settings of
 * agent_config.json change where they can (reload_settings.h).
 *
 * The files are read by a child: a file system that hangs must not hang PID 1.  What the child has
 * read comes back in an anonymous file.  A plugin lives in a place, which is a unit, a socket and
 * an index on the board, and keeps it; a place that has become empty is used again.
 *
 * This is the one event for which PID 1 allocates, as much as the files need, and it frees what
 * was there before.  The supervisor owns it. */
#ifndef HR_SUPERVISOR_RELOAD_H
#define HR_SUPERVISOR_RELOAD_H

#include "loader/config/config.h"

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

struct hr_supervisor;

struct hr_reload {
    pid_t reader; /* 0: none */
    int fd;       /* what it reads goes here; -1: none */
    bool again;   /* asked for once more meanwhile */
    ev_timer limit;
    bool pending[HR_MAX_PLUGINS];                 /* this place waits for its process to end, ... */
    struct hr_plugin_config next[HR_MAX_PLUGINS]; /* ... to have this; path NULL: nothing */
    bool tell_sidecar;                            /* when nothing is pending any more */
    ev_timer untold;                              /* runs while that, or the offer, fails */
};

void hr_reload_init(struct hr_supervisor *sup);

/* Begin, or remember to.  0; -EBUSY in a stop; -errno when the file cannot even be read, which is
 * then said. */
int hr_reload_begin(struct hr_supervisor *sup);

/* A child of no unit has been reaped: was it the reader? */
void hr_reload_ended(struct hr_supervisor *sup, pid_t pid, int status);

/* Go on as far as it goes.  To be called after everything that may have changed something. */
void hr_reload_advance(struct hr_supervisor *sup);

#endif
