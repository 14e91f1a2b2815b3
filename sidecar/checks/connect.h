/* SPDX-License-Identifier: MIT
 * A check measured by a TCP connect: a port of the pod is open, or not.  Nothing is sent, and the
 * connection is reset at once.  A process that has been stopped still has its port open: the kernel
 * accepts for it.
 *
 * Whoever holds the port is not the server, and may listen where that does not: VSCode on 0.0.0.0
 * beside a server on ::1, a worker's application on 127.0.0.1 beside a server on the pod's own
 * address.  So the server's address is tried first, then both loopback addresses, and the first
 * that is open will do; all of these are answered, or refused, by our own kernel. */
#ifndef HR_SIDECAR_CHECKS_CONNECT_H
#define HR_SIDECAR_CHECKS_CONNECT_H

#include "measure.h"

#include <netinet/in.h>

enum { HR_CONNECT_ADDRESSES = 3 };

struct hr_connect {
    struct hr_measure m;
    struct {
        int family;
        struct sockaddr_in6 six;
        struct sockaddr_in four;
    } to[HR_CONNECT_ADDRESSES];
    int naddresses;
    int at;  /* of them, the one that is tried now */
    int err; /* what was wrong with those before it; 0: nothing, or they are not to be had */
    int port;
    int fd; /* of the connection that is under way; -1: none */
    int64_t asked_us;
    ev_io io;
};

/* m's fields are set, but for the method.  0 or -EINVAL: the host is no numeric address. */
int hr_connect_init(struct hr_connect *c, const char *host, int port);

#endif
