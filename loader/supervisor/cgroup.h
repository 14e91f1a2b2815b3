/* SPDX-License-Identifier: MIT
 * What the container's cgroup tells of memory and of the number of processes: was it the kernel's
 * OOM killer?  Looked at when a service starts and when it has died.
 *
 * The folders are found once, at the start, and kept open; both cgroup versions and the mixture of
 * them.  Reading is a few small files that the kernel answers from counters: nothing in it waits.
 * What this kernel or container does not have is -1.
 */
#ifndef HR_SUPERVISOR_CGROUP_H
#define HR_SUPERVISOR_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

struct hr_cgroup {
    int memory; /* folder with the files memory.*, or -1 */
    int pids;   /* folder with the files pids.*, or -1 */
    bool v1;    /* of memory: its files have the names of version 1 */
};

/* Each value is -1 where it is not known.  Events are counted since the cgroup was made. */
struct hr_cgroup_sample {
    int64_t memory;      /* bytes in use */
    int64_t memory_max;  /* bytes; -1 also for no limit */
    int64_t memory_peak; /* bytes */
    int64_t high;        /* times that it was throttled at memory.high; not in version 1 */
    int64_t max;         /* times that it was about to go over memory_max */
    int64_t oom;         /* times that memory could not be had even so; not in version 1 */
    int64_t oom_kills;   /* processes killed for it */
    int64_t pids;        /* tasks: processes and threads */
    int64_t pids_max;    /* -1 also for no limit */
    int64_t pids_denied; /* forks refused at pids_max */
};

/* Find our own cgroup.  root: "" or, in tests, the folder that stands for /.  0, or -ENOENT if
 * there is none to be seen: *ret is then empty and can be used all the same. */
int hr_cgroup_open(struct hr_cgroup *ret, const char *root);
void hr_cgroup_close(struct hr_cgroup *cg);

/* All values -1. */
void hr_cgroup_sample_clear(struct hr_cgroup_sample *s);

/* 0, or -ENOENT if there was nothing to read; *ret is filled as far as it is known either way. */
int hr_cgroup_read(const struct hr_cgroup *cg, struct hr_cgroup_sample *ret);

#endif
