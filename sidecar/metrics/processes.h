/* SPDX-License-Identifier: MIT
 * What the processes of the pod cost together: all that the supervisor has below it, itself and the
 * sidecar included.
 *
 * A look takes 10 to 40 us a process, and there may be thousands: so it goes on in steps of a
 * bounded time, and until one is complete the result is the one before.  It reads `stat` of each,
 * and how many descriptors it has open; neither waits for a process that is stuck.  Memory is used
 * during a look only.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_METRICS_PROCESSES_H
#define HR_SIDECAR_METRICS_PROCESSES_H

#include "common/proc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_PROCESSES_MAX = 32768,      /* that are looked at, 56 bytes each meanwhile */
    HR_PROCESSES_FDS_MAX = 16384,  /* descriptors of one process, where they must be counted */
    HR_PROCESSES_STEP_US = 2000,   /* a step begins nothing new after that */
    HR_PROCESSES_WATCHED_MAX = 40, /* processes that are told apart */
};

/* A process that is told apart.  Numbers are -1 where they are not known. */
struct hr_process_cost {
    pid_t pid;
    int64_t cpu_ms; /* without its children */
    int64_t rss_bytes;
    int64_t threads;
    int64_t open_fds;
};

struct hr_processes_cost {
    int64_t count; /* -1: no complete look yet, no /proc to look at, or too many processes */
    int64_t threads;
    int64_t rss_bytes; /* what they share is counted for each */
    int64_t open_fds;  /* of those that we may look at; -1: of none */
    int64_t zombies;
    bool partial; /* there are more than `max`: what all of them cost is not known */
    size_t nwatched;
    struct hr_process_cost watched[HR_PROCESSES_WATCHED_MAX]; /* those of them that there are */
};

struct hr_processes_row;

struct hr_processes {
    const char *path;              /* "/proc", or what stands for it in a test; borrowed */
    size_t max;                    /* HR_PROCESSES_MAX, or less in a test */
    struct hr_processes_cost cost; /* of the last complete look */
    /* A look that is under way. */
    bool looking;
    struct hr_proc_dir dir; /* its fd is -1 without one */
    struct hr_processes_row *rows;
    size_t n;
    size_t cap;
    size_t at; /* of the rows, the next one whose descriptors are to be counted */
    bool sorted_out;
    pid_t root;
    size_t nwatch;
    pid_t watch[HR_PROCESSES_WATCHED_MAX];
};

void hr_processes_init(struct hr_processes *p, const char *path);
void hr_processes_free(struct hr_processes *p);

/* Begin a look at `root` and all below it, unless one is under way.  watch: those that are to be
 * told apart; the first HR_PROCESSES_WATCHED_MAX of them are.  0 or -errno, and then the cost is
 * not known any more. */
int hr_processes_begin(struct hr_processes *p, pid_t root, const pid_t *watch, size_t n);
/* Go on with it.  True once nothing is under way. */
bool hr_processes_step(struct hr_processes *p);

#endif
