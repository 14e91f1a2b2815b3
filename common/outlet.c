/* SPDX-License-Identifier: MIT
 * Writing without blocking.  See outlet.h. */
#include "outlet.h"

#include "fd.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void hr_outlet_init(struct hr_outlet *o, int fd)
{
    struct stat st = {0};
    bool terminal = isatty(fd) == 1;
    *o = (struct hr_outlet){.fd = fd, .way = HR_OUTLET_PLAIN};
    if (fstat(fd, &st) < 0)
        return; /* writing says the same */
    if (S_ISSOCK(st.st_mode)) {
        o->way = HR_OUTLET_SOCKET;
    } else if (S_ISFIFO(st.st_mode) || terminal) {
        int again = hr_open_again(fd);
        o->own = again >= 0;
        if (again >= 0)
            o->fd = again;
        else
            o->way = terminal ? HR_OUTLET_TERMINAL : HR_OUTLET_POLLED;
    }
}

void hr_outlet_close(struct hr_outlet *o)
{
    if (o->own)
        hr_close(&o->fd);
    o->own = false;
    o->fd = -1;
}

int hr_outlet_ask(const struct hr_outlet *o)
{
    struct pollfd p = {.fd = o->fd, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

ssize_t hr_outlet_write(const struct hr_outlet *o, const char *data, size_t n)
{
    ssize_t w = 0;
    if (o->way == HR_OUTLET_SOCKET) {
        w = send(o->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (o->way == HR_OUTLET_TERMINAL) {
        return hr_write_now(o->fd, data, n);
    } else if (o->way == HR_OUTLET_POLLED) {
        if (!(hr_outlet_ask(o) & (POLLOUT | POLLERR | POLLHUP | POLLNVAL)))
            return -EAGAIN;
        w = write(o->fd, data, n < PIPE_BUF ? n : PIPE_BUF); /* which POLLOUT promises */
    } else {
        w = write(o->fd, data, n);
    }
    return w < 0 ? -errno : w;
}
