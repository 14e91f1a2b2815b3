/* SPDX-License-Identifier: MIT
 * One initialisation to be posted again: from the order to its result, or to the end of the life it
 * is for.  Used by orders.c alone, which owns the struct; this owns the body inside it.
 *
 *   NONE     nothing to do                              order -> WAITING
 *   WAITING  for the server to answer /ready            ready -> POSTING
 *   POSTING  POST /api/init is under way                200 -> DONE, 401 -> LOOKING,
 *                                                       final -> FAILED, else -> RESTING
 *   LOOKING  GET /api/init is under way                 ready -> DONE, other answer -> FAILED,
 *                                                       initializing, none -> RESTING
 *   RESTING  until the next try                         time -> POSTING
 *   DONE, FAILED  told; kept for who asks               (the body is gone)
 *
 * From everywhere a new order leads to WAITING and the end of the life to NONE.  After the last try
 * RESTING is FAILED; a request that does not arrive at the server is not one of the tries.
 *
 * LOOKING is there because a server that is initialised already may refuse the key that it was
 * started with: it takes the one in the body from then on.  A sidecar that was restarted is told to
 * do again what the one before it did, and would take that for a failure.
 */
#ifndef HR_SIDECAR_ORDERS_REPLAY_H
#define HR_SIDECAR_ORDERS_REPLAY_H

#include "body.h"
#include "sidecar/http/client.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

enum hr_replay_state {
    HR_REPLAY_NONE,
    HR_REPLAY_WAITING,
    HR_REPLAY_POSTING,
    HR_REPLAY_LOOKING,
    HR_REPLAY_RESTING,
    HR_REPLAY_DONE,
    HR_REPLAY_FAILED,
};

enum {
    HR_REPLAY_URL_MAX = 128,     /* bytes */
    HR_REPLAY_HEADER_MAX = 4096, /* bytes; the key in it is an environment variable */
    HR_REPLAY_REASON_MAX = 320,  /* bytes */
};

struct hr_replay {
    /* set by the owner */
    struct ev_loop *loop;
    struct hr_client *client;
    const char *key; /* NULL or "": none */
    unsigned timeout_ms;
    unsigned retry_ms;
    void (*on_end)(struct hr_replay *r, int status, void *arg); /* DONE (200) or FAILED */
    void *arg;

    enum hr_replay_state state;
    uint32_t life;      /* what all below is of */
    unsigned tries;     /* that have failed at the server */
    unsigned doublings; /* of the next wait; fewer than HR_INIT_TRIES */
    int obstacle;       /* what the last wait was for; 0: there was none */
    struct hr_body body;
    struct hr_client_req *req;
    ev_timer timer;
    int refusal;                       /* LOOKING: the status of the POST */
    char reason[HR_REPLAY_REASON_MAX]; /* why it is not DONE; "" before the first answer */
    char url[HR_REPLAY_URL_MAX];
};

/* The fields of the first group are set.  0 or -ENAMETOOLONG. */
int hr_replay_init(struct hr_replay *r, const char *host, int port);
/* Begin with a body (stolen) in the life `life`, whatever was under way. */
void hr_replay_order(struct hr_replay *r, uint32_t life, struct hr_body *body);
/* Its life answers. */
void hr_replay_ready(struct hr_replay *r);
/* Its life is over, or we are. */
void hr_replay_drop(struct hr_replay *r);
/* The order itself cannot be used: FAILED at once. */
void hr_replay_refuse(struct hr_replay *r, uint32_t life, int err);
/* Between an order and its end. */
bool hr_replay_busy(const struct hr_replay *r);

#endif
