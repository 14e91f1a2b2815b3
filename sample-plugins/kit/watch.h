/* SPDX-License-Identifier: MIT
 * When a call has to end: it was cancelled, or its time is over.  One call, one thread. */
#ifndef KIT_WATCH_H
#define KIT_WATCH_H

#include "fail.h"
#include <stdbool.h>

enum kit_stop { KIT_STOP_NOT, KIT_STOP_CANCELLED, KIT_STOP_TIME };

struct kit_watch {
    struct kit_call call;
    int64_t deadline_ms; /* on CLOCK_MONOTONIC */
    enum kit_stop stop;  /* set once; every loop ends on it */
};

/* max_ms from now, or a little before the host's own deadline, so that there is time to answer. */
void kit_watch_start(struct kit_watch *w, const struct kit_call *c, int64_t max_ms);

/* Ask the host and the clock now.  True once the call is to end. */
bool kit_watch_spent(struct kit_watch *w);

#endif
