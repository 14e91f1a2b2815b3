/* SPDX-License-Identifier: MIT
 * HTTP requests to the agent-server, on libcurl's multi-socket interface and a libev loop.
 * Plain HTTP to numeric addresses only: no DNS, no proxy, no redirects, no signals, no threads.
 * Every request makes a connection of its own: a kept one would go on working when the server can
 * accept no more, and, held open by a child of a server that died, even when there is a new one.
 * Loop's thread only.
 */
#ifndef HR_SIDECAR_HTTP_CLIENT_H
#define HR_SIDECAR_HTTP_CLIENT_H

#include <ev.h>
#include <stddef.h>

struct hr_client;
struct hr_client_req;

/* status: HTTP status, or -errno (-ECONNREFUSED, -ETIMEDOUT, -EPROTO, -E2BIG, ...).
 * body: borrowed during the call; at most 256 KiB, more is -E2BIG.  The request is over: it may
 * start others and cancel others, but must not free the client. */
typedef void hr_client_done(int status, const char *body, size_t len, void *arg);

/* "http://HOST:PORT/path" of a numeric address, which is put into brackets if it is an IPv6 one.
 * 0 or -ENAMETOOLONG. */
int hr_client_url(char *out, size_t size, const char *host, int port, const char *path);

int hr_client_new(struct ev_loop *loop, struct hr_client **ret);
/* Running requests are dropped without a call.  NULL is fine. */
void hr_client_free(struct hr_client *c);

/* GET url; done is called exactly once, never from inside this call, unless the request is
 * cancelled first.  ret_req may be NULL.  0 or -errno, and then done is not called. */
int hr_client_get(struct hr_client *c, const char *url, unsigned timeout_ms, hr_client_done *done,
                  void *arg, struct hr_client_req **ret_req);
/* The same with headers: "Name: value" each, NULL at the end; copied, and wiped after use.  One
 * with a control character in it, or without a colon, is -EINVAL. */
int hr_client_get_with(struct hr_client *c, const char *url, const char *const headers[],
                       unsigned timeout_ms, hr_client_done *done, void *arg,
                       struct hr_client_req **ret_req);
/* POST, under the same rules.  headers: as above.  Content-Type is sent only if it is
 * among them.  body: borrowed until the request is over. When it is over, nothing of the headers
 * and the answer, and no copy of the body, is left in our memory. */
int hr_client_post(struct hr_client *c, const char *url, const char *const headers[],
                   const char *body, size_t len, unsigned timeout_ms, hr_client_done *done,
                   void *arg, struct hr_client_req **ret_req);

/* End it without a call.  Not for a request whose done has been called: it is no more. */
void hr_client_cancel(struct hr_client_req *req);

/* The agent's port is 60000, which lies among the ports that Linux takes for outgoing connections.
 * So a probe of a closed port can be given that very port, and then it connects to itself; what is
 * left of it (TIME_WAIT) keeps the server from its port for a minute.  Seen.  Hence source ports of
 * our own choice, and connections that leave nothing behind: closing one sends a reset. */
enum { HR_SOURCE_PORTS = 4000 };
/* The first of the HR_SOURCE_PORTS source ports for a connection to this port. */
int hr_source_port_first(int port);

#endif
