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

static void go_on(struct hr_connect *c);

static void tell(struct hr_connect *c, int err)
{
    double seconds = (double)(hr_now_us() - c->asked_us) / 1e6;
    if (!err)
        hr_measure_value(&c->m, HR_FOUND_GOOD, seconds, "port %d is open", c->port);
    else
        hr_measure_say(&c->m, err == -ECONNREFUSED ? HR_FOUND_DOWN : HR_FOUND_BAD, "port %d: %s",
                       c->port, strerror(-err));
}

/* A family that this kernel, or this pod, does not have says nothing about the port. */
static bool is_no_address(int err)
{
    return err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL || err == -ENETUNREACH;
}

/* This address is open, or it is the next one's turn. */
static void settle(struct hr_connect *c, int err)
{
    drop(c);
    if (!err) {
        tell(c, 0);
        return;
    }
    if (!is_no_address(err) && (!c->err || c->err == -ECONNREFUSED))
        c->err = err;
    c->at++;
    if (c->at < c->naddresses)
        go_on(c);
    else
        tell(c, c->err ? c->err : err);
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
    settle(c, -err);
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
        bool is_six = c->to[c->at].family == AF_INET6;
        const struct sockaddr *at = is_six ? (const void *)&six : (const void *)&four;
        err = bind(fd, at, is_six ? sizeof(six) : sizeof(four)) ? -errno : 0;
    }
    return err;
}

static int begin(struct hr_connect *c)
{
    static const struct linger none = {.l_onoff = 1, .l_linger = 0};
    c->fd = socket(c->to[c->at].family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return -errno;
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    int err = bind_source(c, c->fd);
    if (err)
        return err;
    bool is_six = c->to[c->at].family == AF_INET6;
    const struct sockaddr *to =
        is_six ? (const void *)&c->to[c->at].six : (const void *)&c->to[c->at].four;
    return connect(c->fd, to, is_six ? sizeof(c->to[0].six) : sizeof(c->to[0].four)) ? -errno : 0;
}

static void go_on(struct hr_connect *c)
{
    int err = begin(c);
    if (err != -EINPROGRESS) {
        settle(c, err);
        return;
    }
    ev_io_set(&c->io, c->fd, EV_WRITE);
    ev_io_start(c->m.loop, &c->io);
}

static void start(struct hr_measure *m)
{
    struct hr_connect *c = connect_of(m);
    c->asked_us = hr_now_us();
    c->at = c->err = 0;
    go_on(c);
}

static void cancel(struct hr_measure *m)
{
    drop(connect_of(m));
}

/* 0 or -EINVAL.  One that is there already is not added again. */
static int add_address(struct hr_connect *c, const char *host)
{
    int n = c->naddresses;
    c->to[n].six =
        (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)c->port)};
    c->to[n].four =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
    c->to[n].family = inet_pton(AF_INET, host, &c->to[n].four.sin_addr) == 1    ? AF_INET
                      : inet_pton(AF_INET6, host, &c->to[n].six.sin6_addr) == 1 ? AF_INET6
                                                                                : 0;
    if (!c->to[n].family)
        return -EINVAL;
    for (int i = 0; i < n; i++)
        if (memcmp(&c->to[i], &c->to[n], sizeof(c->to[i])) == 0)
            return 0;
    c->naddresses++;
    return 0;
}

int hr_connect_init(struct hr_connect *c, const char *host, int port)
{
    static const struct hr_method method = {.start = start, .cancel = cancel};
    static const char *const loopback[] = {"127.0.0.1", "::1"};
    c->fd = -1;
    c->port = port;
    c->naddresses = 0;
    memset(c->to, 0, sizeof(c->to));
    int err = add_address(c, host);
    for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]) && !err; i++)
        err = add_address(c, loopback[i]);
    if (err)
        return err;
    ev_io_init(&c->io, on_io, -1, EV_WRITE);
    c->io.data = c;
    c->m.method = &method;
    hr_measure_init(&c->m);
    return 0;
}
