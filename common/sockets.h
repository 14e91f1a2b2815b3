/* SPDX-License-Identifier: MIT
 * The TCP sockets that somebody listens on, in our network namespace: who still holds the server's
 * ports after its death?  For crash reports, for the clean-up before the next start, and for the
 * sidecar, which wants to know whether it is the server that answers.  Which process it is cannot
 * be told without looking into every /proc/PID/fd, so the owner's uid and the inode must do.
 *
 * The kernel is asked through NETLINK_SOCK_DIAG (sock_diag.h), or /proc/net/tcp and tcp6 are read
 * where it does not answer.
 */
#ifndef HR_COMMON_SOCKETS_H
#define HR_COMMON_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_SOCKET_ADDRESS = 46,        /* bytes of an address as text, with the NUL */
    HR_SOCKETS_FAMILIES = 2,       /* AF_INET, AF_INET6 */
    HR_SOCKETS_BYTES = 128 * 1024, /* read of each of the two files; some 700 sockets */
};

struct hr_socket {
    char address[HR_SOCKET_ADDRESS]; /* "127.0.0.1", "::" */
    uint16_t port;
    uint32_t uid; /* of who made it */
    uint64_t inode;
};

/* What is needed to ask. */
struct hr_sockets {
    int fd; /* -1: to be opened anew, if it answers */
    bool answers[HR_SOCKETS_FAMILIES];
};

/* Once, at start.  0, or -errno if the kernel cannot be asked: /proc/net will be read instead, and
 * *ret can be used all the same. */
int hr_sockets_open(struct hr_sockets *ret);
void hr_sockets_close(struct hr_sockets *s);

/* One line of /proc/net/tcp, or of tcp6 if v6.  1: a listening socket, in *ret.  0: another state,
 * *ret untouched.  -EPROTO: no such line (the headline is none). */
int hr_sockets_parse(const char *line, size_t n, bool v6, struct hr_socket *ret);

/* Those that listen: the first `max` of them go to `out`.  How many were given, or -ENOENT when
 * neither the kernel answers nor /proc is there.  Does not wait. */
int hr_sockets_listening(struct hr_sockets *s, struct hr_socket *out, size_t max);

#endif
