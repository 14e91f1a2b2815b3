/* SPDX-License-Identifier: MIT
 * A listener of sidecar/http in a loop of the test's own, and clients made of plain sockets in the
 * same thread: they write, the loop is run until what they wait for is there, they read. */
#ifndef HR_TESTS_UNIT_HTTP_FIXTURE_H
#define HR_TESTS_UNIT_HTTP_FIXTURE_H

#include "common/buf.h"
#include "sidecar/http/server.h"

#include <stdbool.h>
#include <stdint.h>

struct fixture {
    struct ev_loop *loop;
    int listen_fd;
    int port;
    struct hr_http *http;
    struct hr_buf seen;          /* "METHOD path body\n" of every request the handler got */
    struct hr_http_req *kept[8]; /* requests for /later, in order, NULL once answered or gone */
    int nkept;
    int gone;
};

extern const struct hr_http_limits fixture_limits;

/* 0, or nonzero if it could not be made. */
int fixture_open(struct fixture *f, const struct hr_http_limits *limits);
void fixture_close(struct fixture *f);
/* Close, and open with other limits. */
int fixture_reopen(struct fixture *f, const struct hr_http_limits *limits);
/* Serve the same listening socket after hr_http_free(f->http). */
int fixture_serve(struct fixture *f, const struct hr_http_limits *limits);

/* A connected non-blocking socket from the loopback address 127.0.0.<host>. */
int client_open(const struct fixture *f, int host);
void client_send(int fd, const char *text);

/* Run the loop until fd is readable or closed (true), or for ms milliseconds (false). */
bool pump_readable(struct ev_loop *loop, int fd, int ms);
void pump(struct ev_loop *loop, int ms);

/* Run the loop until the text arrived on fd, or the peer closed, or 5 s went by; everything that
 * came is added to `in`.  True if the text is in it. */
bool client_expect(const struct fixture *f, int fd, struct hr_buf *in, const char *text);
/* Run the loop until the peer closes (true) or ms milliseconds are over. */
bool client_closed(const struct fixture *f, int fd, int ms);

#endif
