/* SPDX-License-Identifier: MIT
 * NETLINK_SOCK_DIAG.  See sock_diag.h; the format is that of sock_diag(7) and netlink(7). */
#include "sock_diag.h"

#include "fd.h"
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ANSWER_BYTES = 16 * 1024, /* of a datagram; without a larger buffer it has 8 KiB at most */
    READS_MAX = 64,           /* datagrams of one answer: some 8000 sockets */
    ERRNO_MAX = 4095,         /* the kernel's */
};

struct request {
    struct nlmsghdr head;
    struct inet_diag_req_v2 what;
};

/* Sockets found so far. */
struct list {
    struct hr_socket *out;
    size_t max;
    size_t n;
};

int hr_sock_diag_open(int *ret_fd)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -errno;
    /* Once connected, it refuses what others send. */
    if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
        int err = -errno;
        hr_close(&fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

static int take_socket(const unsigned char *payload, size_t bytes, struct list *list)
{
    struct inet_diag_msg m;
    struct hr_socket s = {0};
    if (bytes < sizeof(m))
        return -EPROTO;
    memcpy(&m, payload, sizeof(m));
    if (m.idiag_family != AF_INET && m.idiag_family != AF_INET6)
        return -EPROTO;
    if (m.idiag_state != TCP_LISTEN || list->n == list->max)
        return 0;
    if (!inet_ntop(m.idiag_family, m.id.idiag_src, s.address, sizeof(s.address)))
        return -EPROTO;
    s.port = ntohs(m.id.idiag_sport);
    s.uid = m.idiag_uid;
    s.inode = m.idiag_inode;
    list->out[list->n++] = s;
    return 0;
}

/* The number in an error or at an end, where 0 stands for none.  0, or what it says went wrong. */
static int take_errno(const unsigned char *payload, size_t bytes)
{
    int err = 0;
    if (bytes < sizeof(err))
        return -EPROTO;
    memcpy(&err, payload, sizeof(err));
    return err <= 0 && err >= -ERRNO_MAX ? err : -EPROTO;
}

/* As hr_sock_diag_parse(). */
static int take_message(const struct nlmsghdr *h, const unsigned char *payload, struct list *list)
{
    size_t bytes = h->nlmsg_len - sizeof(*h);
    int err = 0;
    if (h->nlmsg_flags & NLM_F_DUMP_INTR)
        return -EINTR;
    switch (h->nlmsg_type) {
    case SOCK_DIAG_BY_FAMILY: return take_socket(payload, bytes, list);
    case NLMSG_NOOP: return 0;
    case NLMSG_DONE: /* also of an answer that failed: without tcp_diag it is -ENOENT */
        err = take_errno(payload, bytes);
        return err ? err : 1;
    case NLMSG_ERROR:
        err = take_errno(payload, bytes);
        return err ? err : -EPROTO; /* nobody has asked for a confirmation */
    default: return -EPROTO;
    }
}

int hr_sock_diag_parse(const void *answer, size_t bytes, uint32_t sequence, struct hr_socket *out,
                       size_t max, size_t *n)
{
    const unsigned char *at = answer;
    struct list list = {out, max, *n};
    int r = 0;
    while (bytes && !r) {
        struct nlmsghdr h;
        if (bytes < sizeof(h))
            return -EPROTO;
        memcpy(&h, at, sizeof(h));
        if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > bytes)
            return -EPROTO;
        if (h.nlmsg_seq == sequence)
            r = take_message(&h, at + sizeof(h), &list);
        size_t step = ((size_t)h.nlmsg_len + NLMSG_ALIGNTO - 1) / NLMSG_ALIGNTO * NLMSG_ALIGNTO;
        step = step < bytes ? step : bytes; /* the last one may lack its padding */
        at += step;
        bytes -= step;
    }
    if (r >= 0)
        *n = list.n;
    return r;
}

static int ask(int fd, int family, uint32_t sequence)
{
    struct request r = {
        .head = {.nlmsg_len = sizeof(r),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                 .nlmsg_seq = sequence},
        .what = {.sdiag_family = (uint8_t)family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = 1U << TCP_LISTEN},
    };
    ssize_t sent = send(fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent == sizeof(r) ? 0 : -EPROTO;
}

int hr_sock_diag_listening(int fd, int family, struct hr_socket *out, size_t max, size_t *n)
{
    static unsigned char answer[ANSWER_BYTES]; /* one look at a time */
    static uint32_t sequence;
    size_t found = *n;
    int err = ask(fd, family, ++sequence);
    for (int i = 0; i < READS_MAX && !err; i++) {
        ssize_t got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0)
            return -errno;
        if ((size_t)got > sizeof(answer))
            return -EMSGSIZE;
        err = hr_sock_diag_parse(answer, (size_t)got, sequence, out, max, &found);
        if (err == 1 || (!err && found == max)) {
            *n = found;
            return err;
        }
    }
    return err ? err : -E2BIG;
}
