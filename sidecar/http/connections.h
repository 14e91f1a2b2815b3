/* SPDX-License-Identifier: MIT
 * The open connections of one listener, so that strangers who hold connections cannot keep others
 * out.  libmicrohttpd stops accepting at its limit, and it counts every received byte as life; so
 * here a connection without a request in the handler's hands is ended
 *   - when it is the one unused for longest and the listener is nearly full,
 *   - when it is that among those of one address, and a newcomer exceeds what that address may
 * have: behind a proxy or a gateway everyone has the same one, so the newcomer may be a probe, or
 *   - when it has not brought a complete request, or taken its answer, in all of its time.
 * To end is to shut the socket down: libmicrohttpd then sees a closed peer and cleans up.
 *
 * Loop's thread only.
 */
#ifndef HR_SIDECAR_HTTP_CONNECTIONS_H
#define HR_SIDECAR_HTTP_CONNECTIONS_H

#include <ev.h>
#include <stdint.h>
#include <sys/socket.h>

struct hr_http_conn {
    struct hr_http_conn *prev; /* in one of the rings; NULL in none */
    struct hr_http_conn *next;
    int64_t since_ms;     /* when it became idle */
    int fd;               /* borrowed from libmicrohttpd; -1 once it is being ended */
    unsigned char ip[16]; /* of the peer; IPv4 is in its first four bytes */
};

struct hr_http_conns {
    struct ev_loop *loop;
    ev_timer sweep;
    struct hr_http_conn idle; /* head of a ring, oldest first */
    struct hr_http_conn busy; /* the same, in no order */
    int64_t idle_max_ms;
    unsigned count;
    unsigned per_ip;
    unsigned full; /* from this count on, a new connection costs the oldest idle one its place */
};

/* limit: the number libmicrohttpd accepts at once; per_ip: of one address; idle_max_ms: see above.
 */
void hr_http_conns_init(struct hr_http_conns *c, struct ev_loop *loop, unsigned limit,
                        unsigned per_ip, int64_t idle_max_ms);
/* Stop the timer.  The connections may be closed after it. */
void hr_http_conns_stop(struct hr_http_conns *c);

/* A new connection, idle; NULL without memory, and then the other functions ignore it. */
struct hr_http_conn *hr_http_conn_opened(struct hr_http_conns *c, int fd,
                                         const struct sockaddr *peer);
void hr_http_conn_closed(struct hr_http_conns *c, struct hr_http_conn *conn);

/* The handler has a request of it, and: has no more. */
void hr_http_conn_busy(struct hr_http_conns *c, struct hr_http_conn *conn);
void hr_http_conn_idle(struct hr_http_conns *c, struct hr_http_conn *conn);

#endif
