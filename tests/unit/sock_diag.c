/* SPDX-License-Identifier: MIT */
#include "common/sock_diag.h"

#include "check.h"
#include "common/fd.h"
#include "common/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    OURS = 4711,
    V4 = 150,
    V6 = 50,
    ALL = 1024,
    READ_AT_ONCE = 16 * 1024, /* bytes */
    TOO_LARGE = READ_AT_ONCE + 16,
};

/* ---- datagrams as the kernel makes them ---------------------------------------------------- */

static unsigned char answer[64 * 1024];
static size_t len;

static void put(uint16_t type, uint16_t flags, uint32_t sequence, const void *payload, size_t n)
{
    struct nlmsghdr h = {.nlmsg_len = (uint32_t)(sizeof(h) + n),
                         .nlmsg_type = type,
                         .nlmsg_flags = flags,
                         .nlmsg_seq = sequence};
    memcpy(answer + len, &h, sizeof(h));
    memcpy(answer + len + sizeof(h), payload, n);
    len += NLMSG_ALIGN(sizeof(h) + n);
}

static void put_errno(uint16_t type, int err)
{
    put(type, NLM_F_MULTI, OURS, &err, sizeof(err));
}

static struct inet_diag_msg listener(uint8_t family, const char *address, uint16_t port)
{
    struct inet_diag_msg m = {.idiag_family = family,
                              .idiag_state = TCP_LISTEN,
                              .idiag_uid = 10001,
                              .idiag_inode = UINT32_MAX};
    m.id.idiag_sport = htons(port);
    assert_int_equal(inet_pton(family, address, m.id.idiag_src), 1);
    return m;
}

/* With an attribute behind it, as there are some always. */
static void put_listener(uint8_t family, const char *address, uint16_t port)
{
    struct {
        struct inet_diag_msg m;
        unsigned char attribute[8];
    } both = {listener(family, address, port), {5, 0, 8, 0, 0}};
    put(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, OURS, &both, sizeof(both.m) + 5);
}

static int parse(struct hr_socket *out, size_t max, size_t *n)
{
    return hr_sock_diag_parse(answer, len, OURS, out, max, n);
}

static int parse_error(void)
{
    struct hr_socket s[4];
    size_t n = 1;
    int r = parse(s, 4, &n);
    assert_true(r >= 0 || n == 1);
    return r;
}

static int begin(void **state)
{
    (void)state;
    len = 0;
    return 0;
}

