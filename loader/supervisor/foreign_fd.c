/* SPDX-License-Identifier: MIT
 * Closing what others have handed to us.  See foreign_fd.h. */
#include "foreign_fd.h"

#include "common/fd.h"

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

/* A child that holds a copy of everything, and lets go of it by its end. */
static void leave_to_child(void)
{
    sigset_t none;
    if (fork() != 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); /* a stop can end it */
    _exit(EXIT_SUCCESS);
}

void hr_close_foreign(int *fds, size_t n)
{
    static const struct linger at_once = {.l_onoff = 0};
    bool left = false;
    for (size_t i = 0; i < n; i++) {
        if (fds[i] < 0 || left || is_harmless(fds[i]))
            continue;
        /* Should there be no child, this is the next best. */
        (void)setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        leave_to_child();
        left = true; /* it has them all */
    }
    for (size_t i = 0; i < n; i++)
        hr_close(&fds[i]);
}

void hr_close_peer(int *fd)
{
    int waiting = 1;
    (void)shutdown(*fd, SHUT_RD); /* nothing more can come */
    if (ioctl(*fd, SIOCINQ, &waiting) < 0 || waiting)
        hr_close_foreign(fd, 1);
    hr_close(fd);
}
