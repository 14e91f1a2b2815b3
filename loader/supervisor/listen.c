/* SPDX-License-Identifier: MIT
 * Listening sockets.  See listen.h. */
#include "listen.h"

#include "common/fd.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum {
    TCP_BACKLOG = 4096, /* a flood must find room while its server waits for a processor; the kernel
                         * may know a smaller limit (net.core.somaxconn) */
    CALLS_BACKLOG = 16, /* one sidecar connects; a few for its restarts */
    NAME_RANDOM = 12,   /* random bytes in an abstract name */
};

int hr_listen_tcp(struct hr_address *address, int *ret_fd)
{
    static const int on = 1;
    static const int off = 0;
    int err = 0;
    int fd = socket(address->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    socklen_t len = sizeof(address->sa);
    /* "[::]" also takes IPv4; a restart of the container must not wait for old connections. */
    if (address->sa.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&address->sa, address->len) < 0 ||
        listen(fd, TCP_BACKLOG) < 0 || getsockname(fd, (struct sockaddr *)&address->sa, &len) < 0) {
        err = -errno;
        hr_close(&fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int hr_listen_abstract(char name[HR_ABSTRACT_NAME_MAX], int *ret_fd)
{
    char random[2 * NAME_RANDOM + 1];
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int err = hr_random_hex(random, NAME_RANDOM);
    if (err)
        return err;
    (void)snprintf(name, HR_ABSTRACT_NAME_MAX, "handrail/%s", random);
    size_t n = strlen(name);
    memcpy(sa.sun_path + 1, name, n); /* sun_path[0] stays NUL: abstract */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
    if (bind(fd, (const struct sockaddr *)&sa, len) < 0 || listen(fd, CALLS_BACKLOG) < 0) {
        err = -errno;
        hr_close(&fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}