static void listeners_are_parsed(void **state)
{
    struct hr_socket s[4] = {{.port = 7}};
    size_t n = 1;
    (void)state;
    put_listener(AF_INET, "127.0.0.1", 60000);
    put_listener(AF_INET6, "fe80::1", 1);
    put(NLMSG_NOOP, 0, OURS, "", 0);
    assert_int_equal(parse(s, 4, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(s[0].port, 7);
    assert_string_equal(s[1].address, "127.0.0.1");
    assert_int_equal(s[1].port, 60000);
    assert_int_equal(s[1].uid, 10001);
    assert_true(s[1].inode == UINT32_MAX);
    assert_string_equal(s[2].address, "fe80::1");
    assert_int_equal(s[2].port, 1);
    put_errno(NLMSG_DONE, 0);
    put_listener(AF_INET, "0.0.0.0", 2); /* behind the end: nobody looks */
    n = 0;
    assert_int_equal(parse(s, 4, &n), 1);
    assert_int_equal(n, 2);
    s[1].port = 7;
    n = 0;
    assert_int_equal(parse(s, 1, &n), 1); /* no more than there is room for */
    assert_int_equal(n, 1);
    assert_int_equal(s[1].port, 7);
}

static void what_is_not_ours_is_passed_over(void **state)
{
    struct inet_diag_msg m = listener(AF_INET, "0.0.0.0", 1);
    struct hr_socket s[4];
    size_t n = 0;
    int gone = -ENOENT;
    (void)state;
    put(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP_INTR, OURS - 1, &m, sizeof(m));
    put(NLMSG_ERROR, 0, OURS + 1, &gone, sizeof(gone));
    put(NLMSG_DONE, 0, OURS - 1, &gone, sizeof(gone));
    m.idiag_state = TCP_ESTABLISHED;
    put(SOCK_DIAG_BY_FAMILY, 0, OURS, &m, sizeof(m));
    assert_int_equal(parse(s, 4, &n), 0);
    assert_int_equal(n, 0);
    len = 0;
    assert_int_equal(parse(s, 4, &n), 0);
}

static void errors_are_told(void **state)
{
    static const struct {
        uint16_t type;
        int says;
        int want;
    } cases[] = {
        {NLMSG_ERROR, -ENOENT, -ENOENT}, {NLMSG_ERROR, 0, -EPROTO},
        {NLMSG_ERROR, 1, -EPROTO},       {NLMSG_ERROR, INT32_MIN, -EPROTO},
        {NLMSG_DONE, -ENOENT, -ENOENT},  {NLMSG_DONE, 1, -EPROTO},
        {NLMSG_OVERRUN, 0, -EPROTO},     {99, 0, -EPROTO},
    };
    struct inet_diag_msg m = listener(AF_INET, "0.0.0.0", 1);
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = 0;
        put_listener(AF_INET, "0.0.0.0", 1);
        put_errno(cases[i].type, cases[i].says);
        assert_int_equal(parse_error(), cases[i].want);
    }
    len = 0;
    put(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP_INTR, OURS, &m, sizeof(m));
    assert_int_equal(parse_error(), -EINTR);
    len = 0;
    put(NLMSG_ERROR, 0, OURS, "abc", 3);
    assert_int_equal(parse_error(), -EPROTO);
    len = 0;
    put(NLMSG_DONE, 0, OURS, "", 0);
    assert_int_equal(parse_error(), -EPROTO);
    len = 0;
    m.idiag_family = AF_UNIX;
    put(SOCK_DIAG_BY_FAMILY, 0, OURS, &m, sizeof(m));
    assert_int_equal(parse_error(), -EPROTO);
    len = 0;
    put(SOCK_DIAG_BY_FAMILY, 0, OURS, &m, sizeof(m) - 1);
    assert_int_equal(parse_error(), -EPROTO);
}

/* However much is missing, and whatever length a message says it has. */
static void broken_datagrams_are_refused(void **state)
{
    static const uint32_t lengths[] = {0, 1, 15, 1000, INT32_MAX, UINT32_MAX - 2, UINT32_MAX};
    struct hr_socket s[4];
    (void)state;
    put_listener(AF_INET, "127.0.0.1", 1);
    size_t one = len;
    put_listener(AF_INET6, "::1", 2);
    size_t whole = len;
    for (len = 1; len < whole; len++) {
        size_t n = 0;
        unsigned char *exact = malloc(len); /* one byte too far is seen */
        assert_non_null(exact);
        memcpy(exact, answer, len);
        bool fits = (len <= one && len + 3 >= one) || len + 3 >= whole; /* but for the padding */
        assert_int_equal(hr_sock_diag_parse(exact, len, OURS, s, 4, &n), fits ? 0 : -EPROTO);
        assert_int_equal(n, !fits ? 0 : len <= one ? 1 : 2);
        free(exact);
    }
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memcpy(answer + one, &lengths[i], sizeof(lengths[i]));
        assert_int_equal(parse_error(), -EPROTO);
    }
    len = 0;
    put(NLMSG_NOOP, 0, OURS, "", 0);
    answer[0] = 15; /* of the 16 bytes of its header */
    assert_int_equal(parse_error(), -EPROTO);
}

/* ---- the kernel ---------------------------------------------------------------------------- */

/* Faults of the calls below us.  A read that is not to be the kernel's gives what is in `answer`,
 * under the number of the request. */
static int refuse_socket; /* errno; 0: none */
static bool false_read;
static unsigned reads;
static uint32_t asked;

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
ssize_t __real_send(int fd, const void *data, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t n, int flags);
ssize_t __real_recv(int fd, void *data, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t n, int flags);

int __wrap_socket(int family, int type, int protocol)
{
    if (family != AF_NETLINK || !refuse_socket)
        return __real_socket(family, type, protocol);
    errno = refuse_socket;
    return -1;
}

ssize_t __wrap_send(int fd, const void *data, size_t n, int flags)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 what;
    } request;
    assert_int_equal(n, sizeof(request));
    memcpy(&request, data, n);
    asked = request.head.nlmsg_seq;
    assert_int_equal(request.what.idiag_states, 1U << TCP_LISTEN); /* or it walks over all */
    return __real_send(fd, data, n, flags);
}

