/* SPDX-License-Identifier: MIT
 * Messages from anybody: whatever comes along is in our hands, and nothing is lost in silence. */
#include "common/packet.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void send_fds(int socket, const char *text, size_t n)
{
    char *control = calloc(1, CMSG_SPACE(HR_PACKET_FDS * sizeof(int)));
    struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    assert_non_null(control);
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    for (size_t i = 0; i < n; i++)
        ((int *)(void *)CMSG_DATA(c))[i] = STDERR_FILENO;
    assert_int_equal(sendmsg(socket, &msg, 0), (ssize_t)strlen(text));
    free(control);
}

/* The lowest number that is free: all below it are in use. */
static int lowest_free(void)
{
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    (void)close(fd);
    return fd;
}

static void as_many_descriptors_as_there_can_be(void **state)
{
    static const int kinds[] = {SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};
    static const int on = 1;
    char text[64];
    struct hr_packet p;
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        int pair[2];
        int before = lowest_free();
        assert_int_equal(socketpair(AF_UNIX, kinds[k] | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
        send_fds(pair[1], "many", HR_PACKET_FDS);
        assert_int_equal(hr_packet_read(pair[0], text, sizeof(text), &p), 0);
        assert_string_equal(text, "many");
        assert_int_equal(p.len, 4);
        assert_int_equal(p.from, getpid());
        assert_int_equal(p.nfds, HR_PACKET_FDS);
        for (size_t i = 0; i < p.nfds; i++) {
            assert_true(fcntl(p.fds[i], F_GETFD) & FD_CLOEXEC);
            hr_close(&p.fds[i]);
        }
        hr_close(&pair[0]);
        hr_close(&pair[1]);
        assert_int_equal(lowest_free(), before);
    }
}

static void one_that_is_too_long(void **state)
{
    char text[8];
    struct hr_packet p;
    int pair[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
    send_fds(pair[1], "0123456789", 2);
    assert_int_equal(write(pair[1], "next", 4), 4);
    assert_int_equal(hr_packet_read(pair[0], text, sizeof(text), &p), -EMSGSIZE);
    assert_int_equal(p.nfds, 2); /* they are ours all the same */
    hr_close(&p.fds[0]);
    hr_close(&p.fds[1]);
    assert_int_equal(hr_packet_read(pair[0], text, sizeof(text), &p), 0);
    assert_string_equal(text, "next");
    assert_int_equal(hr_packet_read(pair[0], text, sizeof(text), &p), -EAGAIN);
    assert_int_equal(p.nfds, 0);
    hr_close(&pair[0]);
    hr_close(&pair[1]);
}

static void the_end(void **state)
{
    char text[8];
    struct hr_packet p;
    int pair[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    hr_close(&pair[1]);
    assert_int_equal(hr_packet_read(pair[0], text, sizeof(text), &p), -EPIPE);
    hr_close(&pair[0]);
    assert_int_equal(hr_packet_read(-1, text, sizeof(text), &p), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_descriptors_as_there_can_be),
        cmocka_unit_test(one_that_is_too_long),
        cmocka_unit_test(the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
