/* SPDX-License-Identifier: MIT
 * What the container's cgroup tells of memory, processor time and the number of processes.
 *
 * PID 1 looks when a service starts and when it has died (was it the kernel's OOM killer?), the
 * sidecar for its metrics and for the check of memory.  The folders are found once, at the start,
 * and kept open; both cgroup versions and the mixture of them.  Reading is a few small files that
 * the kernel answers from counters: nothing in it waits or allocates.  What this kernel or
 * container does not have is -1.
 */
#ifndef HR_COMMON_CGROUP_H
#define HR_COMMON_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* Folders, each -1 if there is none. */
struct hr_cgroup {
    int memory;  /* with the files memory.* */
    int pids;    /* with the files pids.* */
    int cpu;     /* with the files cpu.* */
    int cpuacct; /* with the files cpuacct.*: version 1 alone */
    int unified; /* with the files *.pressure: version 2, which may be there beside version 1 */
    bool v1;     /* of memory: its files have the names of version 1 */
    bool cpu_v1; /* likewise */
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

/* Processor time since the cgroup was made.  -1 where it is not known. */
struct hr_cgroup_cpu {
    int64_t used_us;
    int64_t limit_millicores; /* -1 also for no limit */
    int64_t periods;          /* of the limit that have passed */
    int64_t throttled;        /* those in which it was reached */
    int64_t throttled_us;     /* that was waited for it */
};

/* Pressure stall information: how long tasks have waited for a resource. */
struct hr_pressure_line {
    int64_t avg10_centi; /* of the last 10 s, in hundredths of a percent; -1: not known */
    int64_t total_us;    /* -1: not known */
};
struct hr_pressure {
    struct hr_pressure_line some; /* at least one task waited */
    struct hr_pressure_line full; /* all of them did */
};

/* Find our own cgroup.  root: "" or, in tests, the folder that stands for /.  0, or -ENOENT if
 * there is none to be seen: *ret is then empty and can be used all the same. */
int hr_cgroup_open(struct hr_cgroup *ret, const char *root);
void hr_cgroup_close(struct hr_cgroup *cg);
/* One without any folder. */
void hr_cgroup_none(struct hr_cgroup *ret);

/* All values -1. */
void hr_cgroup_sample_clear(struct hr_cgroup_sample *s);

/* 0, or -ENOENT if there was nothing to read; *ret is filled as far as it is known either way. */
int hr_cgroup_read(const struct hr_cgroup *cg, struct hr_cgroup_sample *ret);

/* Does a process that is killed for memory take all others along?  Not in version 1. */
bool hr_cgroup_dies_as_one(const struct hr_cgroup *cg);

/* What is in use without the cache of files that nobody has touched for long, which is what the
 * kubelet calls working set and evicts by.  memory: of the sample.  Bytes or -1. */
int64_t hr_cgroup_working_set(const struct hr_cgroup *cg, int64_t memory);

/* 0, or -ENOENT if the time used is not known; *ret is filled as far as it is known either way. */
int hr_cgroup_read_cpu(const struct hr_cgroup *cg, struct hr_cgroup_cpu *ret);

/* file: "memory.pressure", "cpu.pressure" or "io.pressure".  0 or -ENOENT, as above.  Of our cgroup
 * alone: what /proc/pressure says is of the whole node. */
int hr_cgroup_read_pressure(const struct hr_cgroup *cg, const char *file, struct hr_pressure *ret);

#endif
