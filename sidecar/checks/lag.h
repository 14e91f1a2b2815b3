/* SPDX-License-Identifier: MIT
 * The check `loop-lag`: for how long the server's event loop has stood still.
 *
 * With heartbeats (the Python helper's, on the board) it is the worst lag that the last one told
 * of, or how late the next one is; without, what the last answer to GET /alive took, or for how
 * long there has been none. */
#ifndef HR_SIDECAR_CHECKS_LAG_H
#define HR_SIDECAR_CHECKS_LAG_H

#include "measure.h"

enum {
    HR_BEAT_MS = 10000,       /* the helper's period, when WATCHDOG_USEC asks for no shorter one */
    HR_BEAT_FRESH_MS = 12000, /* one that is not older says that the loop turns */
};

struct hr_lag {
    struct hr_measure m;
    const struct hr_measure *alive; /* GET /alive */
    int64_t limit_ms;
};

/* m's fields are set, but for the method. */
void hr_lag_init(struct hr_lag *l);

/* Age of the last heartbeat of the server's present life in milliseconds; -1: there is none. */
int64_t hr_beat_age_ms(const struct hr_board *board, int64_t now);

#endif
