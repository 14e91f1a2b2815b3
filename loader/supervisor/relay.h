/* SPDX-License-Identifier: MIT
 * Output on the event loop: our own two outputs, the pipes of every service, and the watchers that
 * move bytes from these to those.
 *
 * The supervisor makes it once and adds each service that it captures; from then on it runs by
 * itself.  What to poll and when to wake is looked up before the loop sleeps, so whoever writes to
 * a sink (the log, anybody) need not tell.  When our two outputs are one place, as on a terminal,
 * one sink serves both, and lines do not mix there either. */
#ifndef HR_SUPERVISOR_RELAY_H
#define HR_SUPERVISOR_RELAY_H

#include "common/board.h"
#include "output.h"

#include <ev.h>

/* At our end, for what is queued to be taken.  With the default grace of 25 s that is within a
 * pod's 30 s. */
enum {
    HR_RELAY_FINISH_MS = 1000,      /* without anything being taken */
    HR_RELAY_FINISH_MOST_MS = 4000, /* in all */
};

struct hr_relay {
    struct ev_loop *loop; /* NULL: not made, as in a plain init */
    struct hr_sink own[HR_NSTREAMS];
    struct hr_sink *sinks[HR_NSTREAMS]; /* for standard output and standard error */
    ev_io writable[HR_NSTREAMS];        /* for each of `own` */
    ev_prepare before_sleep;
    ev_timer timer;
    uint32_t noutputs;
    struct hr_output *outputs[HR_MAX_SERVICES];
    ev_io readable[HR_MAX_SERVICES][HR_NSTREAMS];
};

/* Take over our outputs, the log's with them. */
void hr_relay_init(struct hr_relay *r, struct ev_loop *loop);

/* Begin to pass on an output that has been initialised.  It stays the caller's, and where it is. */
void hr_relay_add(struct hr_relay *r, struct hr_output *output);

/* Stop: pass on what is left, and give it some time to be taken.  What then is not taken of
 * standard output is said on standard error.  The log is its own again. */
void hr_relay_finish(struct hr_relay *r);

#endif
