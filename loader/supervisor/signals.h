/* SPDX-License-Identifier: MIT
 * Signals of PID 1: all that can be caught are blocked and read from a descriptor; what each one
 * means is a table.  A fault of our own ends us all the same; SIGPIPE, being blocked, does not.
 * Children get back what we were started with. */
#ifndef HR_SUPERVISOR_SIGNALS_H
#define HR_SUPERVISOR_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

enum hr_signal_meaning {
    HR_SIGNAL_IGNORE,   /* ours alone, nothing to do */
    HR_SIGNAL_FORWARD,  /* the server's */
    HR_SIGNAL_SHUTDOWN, /* begin or hasten the stop */
    HR_SIGNAL_RELOAD,   /* read the tool registry anew */
    HR_SIGNAL_CHILD,    /* something to reap */
};

/* How a signal is treated; plain: in the mode without a sidecar. */
enum hr_signal_meaning hr_signal_meaning(int sig, bool plain);

/* What the server gets in a signal's stead: `rewrite` is a table of the configuration, in which an
 * unchanged signal is itself.  0: nothing, it is dropped and means nothing to us either.
 *
 * To be asked before the signal is acted upon.  A signal that stops us still does when it is
 * rewritten: the meaning is that of the signal which came, and only what is sent to the server
 * changes.  SIGCHLD is ours and is never rewritten. */
int hr_signal_rewrite(const unsigned char rewrite[65], int sig);

struct hr_signals {
    int fd; /* signalfd, non-blocking */
    sigset_t inherited_mask;
    struct sigaction inherited_child; /* disposition of SIGCHLD */
};

/* First thing in main.  0 or -errno. */
int hr_signals_init(struct hr_signals *s);

/* In a child, before exec: the mask and dispositions we were started with. */
void hr_signals_restore(const struct hr_signals *s);

/* The next signal that has come, or 0.  Never blocks.  Those that our own writing to a pipe nobody
 * reads, or beyond a limit, has brought are left out. */
int hr_signals_next(const struct hr_signals *s);

#endif
