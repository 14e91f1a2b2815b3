/* SPDX-License-Identifier: MIT
 * What has happened, found by looking at the board again: phases, crashes, restarts, the
 * beginning of the stop.  The board keeps what PID 1 knows, so nothing is missed between two looks
 * but what it has itself forgotten (more than HR_CRASHES_MAX or HR_PHASE_STEPS at once; the
 * crashes' numbers, and a phase that does not begin where the one before ended, show it).
 *
 * A life of the sidecar that is not the first one does not tell what an earlier one has told: it
 * begins with how things stand.  That it happened is told by `sidecar.restarted`, with the counts
 * of every service, so that a receiver can see what was lost with the queue of the dead one; and
 * the crash that ended it, and all crashes and phases that came after it, are told as ever.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_WEBHOOK_WATCH_H
#define HR_SIDECAR_WEBHOOK_WATCH_H

#include "common/board.h"

#include <jansson.h>
#include <stdbool.h>

struct hr_watch {
    const struct hr_board *board;
    /* One crash as JSON; a new reference, or NULL without memory. */
    json_t *(*crash)(const struct hr_board_crash *c);
    /* Something has happened.  data is taken over, and NULL without memory. */
    void (*tell)(const char *type, json_t *data, void *arg);
    void *arg;

    uint64_t told;  /* number of the last crash that was told */
    uint32_t steps; /* of the phases, that are old news */
    bool stopping;
    struct {
        char name[HR_SERVICE_NAME_MAX];
        uint32_t starts;
    } services[HR_MAX_SERVICES];
};

/* The first four are set, the rest is zero.  Look at how things stand, and tell if this is not the
 * sidecar's first life. */
void hr_watch_begin(struct hr_watch *w);

/* Look again, and tell what is new. */
void hr_watch_look(struct hr_watch *w);

#endif
