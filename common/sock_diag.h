/* SPDX-License-Identifier: MIT
 * The kernel's own list of the TCP sockets that somebody listens on, through NETLINK_SOCK_DIAG, as
 * ss(8) has it.  Only those are walked over, which takes some 0.1 ms; /proc/net/tcp costs a walk
 * over the whole table of connections.  Not every kernel, seccomp profile or sandbox has it: the
 * callers, sockets.c alone, can do without.
 */
#ifndef HR_COMMON_SOCK_DIAG_H
#define HR_COMMON_SOCK_DIAG_H

#include <stddef.h>
#include <stdint.h>

struct hr_socket;

/* A socket to ask with, which does not block and hears nobody but the kernel.  0 or -errno. */
int hr_sock_diag_open(int *ret_fd);

/* Those of AF_INET or AF_INET6 are appended to `out`, which holds *n of `max`.  1: all of them.
 * 0: `out` is full and the answer may not have been read to its end.  -errno: *n is untouched, but
 * not what is behind it in `out`.  Unless it is 1, the socket may have more of this answer to give
 * and must not be asked again. */
int hr_sock_diag_listening(int fd, int family, struct hr_socket *out, size_t max, size_t *n);

/* One datagram of the answer to request number `sequence`; what belongs to another is passed over.
 * Appends as above; what there is no room for is left out.  1: that was the end.  0: there is more
 * to come.  -errno: the kernel's; -EPROTO for what it does not write; -EINTR if the list changed so
 * much while it was made that something may be missing. */
int hr_sock_diag_parse(const void *answer, size_t bytes, uint32_t sequence, struct hr_socket *out,
                       size_t max, size_t *n);

#endif
