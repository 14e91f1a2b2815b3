/* SPDX-License-Identifier: MIT
 * Receiving from a unix socket.  See packet.h. */
#include "packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static void take_fds(const struct cmsghdr *c, struct hr_packet *p)
{
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (n > HR_PACKET_FDS - p->nfds)
        n = HR_PACKET_FDS - p->nfds; /* it cannot be more */
    memcpy(p->fds + p->nfds, CMSG_DATA(c), n * sizeof(int));
    p->nfds += n;
}

int hr_packet_read(int socket, char *text, size_t size, struct hr_packet *ret)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(HR_PACKET_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec into = {.iov_base = text, .iov_len = size - 1};
    struct msghdr msg = {.msg_name = &ret->sender,
                         .msg_namelen = sizeof(ret->sender),
                         .msg_iov = &into,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct ucred from = {.pid = 0};
    ret->len = ret->nfds = 0;
    ret->sender_len = 0;
    ssize_t n = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            take_fds(c, ret);
        else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
            memcpy(&from, CMSG_DATA(c), sizeof(from));
    }
    text[n] = '\0';
    ret->len = (size_t)n;
    ret->from = from.pid;
    ret->sender_len = msg.msg_namelen;
    return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : n == 0 ? -EPIPE : 0;
}
