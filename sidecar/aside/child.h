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

struct hr_aside_child {
    const char *name;
    hr_aside_work *work;
    void *arg;
    pid_t parent;
    int fd; /* its end of the socket pair */
    void (*forget)(const char *name, void *arg);
    void *forget_arg;
};

/* Leave behind what was the parent's, then serve until the parent closes its end or dies. */
_Noreturn void hr_aside_child_run(struct hr_aside_child *c);

#endif
