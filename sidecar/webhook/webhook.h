/* SPDX-License-Identifier: MIT
 * The webhook: what happens to the pod, told to a receiver that somebody has named with --webhook.
 * One POST for each event, with a JSON body (docker/observability/webhook-event.schema.json);
 * README.md says which events there are and what a receiver can rely on.
 *
 *     watch.h     what has happened, from the board
 *     queue.h     events that wait, bounded
 *     delivery.h  when to send, again, and for how long
 *     post.h      the sending, in a process of its own
 *
 * Nothing here waits for the receiver: probes, tools and the stop of the pod do not know it.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_WEBHOOK_WEBHOOK_H
#define HR_SIDECAR_WEBHOOK_WEBHOOK_H

#include "common/board.h"
#include "common/expo.h"
#include "sidecar/aside/aside.h"

#include <ev.h>
#include <jansson.h>
#include <stdbool.h>

struct hr_webhook_config {
    struct ev_loop *loop;
    const struct hr_board *board;
    const char *url;           /* borrowed */
    const char *podinfo_dir;   /* looked into at the start alone; NULL: none */
    const char *authorization; /* copied: its process keeps that when it forgets the others' keys;
                                * NULL: none */
    /* A crash of the board as JSON; a new reference, or NULL without memory. */
    json_t *(*crash)(const struct hr_board_crash *c);
    /* For tests; NULL and 0: post.h and delivery.h. */
    hr_aside_work *work;
    void *work_arg;
    int64_t first_ms;
};

struct hr_webhook;

/* In all functions, a NULL webhook is one that is not configured: nothing happens. */

/* 0 or -errno.  A URL that cannot be asked (https without TLS in libcurl) is said in the log and in
 * /status, and nothing is told then. */
int hr_webhook_new(const struct hr_webhook_config *cfg, struct hr_webhook **ret);
/* For the process of the aside of this name: wipe the authorization, unless it is the one that
 * tells.  NULL is fine. */
void hr_webhook_forget_keys(struct hr_webhook *w, const char *aside);

void hr_webhook_free(struct hr_webhook *w);

/* The board has changed; also to be called once at the start. */
void hr_webhook_board_changed(struct hr_webhook *w);

/* We are about to end: tell what is left, for a second at most.  True: on_end will be called when
 * that is done, once, never from inside this call.  False: there is nothing to wait for. */
bool hr_webhook_end(struct hr_webhook *w, void (*on_end)(void *arg), void *arg);

/* For /status: an object, or null.  New reference, or NULL without memory. */
json_t *hr_webhook_status(const struct hr_webhook *w);

hr_collector hr_webhook_collect; /* arg: the struct hr_webhook */

#endif
