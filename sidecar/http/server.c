/* SPDX-License-Identifier: MIT
 * An HTTP listener on libmicrohttpd and libev.  See server.h.
 *
 * libmicrohttpd runs in external epoll mode: its own epoll descriptor is nested in our loop, and
 * MHD_run() does what is due.  Connections are accepted here and handed to it: by itself it takes
 * ten each time it runs, and at its limit none until some later event, which lets whoever is quick
 * enough keep others out.  A request that is not answered at once is suspended, and resumed to be
 * answered.  Of a suspended connection libmicrohttpd hears nothing, not even its end; so its socket
 * waits for EPOLLRDHUP in a second nested epoll, edge-triggered, for a next request that is already
 * there wakes it too, once: gVisor tells nobody of an end who does not also wait to read.  Most
 * answers come before that is worth two system calls, so it begins a moment late. */
#include "server.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "framing.h"
#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    POOL_BYTES = 16 * 1024,        /* of one connection: request line, headers, read buffer */
    DISCARD_MAX = 4 * 1024 * 1024, /* bytes read in vain so that the client sees its refusal */
    REPLY_HEADERS_MAX = 8 * 1024,  /* bytes */
    REQUEST_MS = 10000,            /* to bring a request, on top of the idle time before it */
    ACCEPT_BATCH = 32,     /* connections taken before those that there are get their turn */
    ACCEPT_AGAIN_MS = 100, /* after there were no descriptors or no memory, */
    TELL_MS = 10000,       /* which is logged no more often than that */
    RUN_US = 200,          /* libmicrohttpd is run again at once for no longer than that */
    WATCH_AFTER_MS = 5,    /* a request waits so long before its peer is watched */
    GONE_BATCH = 64,       /* events taken at once */
    FLUSH_MS = 200,        /* for the last answers of a listener that is freed */
    FLUSH_STEP_MS = 10,
    LOG_LINE_MAX = 256,            /* bytes of a message of libmicrohttpd */
    STREAM_MAX = 64 * 1024 * 1024, /* bytes of a stream that wait to be sent */
};

/* ---- running libmicrohttpd ---- */

static int64_t next_timeout_ms(struct MHD_Daemon *d)
{
#if MHD_VERSION >= 0x00097701
    return MHD_get_timeout64s(d);
#else
    MHD_UNSIGNED_LONG_LONG ms = 0;
    return MHD_get_timeout(d, &ms) == MHD_YES ? (int64_t)ms : -1;
#endif
}

static void run(struct hr_http *h)
{
    int64_t start = hr_now_us();
    int64_t ms = 0;
    do {
        (void)MHD_run(h->daemon);
        ms = next_timeout_ms(h->daemon);
    } while (ms == 0 && hr_now_us() - start < RUN_US);
    ev_timer_stop(h->loop, &h->timer);
    if (ms >= 0) {
        ev_timer_set(&h->timer, (double)ms / 1000, 0.);
        ev_timer_start(h->loop, &h->timer);
    }
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    run(w->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    run(w->data);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    char line[LOG_LINE_MAX];
    if (hr_log_level_get() < HR_LOG_DEBUG || vsnprintf(line, sizeof(line), fmt, ap) < 0)
        return;
    line[strcspn(line, "\n")] = '\0';
    hr_debug("http: %s", line);
}

/* Of paths, and of the names and values of a query. */
static size_t on_unescape(void *arg, struct MHD_Connection *connection, char *s)
{
    (void)arg;
    (void)connection;
    return hr_http_unescape(s);
}

/* ---- waiting requests, and peers that go away ---- */

static struct hr_http_conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

static void watch_peer(struct hr_http_req *req)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = req};
    req->watched = true; /* or tried: once is enough */
    if (epoll_ctl(req->h->gone_fd, EPOLL_CTL_ADD, socket_of(req->connection), &e) < 0)
        hr_warn("http: cannot watch a client's connection: %s; its end will go unnoticed until it "
                "is answered",
                strerror(errno));
}

static void on_watch(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    struct hr_http *h = w->data;
    for (struct hr_http_req *req = h->waiting; req; req = req->next)
        if (req->gone && !req->watched)
            watch_peer(req);
}

