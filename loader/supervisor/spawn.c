/* SPDX-License-Identifier: MIT
 * Starting a process.  See spawn.h. */
#include "spawn.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Put the descriptors where they belong.  A source may lie on the number of another one's target,
 * so all of them are first moved out of the way.  `keep` is moved too.  0 or errno. */
static int place_fds(const struct hr_spawn *spawn, int *keep)
{
    int high[HR_SPAWN_FDS];
    bool any = spawn->only_these;
    for (int i = 0; i < HR_SPAWN_FDS; i++)
        any = any || spawn->fds[i] >= 0;
    if (!any)
        return 0;
    int moved = fcntl(*keep, F_DUPFD_CLOEXEC, HR_SPAWN_FDS);
    if (moved < 0)
        return errno; /* and *keep still tells it */
    *keep = moved;
    for (int i = 0; i < HR_SPAWN_FDS; i++) {
        high[i] = spawn->fds[i];
        if (high[i] >= 0 && (high[i] = fcntl(high[i], F_DUPFD_CLOEXEC, HR_SPAWN_FDS)) < 0)
            return errno;
    }
    for (int i = 0; i < HR_SPAWN_FDS; i++) {
        if (high[i] >= 0 && dup2(high[i], i) < 0)
            return errno;
        if (high[i] < 0 && i > 2 && spawn->only_these)
            (void)close(i);
    }
    if (!spawn->only_these)
        return 0;
    /* Mark, not close: the report pipe is among them and must live until exec.  Kernels before
     * 5.11 cannot; there, our own descriptors close by their own flags. */
    (void)syscall(SYS_close_range, HR_SPAWN_FDS, ~0U, CLOSE_RANGE_CLOEXEC);
    return 0;
}

/* A new process group.  As tini does it: the child takes the terminal itself, so the program never
 * runs in the background; SIGTTOU is blocked, or this would stop us. */
static void own_group(const struct hr_spawn *spawn, pid_t parent)
{
    if (setpgid(0, 0) == 0 && spawn->foreground &&
        tcgetpgrp(STDIN_FILENO) == getpgid(parent)) /* not from the background */
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
}

/* sd_listen_fds(3): the sockets are for the process whose pid stands there.  That was to be us, and
 * is now the program we become. */
static void rewrite_listen_pid(char *const *env, pid_t parent)
{
    static char mine[32];
    char ours[32];
    (void)snprintf(ours, sizeof(ours), "LISTEN_PID=%d", (int)parent);
    for (char **e = (char **)(uintptr_t)env; *e; e++) {
        if (strcmp(*e, ours) != 0)
            continue;
        (void)snprintf(mine, sizeof(mine), "LISTEN_PID=%d", (int)getpid());
        *e = mine;
    }
}

_Noreturn static void child(const struct hr_spawn *spawn, int report, pid_t parent)
{
    int err = 0;
    if (!spawn->our_group)
        own_group(spawn, parent);
    if (spawn->die_with_us) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EXIT_FAILURE); /* it was gone before we asked */
    }
    if (!spawn->only_these)
        rewrite_listen_pid(spawn->env, parent);
    err = place_fds(spawn, &report);
    if (!err && spawn->cwd && chdir(spawn->cwd) < 0)
        err = errno;
    if (!err) {
        hr_signals_restore(spawn->signals);
        (void)execvpe(spawn->argv[0], spawn->argv, spawn->env);
        err = errno;
    }
    (void)hr_write_all(report, &err, sizeof(err));
    _exit(err == ENOENT || err == ENOTDIR ? 127 : 126); /* as a shell does */
}

pid_t hr_spawn(const struct hr_spawn *spawn, int *ret_report)
{
    int pipe_fds[2] = {-1, -1};
    pid_t parent = getpid();
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    (void)fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK); /* cannot fail on a fresh pipe */
    pid_t pid = fork();
    if (pid == 0)
        child(spawn, pipe_fds[1], parent);
    int err = errno;
    hr_close(&pipe_fds[1]);
    if (pid < 0) {
        hr_close(&pipe_fds[0]);
        return -err;
    }
    *ret_report = pipe_fds[0];
    return pid;
}

int hr_spawn_report(int report)
{
    int err = 0;
    ssize_t n = read(report, &err, sizeof(err));
    if (n < 0)
        return -EAGAIN;
    return n == (ssize_t)sizeof(err) && err > 0 ? err : 0;
}
