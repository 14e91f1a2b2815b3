/* SPDX-License-Identifier: MIT
 * Output of a command.  See cli_capture.h. */
#include "cli_capture.h"

#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