ssize_t __wrap_recv(int fd, void *data, size_t n, int flags)
{
    reads++;
    if (!false_read)
        return __real_recv(fd, data, n, flags);
    if (len >= sizeof(struct nlmsghdr))
        memcpy(answer + offsetof(struct nlmsghdr, nlmsg_seq), &asked, sizeof(asked));
    size_t given = len < n ? len : n;
    memcpy(data, answer, given);
    return (ssize_t)(flags & MSG_TRUNC ? len : given);
}

static int by_inode(const void *a, const void *b)
{
    const struct hr_socket *x = a;
    const struct hr_socket *y = b;
    return (x->inode > y->inode) - (x->inode < y->inode);
}

static int fds[V4 + V6];
static uint64_t inodes[V4 + V6];
static int nfds;

static void listen_on(int family)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr *address =
        family == AF_INET ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
    socklen_t n = family == AF_INET ? sizeof(v4) : sizeof(v6);
    struct stat st;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (family == AF_INET6) {
        v6.sin6_addr = nfds % 2 ? in6addr_any : in6addr_loopback;
        if (fd < 0)
            return; /* no IPv6 here */
    }
    assert_true(fd >= 0);
    if (bind(fd, address, n) < 0 || listen(fd, 1) < 0) {
        assert_int_equal(family, AF_INET6);
        (void)close(fd);
        return;
    }
    assert_int_equal(fstat(fd, &st), 0);
    inodes[nfds] = st.st_ino;
    fds[nfds++] = fd;
}

static int listen_on_many(void **state)
{
    (void)state;
    len = 0;
    nfds = 0;
    for (int i = 0; i < V4; i++)
        listen_on(AF_INET);
    for (int i = 0; i < V6; i++)
        listen_on(AF_INET6);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    refuse_socket = 0;
    false_read = false;
    while (nfds > 0)
        (void)close(fds[--nfds]);
    return 0;
}

/* Of a look, our own, sorted: others come and go.  How many. */
static int look(struct hr_sockets *s, struct hr_socket *out)
{
    int kept = 0;
    int n = hr_sockets_listening(s, out, ALL);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < nfds; k++)
            if (out[i].inode == inodes[k])
                out[kept++] = out[i];
    qsort(out, (size_t)kept, sizeof(*out), by_inode);
    return kept;
}

static struct hr_socket by_proc[ALL];
static struct hr_socket asked_for[ALL];

/* Both ways must find all of ours, and tell the same of them. */
static void compare(struct hr_sockets *s)
{
    struct hr_sockets proc = {.fd = -1};
    assert_int_equal(look(&proc, by_proc), nfds);
    assert_int_equal(proc.fd, -1); /* it has not asked */
    assert_int_equal(look(s, asked_for), nfds);
    for (int i = 0; i < nfds; i++) {
        assert_string_equal(asked_for[i].address, by_proc[i].address);
        assert_int_equal(asked_for[i].port, by_proc[i].port);
        assert_int_equal(asked_for[i].uid, by_proc[i].uid);
        assert_true(asked_for[i].inode == by_proc[i].inode);
    }
}

/* False where the kernel does not answer, which a test of it can only say. */
static bool can_ask(struct hr_sockets *s)
{
    int err = hr_sockets_open(s);
    if (err)
        print_message("left out: NETLINK_SOCK_DIAG: %s\n", strerror(-err));
    return !err;
}

