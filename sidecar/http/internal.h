/* SPDX-License-Identifier: MIT
 * What server.c, which runs libmicrohttpd, and request.c, which the handlers call, share. */
#ifndef HR_SIDECAR_HTTP_INTERNAL_H
#define HR_SIDECAR_HTTP_INTERNAL_H

#include "common/buf.h"
#include "connections.h"
#include "server.h"

#include <ev.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum req_state {
    REQ_RECEIVING, /* its body */
    REQ_REFUSED,   /* response and status are set; the rest of the body is thrown away */
    REQ_HANDLING,  /* the handler is running */
    REQ_WAITING,   /* suspended until it is answered, or there is more of its stream */
    REQ_ANSWERED,  /* response and status are set */
    REQ_STREAMING, /* the response is being sent, and asks for more */
    REQ_DEAD,      /* the connection is to be closed */
};

struct hr_http_req {
    struct hr_http *h;
    struct MHD_Connection *connection;
    struct hr_http_req *prev; /* among the waiting ones */
    struct hr_http_req *next;
    const char *method;
    const char *path;
    struct hr_buf body;
    struct hr_buf headers; /* of the answer: name NUL value NUL ... */
    enum req_state state;
    size_t discarded; /* bytes of the body */
    unsigned status;
    struct MHD_Response *response;
    size_t answer; /* bytes of it that count for the limit */
    void (*gone)(void *arg);
    void *gone_arg;
    struct hr_buf out; /* of a stream: what libmicrohttpd has not taken yet, */
    size_t out_at;     /* from here on */
    bool streaming;
    bool ended; /* nothing will be added to the stream */
    bool watched;
    bool late; /* it has waited, and its answer is not sent yet */
};

struct hr_http {
    struct ev_loop *loop;
    struct MHD_Daemon *daemon;
    hr_http_handler *head; /* NULL: there is none */
    hr_http_handler *handler;
    void *arg;
    size_t body_max;
    size_t answers_max;
    size_t crowd_bytes;
    size_t answers; /* bytes of answers that are not sent yet */
    bool neighbours_only;
    int listen_fd;
    unsigned limit;  /* of connections */
    ev_io accept;    /* listen_fd; stopped while there is no room */
    ev_timer again;  /* tries to accept after it could not */
    int64_t told_ms; /* when it was logged that it could not; 0: never */
    bool crowded;    /* not all could be accepted the last time */
    bool quiet;      /* nothing more is to be accepted */
    ev_io io;        /* libmicrohttpd's epoll */
    ev_timer timer;  /* libmicrohttpd's next timeout */
    ev_io gone_io;   /* gone_fd */
    int gone_fd;     /* epoll of the sockets of suspended connections */
    ev_timer watch;  /* begins to watch what waits by then */
    struct hr_http_conns conns;
    struct hr_http_req *waiting;
    unsigned late; /* requests that are */
    bool stopping;
};

/* A peer is to be watched, a moment from now. */
void hr_http_watch_soon(struct hr_http *h);

/* Suspend the request, and take it back to libmicrohttpd, which then asks for more: soon, never
 * now. */
void hr_http_suspend(struct hr_http_req *req);
void hr_http_resume(struct hr_http_req *req, enum req_state state);

#endif
