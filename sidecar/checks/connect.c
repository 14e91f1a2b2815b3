/* SPDX-License-Identifier: MIT
 * TCP connects.  See connect.h. */
#include "connect.h"

#include "common/clock.h"
#include "common/fd.h"
#include "sidecar/http/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { BIND_TRIES = 32 };

static struct hr_connect *connect_of(struct hr_measure *m)
{
    return (struct hr_connect *)(void *)m; /* its first member */
}

static void drop(struct hr_connect *c)
{
    ev_io_stop(c->m.loop, &c->io);
    hr_close(&c->fd);
}

static void tell(struct hr_connect *c, int err)
{
    double seconds = (double)(hr_now_us() - c->asked_us) / 1e6;
    drop(c);
    if (!err)
        hr_measure_value(&c->m, HR_FOUND_GOOD, seconds, "port %d is open", c->port);
    else
        hr_measure_say(&c->m, err == -ECONNREFUSED ? HR_FOUND_DOWN : HR_FOUND_BAD, "port %d: %s",
                       c->port, strerror(-err));
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
    struct hr_connect *c = w->data;
    int err = 0;
    socklen_t len = sizeof(err);
    (void)loop;
    (void)events;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        err = errno;
    tell(c, -err);
}

/* A source port of ours, of those that http/client.h explains; a different one each time, because
 * one that has just been used with this port may still be known to the other side. */
static int bind_source(const struct hr_connect *c, int fd)
{
    static unsigned turn;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    int first = hr_source_port_first(c->port);
    int err = -EADDRINUSE;
    for (int i = 0; i < BIND_TRIES && err == -EADDRINUSE; i++) {
        uint16_t port = htons((uint16_t)((unsigned)first + turn++ % HR_SOURCE_PORTS));
        six.sin6_port = four.sin_port = port;
        bool is_six = c->family == AF_INET6;
        const struct sockaddr *at = is_six ? (const void *)&six : (const void *)&four;
        err = bind(fd, at, is_six ? sizeof(six) : sizeof(four)) ? -errno : 0;
    }
    return err;
}

static int begin(struct hr_connect *c)
{
    static const struct linger none = {.l_onoff = 1, .l_linger = 0};
    c->fd = socket(c->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return -errno;
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    int err = bind_source(c, c->fd);
    if (err)
        return err;
    bool is_six = c->family == AF_INET6;
    const struct sockaddr *to = is_six ? (const void *)&c->six : (const void *)&c->four;
    return connect(c->fd, to, is_six ? sizeof(c->six) : sizeof(c->four)) ? -errno : 0;
}

static void start(struct hr_measure *m)
{
    struct hr_connect *c = connect_of(m);
    c->asked_us = hr_now_us();
    int err = begin(c);
    if (err != -EINPROGRESS) {
        tell(c, err);
        return;
    }
    ev_io_set(&c->io, c->fd, EV_WRITE);
    ev_io_start(m->loop, &c->io);
}

static void cancel(struct hr_measure *m)
{
    drop(connect_of(m));
}

int hr_connect_init(struct hr_connect *c, const char *host, int port)
{
    static const struct hr_method method = {.start = start, .cancel = cancel};
    c->fd = -1;
    c->port = port;
    c->six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    c->four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &c->four.sin_addr) == 1)
        c->family = AF_INET;
    else if (inet_pton(AF_INET6, host, &c->six.sin6_addr) == 1)
        c->family = AF_INET6;
    else
        return -EINVAL;
    ev_io_init(&c->io, on_io, -1, EV_WRITE);
    c->io.data = c;
    c->m.method = &method;
    hr_measure_init(&c->m);
    return 0;
}