void hr_http_watch_soon(struct hr_http *h)
{
    if (ev_is_active(&h->watch))
        return;
    ev_timer_set(&h->watch, WATCH_AFTER_MS / 1000., 0.);
    ev_timer_start(h->loop, &h->watch);
}

void hr_http_suspend(struct hr_http_req *req)
{
    struct hr_http *h = req->h;
    req->state = REQ_WAITING;
    req->next = h->waiting;
    req->prev = NULL;
    if (h->waiting)
        h->waiting->prev = req;
    h->waiting = req;
    if (req->gone)
        hr_http_watch_soon(h);
    hr_http_conn_busy(&h->conns, conn_of(req->connection));
    MHD_suspend_connection(req->connection);
}

void hr_http_resume(struct hr_http_req *req, enum req_state state)
{
    struct hr_http *h = req->h;
    if (req->watched)
        (void)epoll_ctl(h->gone_fd, EPOLL_CTL_DEL, socket_of(req->connection), NULL);
    req->watched = false;
    if (req->prev)
        req->prev->next = req->next;
    else
        h->waiting = req->next;
    if (req->next)
        req->next->prev = req->prev;
    req->state = state;
    hr_http_conn_idle(&h->conns, conn_of(req->connection));
    MHD_resume_connection(req->connection);
    ev_feed_event(h->loop, &h->io, EV_READ);
}

static void peer_gone(struct hr_http_req *req)
{
    hr_http_resume(req, REQ_DEAD);
    if (req->gone)
        req->gone(req->gone_arg);
}

static void on_gone(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    struct hr_http *h = w->data;
    struct epoll_event events[GONE_BATCH];
    int n = epoll_wait(h->gone_fd, events, GONE_BATCH, 0);
    for (int i = 0; i < n; i++) {
        /* An earlier one's callback may have answered this one; it is freed only when
         * libmicrohttpd runs, which is not before we return. */
        struct hr_http_req *req = events[i].data.ptr;
        bool gone = events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
        if (gone && req->state == REQ_WAITING)
            peer_gone(req);
    }
}

/* ---- one request ---- */

static enum MHD_Result send_answer(struct hr_http_req *req)
{
    if (!req->response)
        return MHD_NO;    /* there was no memory for it: close */
    if (req->h->stopping) /* so that the client does not send its next request here */
        (void)MHD_add_response_header(req->response, "Connection", "close");
    enum MHD_Result r = MHD_queue_response(req->connection, req->status, req->response);
    MHD_destroy_response(req->response); /* libmicrohttpd keeps its own reference */
    req->response = NULL;
    if (req->streaming)
        req->state = REQ_STREAMING;
    return r;
}

