/* SPDX-License-Identifier: MIT
 * The TCP sockets that somebody listens on, in our network namespace, for crash reports: who still
 * holds the server's ports after its death?  From /proc/net/tcp and tcp6; which process it is
 * cannot be told without looking into every /proc/PID/fd, so the owner's uid and the inode must do.
 */
#ifndef HR_SUPERVISOR_SOCKETS_H
#define HR_SUPERVISOR_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_SOCKET_ADDRESS = 46,        /* bytes of an address as text, with the NUL */
    HR_SOCKETS_BYTES = 128 * 1024, /* read of each of the two files; some 700 sockets */
};

struct hr_socket {
    char address[HR_SOCKET_ADDRESS]; /* "127.0.0.1", "::" */
    uint16_t port;
    uint32_t uid; /* of who made it */
    uint64_t inode;
};

/* One line of /proc/net/tcp, or of tcp6 if v6.  1: a listening socket, in *ret.  0: another state,
 * *ret untouched.  -EPROTO: no such line (the headline is none). */
int hr_sockets_parse(const char *line, size_t n, bool v6, struct hr_socket *ret);

/* Those that listen: the first `max` of them go to `out`.  How many were given, or -ENOENT without
 * /proc. */
int hr_sockets_listening(struct hr_socket *out, size_t max);

#endif
