/* SPDX-License-Identifier: MIT
 * The plumbing between the services' outputs, our own two outputs, and the loop: who is polled for
 * what, when held back lines are due, and what the board shows of it.  Our own messages go the same
 * way as the services', so none of them ends up inside another's line.
 *
 * Used in supervised mode alone: a plain init's command writes to our streams itself. */
#ifndef HR_SUPERVISOR_PIPES_H
#define HR_SUPERVISOR_PIPES_H

#include "output.h"

#include <ev.h>

struct hr_supervisor;
struct hr_unit;

struct hr_pipes {
    struct hr_sink out;
    struct hr_sink err;
    ev_io out_io;
    ev_io err_io;
    ev_prepare prepare; /* before the loop waits: what is it to wait for? */
    ev_timer timer;
    int64_t due_ms; /* that it is set to; -1: not set */
};

/* From here on our own messages and the services' lines share our outputs. */
void hr_pipes_init(struct hr_supervisor *sup);

/* Make the pipes of a service.  0 or -errno. */
int hr_pipes_add(struct hr_supervisor *sup, struct hr_unit *u);

/* At our end: pass on what is left, and wait for it to be taken, though not for long. */
void hr_pipes_finish(struct hr_supervisor *sup);

#endif
