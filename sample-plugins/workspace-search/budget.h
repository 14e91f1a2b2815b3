/* SPDX-License-Identifier: MIT
 * What one call may still spend, and why it stopped.  One call, one thread. */
#ifndef WS_BUDGET_H
#define WS_BUDGET_H

#include "kit/watch.h"
#include "settings.h"
#include <stdbool.h>

enum ws_stop {
    WS_STOP_NOT,
    WS_STOP_CANCELLED,
    WS_STOP_TIME,
    WS_STOP_BYTES,   /* max_total_bytes */
    WS_STOP_RESULTS, /* max_results, and there is at least one more */
    WS_STOP_ANSWER,  /* the answer's text is as long as it may be */
    WS_STOP_PENDING  /* more paths to visit than memory is spent on */
};

struct ws_budget {
    struct kit_call call;
    struct kit_watch watch;
    int64_t bytes_left;
    unsigned ticks;
    enum ws_stop stop; /* set once; every loop ends on it */
};

void ws_budget_start(struct ws_budget *b, const struct kit_call *c, const struct ws_settings *s);

/* Ask the host and the clock now.  True once the call is to end. */
bool ws_budget_spent(struct ws_budget *b);

/* The same for a tight loop: asks only now and then. */
bool ws_budget_tick(struct ws_budget *b);

#endif
