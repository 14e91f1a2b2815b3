/* SPDX-License-Identifier: MIT
 * The connection to one toolhost: frames in, frames out, made anew whenever it is lost.
 *
 * The toolhost's listening socket belongs to the supervisor, so connecting works even while the
 * toolhost is down: the HELLO then waits in the queue for its next life.
 *
 * The owner is told through callbacks.  They come from the loop only, never from inside a call
 * of this module, so whoever sends something need not expect to be called back.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_MCP_CONN_H
#define HR_SIDECAR_MCP_CONN_H

#include "common/buf.h"
#include "common/frame.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    HR_MCP_RETRY_MIN_MS = 50, /* wait before connecting again, doubled ... */
    HR_MCP_RETRY_MAX_MS = 1000,
    /* Bytes of an abstract address, without its leading NUL. */
    HR_MCP_SOCKET_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
};

/* Bytes that may wait to be sent: two of the largest frames and small change. */
#define HR_MCP_OUT_MAX ((size_t)2 * HR_FRAME_MAX + (size_t)64 * 1024)

struct hr_mcp_conn {
    struct ev_loop *loop;
    const char *name; /* borrowed; for the log */
    const char *key;  /* borrowed; what HELLO carries */
    struct sockaddr_un addr;
    socklen_t addr_len;
    int fd;     /* -1: not connected */
    int is_up;  /* TOOLS has come on this connection */
    int silent; /* sending failed; what the peer said before is still read */
    int unread; /* while on_lost runs: the peer has not read, or not all of, the last frame */
    ev_io readable, writable;
    ev_timer retry;   /* to connect, or to send what the kernel had no memory for */
    int64_t retry_ms; /* how long the next retry waits */
    int64_t up_since_ms;
    struct hr_buf in, out;
    size_t sent;                  /* bytes of out that are gone already */
    uint64_t bytes_in, bytes_out; /* on all connections so far */
    /* A frame has come.  NULL, or what is wrong with it (borrowed): the connection is then lost. */
    const char *(*on_frame)(void *arg, const struct hr_frame *h, const char *payload);
    /* Everything in `out` has been sent, after it had to wait. */
    void (*on_sent)(void *arg);
    /* The connection is gone; fault is what the peer did wrong, NULL if it closed. */
    void (*on_lost)(void *arg, const char *fault);
    void *arg;
};

/* Fill in loop, name, key, on_*, arg before.  socket: n <= HR_MCP_SOCKET_MAX bytes.  Connects. */
void hr_mcp_conn_start(struct hr_mcp_conn *c, const void *socket, size_t n);
/* Is that where it leads? */
bool hr_mcp_conn_leads_to(const struct hr_mcp_conn *c, const void *socket, size_t n);
/* No callback comes.  Harmless for a connection that is all zero. */
void hr_mcp_conn_stop(struct hr_mcp_conn *c);

/* TOOLS has come and is good. */
void hr_mcp_conn_set_up(struct hr_mcp_conn *c);
/* Is it up, and can frames be sent? */
int hr_mcp_conn_usable(const struct hr_mcp_conn *c);

/* Send what was appended to out; what does not go now goes later. */
void hr_mcp_conn_flush(struct hr_mcp_conn *c);

#endif
