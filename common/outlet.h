/* SPDX-License-Identifier: MIT
 * A descriptor that we were given to write to, such as standard output: writing never blocks,
 * whatever reads there or has stopped reading, and does not change the open file for those who
 * share it, but for one case: a terminal that we may not open ourselves is made non-blocking around
 * each write.
 *
 * SIGPIPE must be ignored or blocked. */
#ifndef HR_COMMON_OUTLET_H
#define HR_COMMON_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How to write without blocking. */
enum hr_outlet_way {
    HR_OUTLET_PLAIN, /* files and the like, for which there is no waiting; what we have opened */
    HR_OUTLET_SOCKET,
    HR_OUTLET_POLLED, /* a pipe that cannot be opened again is asked with poll() before each write
                       */
    HR_OUTLET_TERMINAL,
};

struct hr_outlet {
    int fd;   /* to write to and to poll; -1: closed */
    bool own; /* opened by us, for us alone */
    enum hr_outlet_way way;
};

/* fd stays the caller's.  Cannot fail: what is wrong with it, writing says as well. */
void hr_outlet_init(struct hr_outlet *o, int fd);
void hr_outlet_close(struct hr_outlet *o);

/* What poll() says now of writing: POLLOUT, POLLERR ...; 0: nothing. */
int hr_outlet_ask(const struct hr_outlet *o);

/* One write: the bytes written, -EAGAIN if there is no room now, or -errno. */
ssize_t hr_outlet_write(const struct hr_outlet *o, const char *data, size_t n);

#endif
