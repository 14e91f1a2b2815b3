/* SPDX-License-Identifier: MIT
 * Events that wait.  See queue.h. */
#include "queue.h"

#include <stdlib.h>

static size_t place(const struct hr_event_queue *q, size_t i)
{
    return (q->first + i) % HR_EVENTS_MAX;
}

void hr_event_queue_pop(struct hr_event_queue *q)
{
    free(q->ring[q->first].body);
    q->bytes -= q->ring[q->first].len;
    q->ring[q->first].body = NULL;
    q->ring[q->first].len = 0;
    q->first = place(q, 1);
    q->n--;
}

/* The oldest that may go.  The one that is held takes the place of the one behind it. */
static void drop_one(struct hr_event_queue *q, bool held)
{
    size_t next = place(q, 1);
    if (held) {
        char *body = q->ring[next].body;
        size_t len = q->ring[next].len;
        q->ring[next] = q->ring[q->first];
        q->ring[q->first].body = body;
        q->ring[q->first].len = len;
    }
    hr_event_queue_pop(q);
}

unsigned hr_event_queue_add(struct hr_event_queue *q, char *body, size_t len, bool held)
{
    unsigned dropped = 0;
    size_t least = held ? 1 : 0;
    if (len > HR_EVENT_BODY_MAX) {
        free(body);
        return 1;
    }
    while (q->n > least && (q->n == HR_EVENTS_MAX || q->bytes + len > HR_EVENTS_BYTES_MAX)) {
        drop_one(q, held);
        dropped++;
    }
    q->ring[place(q, q->n)].body = body;
    q->ring[place(q, q->n)].len = len;
    q->n++;
    q->bytes += len;
    return dropped;
}

const char *hr_event_queue_first(const struct hr_event_queue *q, size_t *ret_len)
{
    if (!q->n)
        return NULL;
    *ret_len = q->ring[q->first].len;
    return q->ring[q->first].body;
}

void hr_event_queue_free(struct hr_event_queue *q)
{
    while (q->n)
        hr_event_queue_pop(q);
}
