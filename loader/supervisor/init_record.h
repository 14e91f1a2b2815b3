/* SPDX-License-Identifier: MIT
 * The init record: the body of the POST /api/init that the server has accepted, kept so that a
 * server that starts again can be initialised again.
 *
 * It holds session keys and secrets.  It lives in one mapping that no child inherits and no core
 * dump holds, locked in memory as far as the limits allow, and nowhere else: never in a file, an
 * argument, an environment or the log.  It travels through pipes, which are kernel memory.
 * The supervisor alone owns it; nothing here waits, and nothing is allocated after the making.
 */
#ifndef HR_SUPERVISOR_INIT_RECORD_H
#define HR_SUPERVISOR_INIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>

enum { HR_INIT_MAX = 256 * 1024 }; /* bytes of a body */

struct hr_init_record {
    char *body; /* HR_INIT_MAX bytes, NULL before the making */
    size_t len; /* 0: nothing is kept */
    bool locked;
};

/* 0 or -errno.  Takes address space, and memory only when there is a record. */
int hr_init_record_make(struct hr_init_record *r);

/* Take the n bytes that wait in the pipe.  What was kept before is gone.  0; -EINVAL for what is no
 * pipe or an impossible length, -EPROTO when other than n bytes are in it, or -errno: the record
 * is then empty. */
int hr_init_record_take(struct hr_init_record *r, int pipe, size_t n);

/* A new pipe that holds the whole body, its writing end closed.  ret_fd is close-on-exec and
 * non-blocking, the caller's.  0, -ENOENT when nothing is kept, or -errno. */
int hr_init_record_pipe(const struct hr_init_record *r, int *ret_fd);

void hr_init_record_wipe(struct hr_init_record *r);

#endif
