/* SPDX-License-Identifier: MIT
 * The check `memory`: what is left below the limit of the container's cgroup, and how much of the
 * time something in it waits for memory.
 *
 * In use is the working set, by which the kubelet evicts.  Without a cgroup, or without a limit, it
 * is not measured and fails nothing.  Beside its period it is measured when the kernel says that
 * memory is short: by a trigger on the cgroup's pressure file; where that cannot be written to,
 * which is the rule in a container, by the cgroup's events (version 2) and by a trigger on the
 * node's pressure, which only wakes: what is measured then is still the cgroup's. */
#ifndef HR_SIDECAR_CHECKS_MEMORY_H
#define HR_SIDECAR_CHECKS_MEMORY_H

#include "common/cgroup.h"
#include "measure.h"

enum {
    HR_MEMORY_WAKES = 2,
    HR_MEMORY_WAKE_MS = 1000, /* it is measured no more often than this by what the kernel says */
};

struct hr_memory {
    struct hr_measure m;
    bool free_is_percent;
    int64_t free;         /* percent or bytes that must be left */
    int pressure_percent; /* of the last 10 s, in which something waited: too much */

    struct hr_cgroup cgroup;
    int wake_fd[HR_MEMORY_WAKES]; /* of what the kernel tells by an exceptional condition */
    int set;                      /* an epoll of them, which libev can wait for */
    ev_io io;
    uint64_t wakes;
};

/* m's fields are set, but for the method.  root: "" or, in tests, the folder that stands for /. */
void hr_memory_init(struct hr_memory *mem, const char *root);
/* Begin to listen to the kernel. */
void hr_memory_start(struct hr_memory *mem);
void hr_memory_stop(struct hr_memory *mem);

#endif
