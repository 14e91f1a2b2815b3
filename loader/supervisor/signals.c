/* SPDX-License-Identifier: MIT
 * Signals of PID 1.  See signals.h. */
#include "signals.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All 64 signals, as the kernel has them.  The C library's own calls leave out those that it keeps
 * for its threads (32 and 33, in some 34 too), which would end us: the server may be of another
 * library, or not be of one at all. */
enum { KERNEL_SET = 64 / 8 };

enum hr_signal_meaning hr_signal_meaning(int sig, bool plain)
{
    switch (sig) {
    case SIGCHLD: return HR_SIGNAL_CHILD;
    case SIGTERM:
    case SIGINT:
    case SIGQUIT: return HR_SIGNAL_SHUTDOWN;
    /* The server would just die of it. */
    case SIGHUP: return plain ? HR_SIGNAL_FORWARD : HR_SIGNAL_RELOAD;
    /* Ctrl-Z.  A server that was stopped by it would not answer its probes. */
    case SIGTSTP: return plain ? HR_SIGNAL_FORWARD : HR_SIGNAL_IGNORE;
    /* About our own use of a terminal, not about the server. */
    case SIGTTIN:
    case SIGTTOU: return HR_SIGNAL_IGNORE;
    default: return HR_SIGNAL_FORWARD;
    }
}

int hr_signal_rewrite(const unsigned char rewrite[65], int sig)
{
    return sig < 1 || sig > 64 || sig == SIGCHLD ? sig : rewrite[sig];
}

/* Take out of the set what a terminal or shell sends to those it wants to end and was told not to:
 * nohup, and "&" in a script, start programs with these signals ignored. */
static void leave_ignored(sigset_t *set)
{
    static const int kept[] = {SIGHUP, SIGINT, SIGQUIT};
    struct sigaction now;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (sigaction(kept[i], NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            (void)sigdelset(set, kept[i]);
}

int hr_signals_init(struct hr_signals *s)
{
    sigset_t all;
    struct sigaction usual = {.sa_handler = SIG_DFL};
    s->fd = -1;
    /* SIGSEGV and its like too: from somebody else they are messages as any other, and a fault of
     * our own is deadly all the same.  What the kernel sends for one it forces through the mask,
     * also in PID 1, and abort() lifts the mask itself. */
    memset(&all, 0xff, sizeof(all));
    leave_ignored(&all);
    (void)sigemptyset(&s->inherited_mask);
    if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &s->inherited_mask, KERNEL_SET) < 0)
        return -errno;
    /* An inherited "ignore" of SIGCHLD would make the kernel reap for us and lose every code. */
    if (sigaction(SIGCHLD, &usual, &s->inherited_child) < 0)
        return -errno;
    s->fd = (int)syscall(SYS_signalfd4, -1, &all, KERNEL_SET, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->fd < 0 ? -errno : 0;
}

void hr_signals_restore(const struct hr_signals *s)
{
    (void)sigaction(SIGCHLD, &s->inherited_child, NULL);
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &s->inherited_mask, NULL, KERNEL_SET);
}

/* Is it about a pipe or a file that we have written to ourselves? */
static bool is_our_own(const struct signalfd_siginfo *info)
{
    return (info->ssi_signo == SIGPIPE || info->ssi_signo == SIGXFSZ) &&
           info->ssi_pid == (uint32_t)getpid();
}

int hr_signals_next(const struct hr_signals *s)
{
    struct signalfd_siginfo info;
    while (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (!is_our_own(&info))
            return (int)info.ssi_signo;
    return 0;
}
