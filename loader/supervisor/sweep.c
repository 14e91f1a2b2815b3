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

/* Who is to end.  Static: PID 1 touches it only when it stops. */
static pid_t ours[HR_SWEEP_MAX];

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

/* Parent of a process; -1 if it is gone. */
static pid_t parent_of(pid_t pid)
{
    char stat[512];
    char *end = NULL;
    if (read_proc(pid, "stat", stat, sizeof(stat)))
        return -1;
    /* "pid (comm) state ppid ...": comm may hold anything, so search from its end. */
    const char *after = strrchr(stat, ')');
    if (!after || strlen(after) < 4)
        return -1;
    long parent = strtol(after + 4, &end, 10);
    return end == after + 4 ? -1 : (pid_t)parent;
}

static bool among(const pid_t *pids, size_t n, pid_t pid)
{
    for (size_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* One look at /proc: add to `ours`, which holds n, whom it lacks.  The new number; *ret_seen: how
 * many processes there were at all.  Zombies count: one is reaped at once, or its parent is ours
 * too, or it is a process whose first thread alone has ended. */
static size_t look(DIR *proc, size_t n, pid_t keep, size_t *ret_seen)
{
    pid_t self = getpid();
    const struct dirent *entry = NULL;
    *ret_seen = 0;
    while (n < HR_SWEEP_MAX && (entry = readdir(proc))) {
        int64_t number = 0;
        if (hr_parse_int(entry->d_name, 1, INT32_MAX, &number))
            continue;
        (*ret_seen)++;
        pid_t pid = (pid_t)number;
        if (pid == self || pid == keep || among(ours, n, pid))
            continue;
        pid_t parent = parent_of(pid);
        if (parent >= 0 && (self == 1 || parent == self || among(ours, n, parent)))
            ours[n++] = pid;
    }
    return n;
}

/* Fill `ours`: everybody, as PID 1; else our descendants, in as many looks as it takes for their
 * number to grow no more (children have higher pids than their parents, nearly always, so two).
 * How many, or -errno without /proc. */
static int find_ours(pid_t keep)
{
    DIR *proc = opendir("/proc");
    size_t n = 0;
    size_t before = 0;
    size_t seen = 0;
    if (!proc)
        return -errno;
    do {
        before = n;
        rewinddir(proc);
        n = look(proc, n, keep, &seen);
    } while (n != before && getpid() != 1);
    (void)closedir(proc);
    return n || seen ? (int)n : -ENOENT; /* an empty /proc is no /proc */
}

int hr_sweep_terminate(struct hr_sweep *s, pid_t keep, pid_t *ret_pid)
{
    int n = find_ours(keep);
    *ret_pid = n > 0 ? ours[0] : 0;
    if (n < 0) {
        if (getpid() != 1)
            return 0; /* nothing can be known, and others live here too */
        if (s->nasked++ == 0) {
            (void)kill(-1, SIGTERM);
            (void)kill(-1, SIGCONT);
        }
        return -1;
    }
    for (int i = 0; i < n; i++) {
        if (among(s->asked, s->nasked, ours[i]))
            continue;
        (void)kill(ours[i], SIGTERM); /* EPERM: root inside a sudo; it gets the KILL too */
        (void)kill(ours[i], SIGCONT);
    }
    s->nasked = (size_t)n; /* those who are gone drop out: their numbers may be used again */
    memcpy(s->asked, ours, s->nasked * sizeof(ours[0]));
    return n;
}

void hr_sweep_kill(void)
{
    if (getpid() == 1) {
        (void)kill(-1, SIGKILL);
        return;
    }
    int n = find_ours(0);
    for (int i = 0; i < n; i++)
        (void)kill(ours[i], SIGKILL);
}
