/* SPDX-License-Identifier: MIT
 * What /proc tells of other processes, for the sweep of a stop and for crash reports.
 *
 * Of a process only `stat` is read: cmdline, environ and maps can wait for the memory lock of a
 * process that is stuck, and with them PID 1 would be.  Nothing is allocated; opendir() would.
 */
#ifndef HR_SUPERVISOR_PROC_H
#define HR_SUPERVISOR_PROC_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    HR_PROC_COMM = 16,       /* bytes of a command name, with the NUL, as the kernel has it */
    HR_PROC_LOOK_MAX = 2048, /* processes looked at by hr_proc_children(); 10 to 40 us each */
};

struct hr_proc_entry {
    pid_t pid;
    pid_t ppid;
    char state; /* 'R', 'S', 'D', 'Z', ... */
    char comm[HR_PROC_COMM];
};

/* The text of /proc/PID/stat.  0, or -EPROTO with *ret untouched. */
int hr_proc_parse_stat(const char *text, size_t n, struct hr_proc_entry *ret);

/* 0, -ENOENT for a process that is gone, -EPROTO or -errno. */
int hr_proc_read(pid_t pid, struct hr_proc_entry *ret);

/* Has a signal stopped it, or a debugger?  Such a process does not hang, and cannot end either. */
bool hr_proc_is_stopped(pid_t pid);

/* Command name of a process, "?" if it cannot be read. */
void hr_proc_name(pid_t pid, char out[HR_PROC_COMM]);

bool hr_proc_among(const pid_t *pids, size_t n, pid_t pid);

/* Every process, in ascending order. */
struct hr_proc_dir {
    int fd;
    size_t at;
    size_t len;
    alignas(8) char buf[2048];
};

/* 0, -ENOENT without a /proc that is of our own pid namespace, or -errno. */
int hr_proc_open(struct hr_proc_dir *d);
/* The next pid, 0 at the end. */
pid_t hr_proc_next(struct hr_proc_dir *d);
void hr_proc_rewind(struct hr_proc_dir *d);
void hr_proc_close(struct hr_proc_dir *d);

/* The descendants of `parent`, but for those in `skip` and below them: the first `max` of them go
 * to `out`.  How many there are, among the first HR_PROC_LOOK_MAX processes, which may be more than
 * max; or -errno as of hr_proc_open(). */
int hr_proc_children(pid_t parent, const pid_t *skip, size_t nskip, struct hr_proc_entry *out,
                     size_t max);

#endif
