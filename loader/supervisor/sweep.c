/* SPDX-License-Identifier: MIT
 * The processes that are left.  See sweep.h. */
#include "sweep.h"

#include "common/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct process {
    pid_t pid;
    pid_t parent;
    bool ours;
};

/* One pass's view.  Static: some 50 kB that PID 1 touches only when it stops. */
static struct process table[HR_SWEEP_MAX];

/* Read a small file of /proc into out, NUL-terminated.  0 or -errno. */
static int read_proc(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, out, size - 1);
    int err = n < 0 ? -errno : 0;
    hr_close(&fd);
    out[n > 0 ? n : 0] = '\0';
    return err;
}

void hr_process_name(pid_t pid, char out[32])
{
    if (read_proc(pid, "comm", out, 32) || !out[0])
        (void)snprintf(out, 32, "?");
    out[strcspn(out, "\n")] = '\0';
}

/* Parent of a live process; -1 if it is gone or a zombie. */
static pid_t parent_of(pid_t pid)
{
    char stat[512];
    char *end = NULL;
    if (read_proc(pid, "stat", stat, sizeof(stat)))
        return -1;
    /* "pid (comm) state ppid ...": comm may hold anything, so search from its end. */
    const char *after = strrchr(stat, ')');
    if (!after || strlen(after) < 4 || after[2] == 'Z' || after[2] == 'X')
        return -1;
    long parent = strtol(after + 4, &end, 10);
    return end == after + 4 ? -1 : (pid_t)parent;
}

/* All processes that can be seen, into table; how many, or -errno without /proc. */
static int scan(void)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry = NULL;
    int n = 0;
    if (!dir)
        return -errno;
    while (n < HR_SWEEP_MAX && (entry = readdir(dir))) {
        int64_t pid = 0;
        if (hr_parse_int(entry->d_name, 1, INT32_MAX, &pid))
            continue;
        pid_t parent = parent_of((pid_t)pid);
        if (parent >= 0)
            table[n++] = (struct process){.pid = (pid_t)pid, .parent = parent};
    }
    (void)closedir(dir);
    return n ? n : -ENOENT; /* an empty /proc is no /proc */
}

/* Mark what is to end: everybody, as PID 1; else our descendants, by repeated passes. */
static void mark(int n, pid_t keep)
{
    pid_t self = getpid();
    bool all = self == 1;
    bool again = true;
    while (again) {
        again = false;
        for (int i = 0; i < n; i++) {
            struct process *p = &table[i];
            if (p->ours || p->pid == self || p->pid == keep)
                continue;
            bool ours = all || p->parent == self;
            for (int j = 0; j < n && !ours; j++)
                ours = table[j].ours && table[j].pid == p->parent;
            p->ours = ours;
            again = again || ours;
        }
    }
}

static bool was_asked(const struct hr_sweep *s, pid_t pid)
{
    for (size_t i = 0; i < s->nasked; i++)
        if (s->asked[i] == pid)
            return true;
    return false;
}

int hr_sweep_terminate(struct hr_sweep *s, pid_t *ret_pid)
{
    int left = 0;
    int n = scan();
    *ret_pid = 0;
    if (n < 0) {
        if (getpid() != 1)
            return 0; /* nothing can be known, and others live here too */
        if (s->nasked++ == 0) {
            (void)kill(-1, SIGTERM);
            (void)kill(-1, SIGCONT);
        }
        return -1;
    }
    mark(n, s->keep);
    for (int i = 0; i < n; i++) {
        if (!table[i].ours)
            continue;
        left++;
        *ret_pid = table[i].pid;
        if (was_asked(s, table[i].pid))
            continue;
        (void)kill(table[i].pid, SIGTERM); /* EPERM: root inside a sudo; it gets the KILL too */
        (void)kill(table[i].pid, SIGCONT);
        if (s->nasked < HR_SWEEP_MAX)
            s->asked[s->nasked++] = table[i].pid;
    }
    return left;
}

void hr_sweep_kill(const struct hr_sweep *s)
{
    if (getpid() == 1) {
        (void)kill(-1, SIGKILL);
        return;
    }
    int n = scan();
    mark(n > 0 ? n : 0, s->keep);
    for (int i = 0; i < n; i++)
        if (table[i].ours)
            (void)kill(table[i].pid, SIGKILL);
}
