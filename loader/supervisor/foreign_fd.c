/* SPDX-License-Identifier: MIT
 * Closing what others have handed to us.  See foreign_fd.h. */
#include "foreign_fd.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The end of a pipe: what an honest sender sends, and never waited for. */
static bool is_harmless(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* A child that holds a copy of everything, and lets go of it by its end: the last close of a
 * process that ends does not linger.  It waits until `ret_held` is closed, so that the last one is
 * its own. Without a pipe or a child, *ret_held is -1. */
static void leave_to_child(int *ret_held)
{
    char nothing;
    int ends[2];
    sigset_t none;
    *ret_held = -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL); /* a stop can end it */
        (void)close(ends[1]);
        while (read(ends[0], &nothing, 1) < 0 && errno == EINTR)
            ;
        _exit(EXIT_SUCCESS);
    }
    hr_close(&ends[0]);
    *ret_held = ends[1];
    if (child < 0)
        hr_close(ret_held);
}

void hr_close_foreign(int *fds, size_t n)
{
    static const struct linger at_once = {.l_onoff = 0};
    int held = -1;
    bool harmless = true;
    for (size_t i = 0; i < n; i++) {
        if (fds[i] < 0 || is_harmless(fds[i]))
            continue;
        harmless = false;
        /* Should there be no child, this is the next best. */
        (void)setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    if (!harmless)
        leave_to_child(&held);
    for (size_t i = 0; i < n; i++)
        hr_close(&fds[i]);
    hr_close(&held);
}

void hr_close_peer(int *fd)
{
    int waiting = 1;
    (void)shutdown(*fd, SHUT_RD); /* nothing more can come */
    if (ioctl(*fd, SIOCINQ, &waiting) < 0 || waiting)
        hr_close_foreign(fd, 1);
    hr_close(fd);
}