static void both_ways_find_the_same(void **state)
{
    struct hr_sockets s;
    (void)state;
    if (!can_ask(&s))
        return;
    int fd = s.fd;
    reads = 0;
    compare(&s);
    assert_true(reads > 2);     /* it was asked, and gave more than one datagram */
    assert_int_equal(s.fd, fd); /* and was read to its end */
    compare(&s);
    for (int i = 0; i < nfds; i += 2) {
        (void)close(fds[i]);
        inodes[i] = 0;
    }
    int left = nfds / 2;
    assert_int_equal(look(&s, asked_for), left); /* none that is no more */
    hr_sockets_close(&s);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void a_short_look_does_not_spoil_the_next(void **state)
{
    struct hr_sockets s;
    struct hr_socket few[8];
    (void)state;
    if (!can_ask(&s))
        return;
    for (int max = 1; max < 8; max++) {
        reads = 0;
        assert_int_equal(hr_sockets_listening(&s, few, (size_t)max), max);
        assert_int_equal(reads, 1); /* no further than it must */
        assert_true(s.fd >= 0);
    }
    assert_int_equal(hr_sockets_listening(&s, NULL, 0), 0);
    compare(&s);
    hr_sockets_close(&s);
}

static void without_it_proc_is_read(void **state)
{
    struct hr_sockets s;
    (void)state;
    refuse_socket = EPERM;
    assert_int_equal(hr_sockets_open(&s), -EPERM);
    assert_int_equal(s.fd, -1);
    compare(&s);
    refuse_socket = 0;
    reads = 0;
    compare(&s);
    assert_int_equal(reads, 0); /* who did not answer at the start is not asked again */
    /* no module: the answer is an end with an error in it */
    false_read = true;
    put_errno(NLMSG_DONE, -ENOENT);
    assert_int_equal(hr_sockets_open(&s), -ENOENT);
    assert_int_equal(s.fd, -1);
}

/* Whatever goes wrong in a look: /proc is read, and the next look asks again. */
static void a_fault_costs_one_look(void **state)
{
    static const size_t lengths[] = {3, TOO_LARGE, 0};
    static const unsigned char nothing[READ_AT_ONCE];
    struct hr_sockets s;
    (void)state;
    if (!can_ask(&s))
        return;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        false_read = true;
        len = 0;
        put(NLMSG_DONE, 0, 0, nothing, READ_AT_ONCE - sizeof(struct nlmsghdr));
        len = lengths[i]; /* cut, too large though what is read looks whole, empty for ever */
        reads = 0;
        compare(&s);
        assert_true(reads <= 2 * 64);
        false_read = false;
        reads = 0;
        compare(&s);
        assert_true(reads > 2);
    }
    (void)close(s.fd);
    s.fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* not even a socket */
    compare(&s);
    compare(&s);
    /* no descriptor is to be had for a new socket: it is tried again the next time */
    false_read = true;
    len = 0;
    refuse_socket = EMFILE;
    compare(&s);
    assert_int_equal(s.fd, -1);
    false_read = false;
    compare(&s);
    refuse_socket = 0;
    reads = 0;
    compare(&s);
    assert_true(s.fd >= 0 && reads > 2);
    hr_sockets_close(&s);
}

/* Another netlink socket, of somebody privileged, cannot put anything into ours. */
static void only_the_kernel_is_heard(void **state)
{
    struct sockaddr_nl ours;
    socklen_t n = sizeof(ours);
    struct hr_sockets s;
    (void)state;
    if (!can_ask(&s))
        return;
    assert_int_equal(getsockname(s.fd, (struct sockaddr *)&ours, &n), 0);
    int other = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    put_errno(NLMSG_DONE, 0);
    assert_int_equal(sendto(other, answer, len, 0, (struct sockaddr *)&ours, n), -1);
    assert_true(errno == ECONNREFUSED || errno == EPERM);
    assert_int_equal(__real_recv(s.fd, answer, sizeof(answer), MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    hr_close(&other);
    hr_sockets_close(&s);
}

/* A network of our own, where nobody else comes and goes while we compare. */
static void be_alone(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    if (unshare(CLONE_NEWNET) < 0)
        return; /* not root: others may spoil it, which is rare */
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)ioctl(fd, SIOCSIFFLAGS, &lo);
    (void)close(fd);
}

int main(void)
{
    be_alone();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(listeners_are_parsed, begin),
        cmocka_unit_test_setup(what_is_not_ours_is_passed_over, begin),
        cmocka_unit_test_setup(errors_are_told, begin),
        cmocka_unit_test_setup(broken_datagrams_are_refused, begin),
        cmocka_unit_test_setup_teardown(both_ways_find_the_same, listen_on_many, tear_down),
        cmocka_unit_test_setup_teardown(a_short_look_does_not_spoil_the_next, listen_on_many,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_it_proc_is_read, listen_on_many, tear_down),
        cmocka_unit_test_setup_teardown(a_fault_costs_one_look, listen_on_many, tear_down),
        cmocka_unit_test_setup(only_the_kernel_is_heard, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