/* Make the answer of a request that the handler is not to see. */
static void refuse(struct hr_http_req *req, unsigned status)
{
    const char *text = hr_http_refusal_text(status);
    req->state = REQ_HANDLING;
    hr_http_add_header(req, "Connection", "close");
    hr_http_reply(req, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result begin(struct hr_http *h, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, void **ret_req)
{
    struct hr_http_req *req = calloc(1, sizeof(*req));
    if (!req)
        return MHD_NO;
    req->h = h;
    req->connection = connection;
    req->method = method;
    req->path = hr_http_target_path(url);
    req->state = REQ_RECEIVING;
    hr_buf_init(&req->body, h->body_max);
    hr_buf_init(&req->headers, REPLY_HEADERS_MAX);
    hr_buf_init(&req->out, STREAM_MAX);
    *ret_req = req;
    unsigned status = hr_http_refusal(connection, version, h->body_max);
    if (status) {
        refuse(req, status);
        return send_answer(req); /* where its body ends nobody knows, or it is far away */
    }
    if (!h->head)
        return MHD_YES;
    req->state = REQ_HANDLING;
    h->head(req, h->arg);
    req->state = req->state == REQ_ANSWERED ? REQ_REFUSED : REQ_RECEIVING;
    return MHD_YES;
}

static enum MHD_Result take_body(struct hr_http_req *req, const char *data, size_t n)
{
    if (req->state == REQ_RECEIVING) {
        int err = hr_buf_add(&req->body, data, n);
        if (!err)
            return MHD_YES;
        hr_buf_free(&req->body);
        refuse(req, err == -E2BIG ? HR_HTTP_TOO_LARGE : MHD_HTTP_SERVICE_UNAVAILABLE);
        req->state = REQ_REFUSED;
    }
    req->discarded += n;
    return req->discarded <= DISCARD_MAX ? MHD_YES : MHD_NO;
}

/* libmicrohttpd calls it for the headers, for every piece of the body, for the end of it, and
 * again after a resume. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_size, void **context)
{
    struct hr_http *h = arg;
    struct hr_http_req *req = *context;
    if (req && req->state == REQ_ANSWERED)
        return send_answer(req);
    if (h->stopping)
        return MHD_NO;
    if (!req)
        return begin(h, connection, url, method, version, context);
    if (req->state != REQ_RECEIVING && req->state != REQ_REFUSED)
        return MHD_NO;
    if (*data_size) {
        size_t n = *data_size;
        *data_size = 0;
        return take_body(req, data, n);
    }
    if (req->state == REQ_REFUSED)
        return send_answer(req);
    req->state = REQ_HANDLING;
    h->handler(req, h->arg);
    if (req->state == REQ_ANSWERED)
        return send_answer(req);
    hr_http_suspend(req);
    return MHD_YES;
}

/* The request is over, whatever way it went. */
static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    (void)code;
    struct hr_http *h = arg;
    struct hr_http_req *req = *context;
    hr_http_conn_idle(&h->conns, conn_of(connection));
    if (!req)
        return;
    *context = NULL;
    assert(req->state != REQ_WAITING && req->state != REQ_HANDLING);
    if (req->response)
        MHD_destroy_response(req->response);
    h->late -= req->late;
    h->answers -= req->answer;
    /* libmicrohttpd has found out itself that nobody reads the stream any more. */
    if (req->streaming && req->state != REQ_DEAD && req->gone)
        req->gone(req->gone_arg);
    hr_buf_free(&req->out);
    hr_buf_free(&req->body);
    hr_buf_free(&req->headers);
    free(req);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct hr_http *h = arg;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        *socket_context =
            hr_http_conn_opened(&h->conns, socket_of(connection), info ? info->client_addr : NULL);
    } else {
        hr_http_conn_closed(&h->conns, *socket_context);
        *socket_context = NULL;
        if (!h->quiet && !ev_is_active(&h->again))
            ev_io_start(h->loop, &h->accept); /* there is room again */
    }
}

/* ---- new connections ---- */

/* Does the other end of a unix socket live in our pid namespace, or one below it?  The kernel tells
 * the pid as we see it: 0 for a process that we cannot see. */
static bool is_neighbour(int fd)
{
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0;
}

/* Who brings so much at once is no probe, and what comes after it in the queue may be one:
 * libmicrohttpd reads a long line in small steps and looks at all of it after each, which takes
 * longer than to answer ten probes. */
static bool is_too_much(const struct hr_http *h, int fd)
{
    int n = 0;
    return h->crowded && h->crowd_bytes && ioctl(fd, FIONREAD, &n) == 0 && n > (int)h->crowd_bytes;
}

/* One connection from the queue to libmicrohttpd.  0, or -errno: there is none, or no room for it.
 */
static int accept_one(struct hr_http *h)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(peer);
    if (h->conns.count >= h->limit)
        return -EUSERS;
    int fd = accept4(h->listen_fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
    if (is_too_much(h, fd) || (h->neighbours_only && !is_neighbour(fd)))
        hr_close(&fd);
    else /* which closes it if it cannot */
        (void)MHD_add_connection(h->daemon, fd, (struct sockaddr *)&peer, len);
    return 0;
}

/* Later, not at once: nothing may have changed by then. */
static void try_again(struct hr_http *h, int err)
{
    int64_t now = hr_now_ms();
    if (!h->told_ms || now - h->told_ms >= TELL_MS) {
        hr_warn("http: cannot accept a connection: %s: trying again", strerror(-err));
        h->told_ms = now;
    }
    ev_timer_set(&h->again, ACCEPT_AGAIN_MS / 1000., 0.);
    ev_timer_start(h->loop, &h->again);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events)
{
    (void)events;
    struct hr_http *h = w->data;
    int err = 0;
    for (int i = 0; i < ACCEPT_BATCH && !err; i++)
        err = accept_one(h);
    if (err && err != -EAGAIN)
        ev_io_stop(loop, w); /* it would go on telling us */
    if (err && err != -EAGAIN && err != -EUSERS)
        try_again(h, err);
    h->crowded = err != -EAGAIN;
    run(h);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)events;
    struct hr_http *h = w->data;
    if (!h->quiet)
        ev_io_start(loop, &h->accept);
}

