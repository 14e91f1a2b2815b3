/* SPDX-License-Identifier: MIT
 * A check measured by a TCP connect to a port of the server's host: it is open, or not.  Nothing is
 * sent, and the connection is reset at once.  A process that has been stopped still has its port
 * open: the kernel accepts for it. */
#ifndef HR_SIDECAR_CHECKS_CONNECT_H
#define HR_SIDECAR_CHECKS_CONNECT_H

#include "measure.h"

#include <netinet/in.h>

struct hr_connect {
    struct hr_measure m;
    struct sockaddr_in6 six;
    struct sockaddr_in four;
    int family;
    int port;
    int fd; /* of the connection that is under way; -1: none */
    int64_t asked_us;
    ev_io io;
};

/* m's fields are set, but for the method.  0 or -EINVAL: the host is no numeric address. */
int hr_connect_init(struct hr_connect *c, const char *host, int port);

#endif
