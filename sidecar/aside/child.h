/* SPDX-License-Identifier: MIT
 * The process of an aside: what it does between the fork and its end.  For aside.c. */
#ifndef HR_SIDECAR_ASIDE_CHILD_H
#define HR_SIDECAR_ASIDE_CHILD_H

#include "aside.h"

#include <stdint.h>
#include <sys/types.h>

/* Before the bytes of each packet.  Without it an empty one could not be told from the end. */
struct hr_aside_head {
    int32_t err;  /* of an answer: 0 or -errno */
    uint32_t len; /* bytes that follow */
};

/* Leave behind what was the parent's: signals, and descriptors but fd.  That one's new number. */
int hr_aside_child_begin(pid_t parent, int fd);

/* What `ps` shows.  The last of the beginning. */
void hr_aside_child_name(const char *name);

/* Serve until the parent closes its end or dies. */
_Noreturn void hr_aside_child_serve(int fd, hr_aside_work *work, void *arg);

#endif
