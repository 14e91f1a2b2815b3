/* SPDX-License-Identifier: MIT
 * Events that wait to be told, the oldest first, as the bodies that will be sent.
 *
 * Bounded by their number and by their bytes.  What is over is taken from the old end: a receiver
 * that comes back wants to know how things are now, the last event before the end of the pod is the
 * one that must not be lost, and what the old ones said is in /crashes and in the counters still.
 * The receiver sees the gap in the events' `sequence`.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_WEBHOOK_QUEUE_H
#define HR_SIDECAR_WEBHOOK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    HR_EVENTS_MAX = 256,              /* in a queue */
    HR_EVENTS_BYTES_MAX = 256 * 1024, /* of their bodies */
    HR_EVENT_BODY_MAX = 32 * 1024,    /* bytes of one */
};

struct hr_event_queue {
    struct {
        char *body;
        size_t len;
    } ring[HR_EVENTS_MAX];
    size_t first;
    size_t n;
    size_t bytes;
};

/* Zeroed is empty. */
void hr_event_queue_free(struct hr_event_queue *q);

/* Append a body, which is the queue's from here on, to be freed with free().  held: the first one
 * is being sent and is not to be dropped.  How many were dropped for it; the new one itself is
 * among them if it is too long. */
unsigned hr_event_queue_add(struct hr_event_queue *q, char *body, size_t len, bool held);

/* The oldest one, borrowed until it is popped; NULL: none. */
const char *hr_event_queue_first(const struct hr_event_queue *q, size_t *ret_len);
void hr_event_queue_pop(struct hr_event_queue *q);

#endif
