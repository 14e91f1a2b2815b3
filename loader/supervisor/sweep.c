/* SPDX-License-Identifier: MIT
 * The processes that are left.  See sweep.h. */
#include "sweep.h"

#include "common/log.h"
#include "proc.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Who is to end.  Static: PID 1 touches it only when it stops. */
static pid_t ours[HR_SWEEP_MAX];
static bool stuck[HR_SWEEP_MAX]; /* of each: killed, and not to be had */

/* One look at /proc: add to `ours`, which holds n, whom it lacks.  The new number.  Zombies count:
 * one is reaped at once, or its parent is ours too, or it is a process whose first thread alone has
 * ended. */
static size_t look(struct hr_proc_dir *proc, size_t n, pid_t keep)
{
    pid_t self = getpid();
    pid_t pid = 0;
    while (n < HR_SWEEP_MAX && (pid = hr_proc_next(proc)) > 0) {
        struct hr_proc_entry e;
        if (pid == self || pid == keep || hr_proc_among(ours, n, pid) || hr_proc_read(pid, &e))
            continue;
        if (keep && e.ppid == keep)
            continue;
        if (self != 1 && e.ppid != self && !hr_proc_among(ours, n, e.ppid))
            continue;
        stuck[n] = e.state == 'D' && e.killed;
        ours[n++] = pid;
    }
    return n;
}

/* Fill `ours`: everybody, as PID 1; else our descendants, in as many looks as it takes for their
 * number to grow no more (children have higher pids than their parents, nearly always, so two).
 * How many, or -errno without /proc. */
static int find_ours(pid_t keep)
{
    struct hr_proc_dir proc;
    size_t n = 0;
    size_t before = 0;
    int err = hr_proc_open(&proc);
    if (err)
        return err;
    do {
        before = n;
        hr_proc_rewind(&proc);
        n = look(&proc, n, keep);
    } while (n != before && getpid() != 1);
    hr_proc_close(&proc);
    return (int)n;
}

static void tell_stuck(struct hr_sweep *s, pid_t pid)
{
    char name[HR_PROC_COMM];
    if (pid == s->stuck)
        return;
    s->stuck = pid;
    hr_proc_name(pid, name);
    hr_warn("pid %d (%s) was killed and is stuck in the kernel, on a disk or a network file system "
            "that does not answer: not waiting for it",
            (int)pid, name);
}

int hr_sweep_terminate(struct hr_sweep *s, pid_t keep, pid_t *ret_pid)
{
    int n = find_ours(keep);
    int left = 0;
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
    for (int i = 0; i < n; i++) {
        if (stuck[i]) {
            tell_stuck(s, ours[i]);
            continue;
        }
        left++;
        if (!*ret_pid)
            *ret_pid = ours[i];
        if (hr_proc_among(s->asked, s->nasked, ours[i]))
            continue;
        (void)kill(ours[i], SIGTERM); /* EPERM: root inside a sudo; it gets the KILL too */
        (void)kill(ours[i], SIGCONT);
    }
    s->nasked = (size_t)n; /* those who are gone drop out: their numbers may be used again */
    memcpy(s->asked, ours, s->nasked * sizeof(ours[0]));
    return left;
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
