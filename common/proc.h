/* SPDX-License-Identifier: MIT
 * What /proc tells of processes, for PID 1 (the sweep of a stop, crash reports) and for the
 * sidecar's metrics.
 *
 * Of a process only `stat` is read: cmdline, environ and maps can wait for the memory lock of a
 * process that is stuck, and the reader would be stuck with it.  Nothing is allocated; opendir()
 * would.
 */
#ifndef HR_COMMON_PROC_H
#define HR_COMMON_PROC_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    HR_PROC_COMM = 16, /* bytes of a command name, with the NUL, as the kernel has it */
};

/* The numbers are -1 where the kernel does not tell them. */
struct hr_proc_entry {
    pid_t pid;
    pid_t ppid;
    pid_t group; /* 0: outside of our pid namespace; -1: not told */
    char state;  /* 'R', 'S', 'D', 'Z', ... */
    bool killed; /* a SIGKILL waits for it: with state 'D' it is stuck in the kernel */
    char comm[HR_PROC_COMM];
    int64_t cpu_ticks; /* user and system, without its children; sysconf(_SC_CLK_TCK) a second */
    int64_t threads;
    int64_t start_ticks; /* when it was started; since boot */
    int64_t rss_pages;
};

/* The text of /proc/PID/stat.  0, or -EPROTO with *ret untouched. */
int hr_proc_parse_stat(const char *text, size_t n, struct hr_proc_entry *ret);

/* 0, -ENOENT for a process that is gone, -EPROTO or -errno. */
int hr_proc_read(pid_t pid, struct hr_proc_entry *ret);

/* Every process, in ascending order. */
struct hr_proc_dir {
    int fd;
    size_t at;
    size_t len;
    alignas(8) char buf[2048];
};

/* 0, -ENOENT without a /proc that is of our own pid namespace, or -errno. */
int hr_proc_open(struct hr_proc_dir *d);
/* The same of the folder that stands for /proc in a test. */
int hr_proc_open_at(struct hr_proc_dir *d, const char *path);
/* The next pid, 0 at the end. */
pid_t hr_proc_next(struct hr_proc_dir *d);
/* As hr_proc_read(), in this folder. */
int hr_proc_dir_read(const struct hr_proc_dir *d, pid_t pid, struct hr_proc_entry *ret);
/* How many descriptors the process has open, or, where they must be counted one by one (before
 * Linux 6.2), max at most.  -errno: -EACCES if it is not ours to look at. */
int64_t hr_proc_dir_fds(const struct hr_proc_dir *d, pid_t pid, int64_t max);
void hr_proc_rewind(struct hr_proc_dir *d);
void hr_proc_close(struct hr_proc_dir *d);

#endif
