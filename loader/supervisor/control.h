/* SPDX-License-Identifier: MIT
 * The control socket: orders to PID 1, one JSON object a line (control_parse.h), each answered by
 * one line before the next is read.
 *
 *   {"ok":true}                    done
 *   {"ok":false,"error":"..."}     not done, and why
 *   anything else                  the answer itself: of status, crashes, crash
 *
 * A peer must have our uid or be root, and must lie in our pid namespace: the abstract name can be
 * reached from every container of the pod.  Whatever a peer does, it costs no more than one of
 * HR_CONTROL_CONNS places for HR_CONTROL_IDLE_MS: nothing is allocated, nothing blocks, and a long
 * answer waits in an anonymous file, not in our memory, until the peer has taken it.
 *
 * Used by the supervisor alone, on its loop.  Sockets and files are owned here; the supervisor
 * blocks SIGPIPE, which this relies on. */
#ifndef HR_SUPERVISOR_CONTROL_H
#define HR_SUPERVISOR_CONTROL_H

#include "control_listen.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    HR_CONTROL_CONNS = 8,      /* who has got nowhere for longest makes way for a new one */
    HR_CONTROL_INPUT = 4096,   /* bytes of an order, with its newline */
    HR_CONTROL_ANSWER = 1024,  /* bytes of an answer that is not in a file */
    HR_CONTROL_IDLE_MS = 5000, /* for a whole order to come, or for any part of an answer to go */
    HR_CONTROL_TICK_MS = 1000, /* how often that is looked at, while there are peers */
    HR_CONTROL_ACCEPTS = 100,  /* peers in one tick; the rest waits in the queue */
    HR_CONTROL_LOG_MS = 10000, /* in this time ... */
    HR_CONTROL_LOG_LINES = 5,  /* ... so many lines of each kind; those left out are counted */
};

/* What carries the orders out.  Each returns 0 or -errno and must not block.  Where there is a
 * ret_error it may be pointed at the reason, for people, which stays valid until the next call.
 * Those with fd write JSON into it, in one line, whose newline may be left out.
 * crash: -ENOENT for a number that is not kept.  An order whose function is NULL is refused. */
struct hr_control_ops {
    int (*status)(void *ctx, int fd);
    int (*restart)(void *ctx, const char *service, const char **ret_error);
    int (*stop)(void *ctx, const char **ret_error);
    int (*reload)(void *ctx, const char **ret_error);
    int (*drain)(void *ctx, bool on, const char **ret_error);
    int (*crashes)(void *ctx, int fd);
    int (*crash)(void *ctx, uint64_t number, int fd);
};

/* Lines of one kind in our log, so that a peer cannot fill it. */
struct hr_control_limit {
    int64_t since_ms;
    unsigned said;
    unsigned left_out;
};

struct hr_control;

struct hr_control_conn {
    struct hr_control *control;
    ev_io io;
    int fd; /* -1: a free place */
    pid_t pid;
    uid_t uid;
    int64_t since_us;  /* it has got somewhere */
    bool ending;       /* close it after the answer */
    int answer_fd;     /* a long answer, or -1 */
    size_t answer_at;  /* sent of it */
    size_t answer_len; /* 0: none */
    size_t len;        /* bytes in input */
    char answer[HR_CONTROL_ANSWER];
    char input[HR_CONTROL_INPUT + 1]; /* and a NUL */
};

struct hr_control {
    struct ev_loop *loop;
    const struct hr_control_ops *ops;
    void *ctx;
    int fd; /* listening, or -1 */
    ev_io accept_io;
    ev_timer tick;
    unsigned accepted; /* in this tick */
    struct hr_control_limit refusals;
    struct hr_control_limit orders;
    struct hr_control_conn conns[HR_CONTROL_CONNS];
    char name[HR_CONTROL_NAME_MAX];
};

/* Open the socket and serve it from loop.  If that cannot be, one warning says so, false is
 * returned, and nothing else happens: handrail runs without it. */
bool hr_control_start(struct hr_control *c, struct ev_loop *loop, const struct hr_control_ops *ops,
                      void *ctx);

/* Close everything.  Also good after a start that failed, and from within an operation. */
void hr_control_stop(struct hr_control *c);

#endif
