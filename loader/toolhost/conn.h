/* SPDX-License-Identifier: MIT
 * One connection of the sidecar: bytes in, frames out of them, and frames to send, which wait here
 * for as long as the peer does not read, so that nobody else has to.
 *
 * Main thread only.  Nothing here closes a connection: it becomes `broken`, and its owner closes it
 * when nothing else is going on.
 */
#ifndef HR_TOOLHOST_CONN_H
#define HR_TOOLHOST_CONN_H

#include "common/buf.h"
#include "common/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_CONN_OUT_FULL = 1024 * 1024, /* bytes that wait to be sent: results have to wait, too */
    /* What may be added all the same: one large result, and the failures of all calls. */
    HR_CONN_OUT_MAX = 64 * 1024 * 1024,
    HR_HELLO_MAX = 1024, /* bytes of the first frame's payload */
    HR_HELLO_MS = 5000,  /* time for it to come */
    HR_STALL_MS = 10000, /* a peer that takes nothing for so long is given up */
};

struct hr_conn {
    int fd;              /* -1: unused */
    uint64_t serial;     /* never used twice; 0: unused */
    int64_t accepted_ms; /* monotonic */
    bool greeted;        /* it has sent the right key */
    const char *broken;  /* why it has to be closed; NULL while it works */
    struct hr_buf in;
    size_t in_at; /* bytes of `in` that have been dealt with */
    struct hr_buf out;
    size_t out_at;       /* bytes of `out` that have been sent */
    int64_t progress_ms; /* when some were, or `out` began to fill */
};

/* Take over fd, non-blocking. */
void hr_conn_open(struct hr_conn *c, int fd, uint64_t serial, int64_t now_ms);
void hr_conn_close(struct hr_conn *c);

/* Read what is there, up to a fair share. */
void hr_conn_read(struct hr_conn *c);

/* The next whole frame.  *ret_payload is good until the next call on this connection. */
bool hr_conn_next(struct hr_conn *c, struct hr_frame *ret_frame, const char **ret_payload);

/* Queue a frame, and send what can be sent. */
void hr_conn_send(struct hr_conn *c, enum hr_frame_type type, uint64_t id, const void *payload,
                  size_t len);
void hr_conn_flush(struct hr_conn *c);

/* Does anything wait to be sent?  So much that no more results should be added? */
bool hr_conn_has_output(const struct hr_conn *c);
bool hr_conn_full(const struct hr_conn *c);

#endif
