/* SPDX-License-Identifier: MIT
 * An HTTP/1.1 listener on libmicrohttpd, driven by a libev loop: no threads, no polling.
 *
 * The caller brings a listening socket and a handler.  The handler is called once per request, when
 * the whole body is there; it answers with hr_http_reply(), at once or at any later time, from the
 * loop's thread, exactly once.  Limits (body, connections, idle time) and requests that could be
 * read in two ways are answered here and never reach the handler.
 *
 * A second handler may look at each request before its body is read, so that a stranger cannot make
 * us keep one.  It answers at once, and the body is then thrown away, or leaves the request alone.
 *
 * All functions: loop's thread only.
 */
#ifndef HR_SIDECAR_HTTP_SERVER_H
#define HR_SIDECAR_HTTP_SERVER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

struct hr_http;     /* a listener */
struct hr_http_req; /* one request; valid until it is answered, or until its "gone" call */

struct hr_http_limits {
    size_t body_max;             /* bytes; more is 413 */
    unsigned connections;        /* at once, in all; near it the one idle for longest is closed */
    unsigned connections_per_ip; /* the same among those of one address */
    /* bytes of answers that peers have not taken yet, in all; more of them is 503, small ones
     * excepted; 0: no limit */
    size_t answers_max;
    /* While more wait to be accepted than are at once: one that has brought more bytes than that
     * already is closed, unread; 0: no limit */
    size_t crowd_bytes;
    bool neighbours_only;    /* of a unix socket: only peers of our own pid namespace */
    unsigned idle_timeout_s; /* a connection without progress is closed, one with little progress
                              * 10 s later; never while its request is with the handler */
};

typedef void hr_http_handler(struct hr_http_req *req, void *arg);

/* Serve listen_fd, which stays the caller's and must outlive the listener.  head: NULL for none;
 * arg is given to both handlers.  0 or -errno. */
int hr_http_new(struct ev_loop *loop, int listen_fd, const struct hr_http_limits *limits,
                hr_http_handler *head, hr_http_handler *handler, void *arg, struct hr_http **ret);
/* Accept no more: who comes from here on waits for the next listener on that socket.  True if there
 * are connections, which may be about to ask something. */
bool hr_http_quiesce(struct hr_http *h);
/* Answers that were given are sent, if that takes no longer than a moment; unanswered requests get
 * their "gone" call.  Not from inside a handler.  NULL is fine. */
void hr_http_free(struct hr_http *h);

/* Of the request.  Strings are borrowed until it is answered. */
const char *hr_http_method(const struct hr_http_req *req);
const char *hr_http_path(const struct hr_http_req *req); /* percent-decoded, without the query */
const char *hr_http_header(const struct hr_http_req *req, const char *name); /* NULL: not there */
/* Call fn for every query argument of that name, in order; value is "" for a bare "?name".
 * Returns how many there were; fn may be NULL. */
int hr_http_query(const struct hr_http_req *req, const char *name,
                  void (*fn)(const char *value, void *arg), void *arg);
/* Do more connections wait to be accepted than are at once? */
bool hr_http_crowded(const struct hr_http_req *req);
const char *hr_http_body(const struct hr_http_req *req, size_t *ret_len);

/* If the peer goes away before the answer, fn is called once and the request is dead: it must not
 * be answered any more.  For handlers that answer later.  A peer that ends only its own direction
 * counts as gone: with TCP nobody can tell the two apart before writing.  It is noticed some
 * milliseconds late.  Without fn nothing is watched, and the request lives until it is answered. */
void hr_http_on_gone(struct hr_http_req *req, void (*fn)(void *arg), void *arg);

/* Add a header to the coming answer.  Names and values are copied. */
void hr_http_add_header(struct hr_http_req *req, const char *name, const char *value);

/* Answer; the body is copied.  content_type NULL for none.  The request is dead afterwards.
 * HEAD gets the same headers and no body.  X-Content-Type-Options: nosniff is always sent. */
void hr_http_reply(struct hr_http_req *req, unsigned status, const char *content_type,
                   const void *body, size_t len);

/* Answer with a stream instead: status 200, and a body that is added to piece by piece, at any
 * time, until it is ended.  The request lives on until then, or until its "gone" call: a peer that
 * has gone away, or that has not taken anything for the idle time.  A stream that waits for its
 * next piece is not idle. */
void hr_http_stream(struct hr_http_req *req, const char *content_type);
/* Bytes that were added and not sent yet: of a peer that does not read they get more and more, so
 * look at this before adding what can be left out. */
size_t hr_http_stream_backlog(const struct hr_http_req *req);
/* data is copied.  0, -E2BIG or -ENOMEM. */
int hr_http_stream_add(struct hr_http_req *req, const void *data, size_t len);
/* The request is dead afterwards; what was added is still sent. */
void hr_http_stream_end(struct hr_http_req *req);

#endif