static void stop_accepting(struct hr_http *h)
{
    h->quiet = true;
    ev_io_stop(h->loop, &h->accept);
    ev_timer_stop(h->loop, &h->again);
}

/* ---- the listener ---- */

static int start_daemon(struct hr_http *h, const struct hr_http_limits *limits)
{
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        h, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        limits->connections, MHD_OPTION_CONNECTION_TIMEOUT, limits->idle_timeout_s,
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
        MHD_OPTION_END);
    return h->daemon ? 0 : -EIO;
}

static void start_watchers(struct hr_http *h)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    ev_io_init(&h->io, on_io, info->epoll_fd, EV_READ);
    h->io.data = h;
    ev_io_start(h->loop, &h->io);
    ev_io_init(&h->gone_io, on_gone, h->gone_fd, EV_READ);
    h->gone_io.data = h;
    ev_io_start(h->loop, &h->gone_io);
    ev_timer_init(&h->timer, on_timer, 0., 0.);
    h->timer.data = h;
    ev_timer_init(&h->watch, on_watch, 0., 0.);
    h->watch.data = h;
    ev_io_init(&h->accept, on_accept, h->listen_fd, EV_READ);
    h->accept.data = h;
    ev_io_start(h->loop, &h->accept);
    ev_timer_init(&h->again, on_again, 0., 0.);
    h->again.data = h;
}

int hr_http_new(struct ev_loop *loop, int listen_fd, const struct hr_http_limits *limits,
                hr_http_handler *head, hr_http_handler *handler, void *arg, struct hr_http **ret)
{
    int flags = fcntl(listen_fd, F_GETFL);
    if (flags < 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    struct hr_http *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    h->loop = loop;
    h->listen_fd = listen_fd;
    h->limit = limits->connections;
    h->head = head;
    h->handler = handler;
    h->arg = arg;
    h->body_max = limits->body_max;
    h->answers_max = limits->answers_max;
    h->crowd_bytes = limits->crowd_bytes;
    h->neighbours_only = limits->neighbours_only;
    hr_http_conns_init(&h->conns, loop, limits->connections, limits->connections_per_ip,
                       (int64_t)limits->idle_timeout_s * 1000 + REQUEST_MS);
    int err = 0;
    h->gone_fd = epoll_create1(EPOLL_CLOEXEC);
    if (h->gone_fd < 0)
        err = -errno;
    if (!err)
        err = start_daemon(h, limits);
    if (err) {
        hr_close(&h->gone_fd);
        free(h);
        return err;
    }
    start_watchers(h);
    *ret = h;
    return 0;
}

/* Send the answers that are ready; nothing may be suspended when libmicrohttpd stops either. */
static void flush(struct hr_http *h)
{
    struct pollfd p = {.fd = h->io.fd, .events = POLLIN};
    int64_t end = hr_now_ms() + FLUSH_MS;
    (void)MHD_run(h->daemon);
    while (h->late && hr_now_ms() < end) {
        (void)poll(&p, 1, FLUSH_STEP_MS);
        (void)MHD_run(h->daemon);
    }
}

bool hr_http_quiesce(struct hr_http *h)
{
    stop_accepting(h);
    return h->conns.count > 0;
}

void hr_http_free(struct hr_http *h)
{
    if (!h)
        return;
    h->stopping = true;
    stop_accepting(h);
    while (h->waiting)
        peer_gone(h->waiting);
    flush(h);
    MHD_stop_daemon(h->daemon);
    hr_http_conns_stop(&h->conns);
    ev_io_stop(h->loop, &h->io);
    ev_io_stop(h->loop, &h->gone_io);
    ev_timer_stop(h->loop, &h->timer);
    ev_timer_stop(h->loop, &h->watch);
    hr_close(&h->gone_fd);
    free(h);
}
