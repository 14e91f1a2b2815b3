/* SPDX-License-Identifier: MIT
 * Receiving from a unix socket whose other end may be anybody's.
 *
 * Descriptors can come along with every message, wanted or not.  Those that there is no room for
 * are closed by the kernel, in the receiver, and the last close of a TCP socket with SO_LINGER, or
 * of a file on a file system that hangs, can take for ever.  So there is room for all of them here,
 * and the caller decides how each is closed (loader/supervisor/foreign_fd.h). */
#ifndef HR_COMMON_PACKET_H
#define HR_COMMON_PACKET_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum { HR_PACKET_FDS = 253 }; /* descriptors of one message: the kernel's SCM_MAX_FD */

struct hr_packet {
    size_t len;                /* bytes of text, without the NUL that follows them */
    pid_t from;                /* 0: not told (the socket has no SO_PASSCRED) */
    struct sockaddr_un sender; /* of a datagram: the socket that it comes from, ... */
    socklen_t sender_len;      /* ... and how much of it there is; 0: that has no name */
    size_t nfds;               /* close-on-exec, the caller's whatever is returned */
    int fds[HR_PACKET_FDS];
};

/* Receive without waiting, NUL-terminated.  0, -EAGAIN when there is nothing, -EPIPE at the end,
 * -EMSGSIZE for a message of which a part was lost (it is gone), or -errno. */
int hr_packet_read(int socket, char *text, size_t size, struct hr_packet *ret);

#endif
