/* SPDX-License-Identifier: MIT
 * Commands run in this process.  See cli_fixture.h. */
#include "cli_fixture.h"

#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t servers[4];
static int nservers;

static void take(int fd, char *to, size_t size)
{
    ssize_t n = pread(fd, to, size - 1, 0);
    to[n > 0 ? n : 0] = '\0';
    (void)close(fd);
}

const struct captured *capture(int (*command)(char **argv), char **argv)
{
    static struct captured c;
    (void)fflush(stdout);
    int out = memfd_create("out", MFD_CLOEXEC);
    int err = memfd_create("err", MFD_CLOEXEC);
    int old_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    int old_err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
    c.code = command(argv);
    (void)fflush(stdout);
    assert_true(dup2(old_out, STDOUT_FILENO) >= 0 && dup2(old_err, STDERR_FILENO) >= 0);
    (void)close(old_out);
    (void)close(old_err);
    take(out, c.out, sizeof(c.out));
    take(err, c.err, sizeof(c.err));
    return &c;
}

pid_t serve(void (*run)(int ready))
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(ready[0]);
        run(ready[1]);
        _exit(0);
    }
    (void)close(ready[1]);
    (void)!read(ready[0], &byte, 1);
    (void)close(ready[0]);
    servers[nservers++] = pid;
    return pid;
}

int end_servers(void **state)
{
    (void)state;
    while (nservers) {
        (void)kill(servers[--nservers], SIGKILL);
        (void)waitpid(servers[nservers], NULL, 0);
    }
    (void)unsetenv("HANDRAIL_CONTROL");
    return 0;
}

void serve_really(int ready)
{
    fx.loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    if (!hr_control_start(&fx.control, fx.loop, &fixture_ops, &fx))
        _exit(1);
    (void)close(ready);
    (void)ev_run(fx.loop, 0);
}

int fresh(void **state)
{
    (void)state;
    memset(&fx, 0, sizeof(fx));
    return 0;
}
