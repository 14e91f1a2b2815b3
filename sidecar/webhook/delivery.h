/* SPDX-License-Identifier: MIT
 * Delivery: the queue's events to the receiver, one after the other and in order, each until the
 * receiver has it or until it is clear that it does not want it.
 *
 *     2xx                              delivered
 *     408, 429, 5xx                    again later; given up after HR_DELIVERY_ANSWERS of them
 *     any other answer                 given up: it would be the same again
 *     no answer (refused, time-out,    again later, for as long as the queue has room: nothing says
 *     no such name, ...)               that the next event would fare better
 *
 * "Later" is 1 s, doubling up to 60 s, 25 % more or less; or what the receiver asks for in
 * Retry-After, up to 5 minutes, and then no sooner.  An event can so be told twice (the answer was
 * lost), with the same id, and never out of order.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_WEBHOOK_DELIVERY_H
#define HR_SIDECAR_WEBHOOK_DELIVERY_H

#include "post.h"
#include "queue.h"

#include <ev.h>
#include <stdint.h>

enum {
    HR_DELIVERY_ANSWERS = 10,              /* of one event that ask for another try */
    HR_DELIVERY_FIRST_MS = 1000,           /* until the first one again ... */
    HR_DELIVERY_LAST_MS = 60 * 1000,       /* ... doubling up to this */
    HR_DELIVERY_ASKED_MAX_MS = 300 * 1000, /* of what Retry-After is heeded */
    HR_DELIVERY_POST_MS = 10 * 1000,       /* of one try ... */
    HR_DELIVERY_NAME_MS = 5 * 1000,        /* ... and so much more for its name to be resolved */
};

#define HR_DELIVERY_ASIDE "webhook" /* the name of the aside that tells */

struct hr_delivery_config {
    struct ev_loop *loop;
    const char *shown;            /* the receiver, for the log */
    struct hr_post_target target; /* its strings are borrowed */
    /* For tests; 0: as above. */
    hr_aside_work *work;
    void *work_arg;
    int64_t first_ms;
};

enum hr_delivery_result { HR_DELIVERED, HR_UNDELIVERABLE, HR_DROPPED, HR_NRESULTS };

struct hr_delivery {
    struct hr_delivery_config cfg;
    struct hr_event_queue queue;
    struct hr_aside *aside;
    ev_timer retry;
    ev_timer deadline; /* of the end */
    bool sending;
    bool ending;
    void (*on_end)(void *arg);
    void *on_end_arg;
    unsigned failures; /* in a row: nothing was taken */
    unsigned answers;  /* to the first event, that ask for another try */
    bool complained;   /* since something was taken */
    int64_t retry_at_ms;
    int64_t ends_at_ms;
    int64_t success_wall_ms; /* 0: never */
    uint64_t tries;
    uint64_t count[HR_NRESULTS];
    char error[HR_POST_ERROR_MAX]; /* of the last failure; "" if the last try was none */
};

/* Zeroed before.  0 or -errno; hr_delivery_free() in any case. */
int hr_delivery_init(struct hr_delivery *d, const struct hr_delivery_config *cfg);
/* What was not told is lost. */
void hr_delivery_free(struct hr_delivery *d);

/* Tell this, which is the delivery's from here on, to be freed with free(). */
void hr_delivery_add(struct hr_delivery *d, char *body, size_t len);

/* Tell what is left, within limit_ms, in one go: at the first failure it is over.  True: on_end
 * will be called when it is, once, never from inside this call.  False: there is nothing to tell,
 * or it has begun already. */
bool hr_delivery_end(struct hr_delivery *d, int64_t limit_ms, void (*on_end)(void *arg), void *arg);

/* How long to wait after so many failures in a row, of which the last one came with this
 * Retry-After.  dice: any random number. */
int64_t hr_delivery_wait_ms(int64_t first_ms, unsigned failures, int32_t retry_after_s,
                            uint32_t dice);

#endif
