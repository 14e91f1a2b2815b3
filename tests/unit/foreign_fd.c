/* SPDX-License-Identifier: MIT
 * Closing what others have handed to us: the last close of a socket that lingers. */
#include "loader/supervisor/foreign_fd.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINGER_S = 20 };

static const struct linger wait_long = {.l_onoff = 1, .l_linger = LINGER_S};
static const int *sent; /* four that somebody has sent, and has a copy of; NULL: nobody */

/* For foreign_fd.c: the C library's, but the parent can be late, while the sender lets them linger
 * again. */
pid_t fork(void)
{
    static const struct timespec late = {.tv_nsec = 200000000};
    pid_t pid = _Fork();
    if (pid <= 0 || !sent)
        return pid;
    for (int i = 0; i < 4; i++)
        (void)setsockopt(sent[i], SOL_SOCKET, SO_LINGER, &wait_long, sizeof(wait_long));
    (void)nanosleep(&late, NULL);
    return pid;
}

/* A connection with bytes that its peer does not take, and whose last close would wait for that.
 * The peer's end is *ret_peer. */
static int lingering(int *ret_peer)
{
    static char bytes[65536];
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    *ret_peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(*ret_peer >= 0);
    hr_close(&listener);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &wait_long, sizeof(wait_long)), 0);
    while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        ;
    return fd;
}

static void reap_all(void)
{
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

static void close_lingering(bool by_a_sender)
{
    int peer[3];
    int fds[4] = {lingering(&peer[0]), -1, lingering(&peer[1]), lingering(&peer[2])};
    int64_t began = hr_now_ms();
    sent = by_a_sender ? fds : NULL;
    hr_close_foreign(fds, 4);
    reap_all(); /* the child neither */
    sent = NULL;
    assert_true(hr_now_ms() - began < LINGER_S * 1000 / 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(fds[i], -1);
    for (int i = 0; i < 3; i++)
        hr_close(&peer[i]);
}

static void nobody_lingers(void **state)
{
    (void)state;
    close_lingering(false);
}

/* The child is not to be gone before us, or the last close is ours. */
static void nor_if_the_child_is_first(void **state)
{
    (void)state;
    close_lingering(true);
}

static void a_pipe_costs_no_child(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    hr_close_foreign(fds, 2);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    hr_close_foreign(fds, 2);
    hr_close_foreign(fds, 0);
}

/* What nobody has read yet can hold such a socket as well. */
static void a_peer_that_has_left_one_in_the_queue(void **state)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = "x", .iov_len = 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    int pair[2];
    int peer = -1;
    int fd = lingering(&peer);
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    assert_int_equal(sendmsg(pair[1], &msg, 0), 1);
    hr_close_foreign(&fd, 1); /* ours; the one in the queue is the last */
    int64_t began = hr_now_ms();
    hr_close_peer(&pair[0]);
    reap_all();
    assert_true(hr_now_ms() - began < LINGER_S * 1000 / 4);
    assert_int_equal(pair[0], -1);
    hr_close(&pair[1]);
    hr_close(&peer);
}

static void a_peer_that_has_left_nothing(void **state)
{
    int pair[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    hr_close_peer(&pair[0]);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(send(pair[1], "x", 1, MSG_NOSIGNAL), -1);
    hr_close(&pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_lingers),
        cmocka_unit_test(nor_if_the_child_is_first),
        cmocka_unit_test(a_pipe_costs_no_child),
        cmocka_unit_test(a_peer_that_has_left_one_in_the_queue),
        cmocka_unit_test(a_peer_that_has_left_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
