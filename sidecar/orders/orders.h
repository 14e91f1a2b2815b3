/* SPDX-License-Identifier: MIT
 * What the supervisor asks of the sidecar, and what the sidecar tells it of the server: the shapes
 * are in common/handoff.h.  main.c makes one object and tells it of the two things it cannot see
 * itself: that the server has answered /ready, and that the board has changed.
 *
 *   INIT   A server that starts dormant, was initialised and then died is dormant again, and nobody
 *          will initialise it once more.  So the supervisor keeps what it was initialised with and
 *          sends it here, to be posted as soon as that life of the server answers.
 *   PAUSE  Before a stop the server is asked to save what it has open.
 *   KEY    The supervisor knows the session key of a server that was initialised; so will we.
 *   PLUGINS is for somebody else, and passed on.
 *
 * The server is announced (SERVER=) when a life has answered /ready, unless the board says that
 * this life has to be initialised first: then only after that.  As long as the board still has it
 * starting, each answer announces it anew.
 *
 * An order is answered exactly once, unless another life of the server begins before, which drops
 * all that belongs to the old one.  It must be sent after the board shows the life it is for.
 *
 * It owns the body of an order, which is in no log and gone as soon as it is not needed any more.
 * Loop's thread only.
 */
#ifndef HR_SIDECAR_ORDERS_ORDERS_H
#define HR_SIDECAR_ORDERS_ORDERS_H

#include "common/board.h"
#include "sidecar/http/client.h"

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

struct hr_orders;

enum {
    HR_INIT_TIMEOUT_MS = 40000, /* the server may restart an editor in it, which takes up to 35 s */
    HR_INIT_TRIES = 5,          /* in one life */
    HR_INIT_RETRY_MS = 1000,    /* after the first; twice that after the next, and so on */
    HR_INIT_LOOK_MS = 5000,     /* GET /api/init, which costs the server nothing */
    HR_PAUSE_TIMEOUT_MS = 5000,
};

/* Everything is borrowed for the life of the object. */
struct hr_orders_config {
    struct ev_loop *loop;
    const struct hr_board *board;
    struct hr_client *client;
    int socket;              /* where the orders come from */
    const char *host;        /* numeric address of the server */
    int port;                /* its port */
    const char *init_key;    /* X-Init-API-Key; NULL or "": the header is not sent */
    const char *session_key; /* X-Session-API-Key, if no order brings one; NULL or "": none */
    void (*notify)(const char *line, void *arg); /* tell the supervisor; without a newline */
    /* PLUGINS, with the new settings or -1; -1 after it if they have been taken over */
    void (*plugins)(int *fd, void *arg);
    /* An order's body has this session key in it; borrowed for the call.  NULL: not wanted. */
    void (*session_key_seen)(const char *key, void *arg);
    void *arg;
    unsigned init_timeout_ms; /* 0: HR_INIT_TIMEOUT_MS */
    unsigned init_retry_ms;   /* 0: HR_INIT_RETRY_MS */
    unsigned pause_timeout_ms;
};

/* 0 or -errno. */
int hr_orders_new(const struct hr_orders_config *config, struct hr_orders **ret);
/* Running requests are dropped, bodies wiped, nothing is answered.  NULL is fine. */
void hr_orders_free(struct hr_orders *o);

/* Begin to take orders. */
void hr_orders_start(struct hr_orders *o);

/* /ready has answered 200 in the life `starts`. */
void hr_orders_server_ready(struct hr_orders *o, uint32_t starts);

/* Forget what belongs to an earlier life. */
void hr_orders_board_changed(struct hr_orders *o);

/* Has the life `starts`, which has to be initialised again, been?  0, or -EAGAIN (not yet) or -EIO
 * (given up) and one sentence in reason. */
int hr_orders_init_ok(const struct hr_orders *o, uint32_t starts, char *reason, size_t size);

#endif
