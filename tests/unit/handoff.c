/* SPDX-License-Identifier: MIT
 * The packets between the supervisor and its programs. */
#include "common/handoff.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void make(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void packets_keep_their_boundaries(void **state)
{
    char text[64];
    int pair[2];
    int fd = -1;
    (void)state;
    make(pair);
    assert_int_equal(hr_packet_receive(pair[1], text, sizeof(text), &fd), -EAGAIN);
    assert_int_equal(hr_order_send(pair[0], "INIT 1", -1), 0);
    assert_int_equal(write(pair[0], "READY=1\n", 8), 8);
    assert_int_equal(hr_packet_receive(pair[1], text, sizeof(text), &fd), 0);
    assert_string_equal(text, "INIT 1");
    assert_int_equal(hr_packet_receive(pair[1], text, sizeof(text), &fd), 0);
    assert_string_equal(text, "READY=1");
    assert_int_equal(fd, -1);
    hr_close(&pair[0]);
    assert_int_equal(hr_packet_receive(pair[1], text, sizeof(text), &fd), -EPIPE);
    assert_int_equal(hr_order_send(pair[1], "x", -1), -EPIPE); /* and no signal */
    hr_close(&pair[1]);
}

static void a_descriptor_comes_along(void **state)
{
    char text[64];
    char byte = 0;
    int pair[2];
    int fds[2];
    int fd = -1;
    (void)state;
    make(pair);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(hr_order_send(pair[0], "INIT 2", fds[0]), 0);
    hr_close(&fds[0]);
    hr_close(&fds[1]);
    assert_int_equal(hr_packet_receive(pair[1], text, sizeof(text), &fd), 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(read(fd, &byte, 1), 1);
    hr_close(&fd);
    hr_close(&pair[0]);
    hr_close(&pair[1]);
}

static void one_that_does_not_fit_is_gone(void **state)
{
    char text[8];
    int pair[2];
    int fd = -1;
    (void)state;
    make(pair);
    assert_int_equal(hr_order_send(pair[0], "12345678", STDERR_FILENO), 0);
    assert_int_equal(hr_order_send(pair[0], "1234567", -1), 0);
    assert_int_equal(hr_packet_receive(pair[1], text, sizeof(text), &fd), -EMSGSIZE);
    assert_int_equal(fd, -1);
    assert_int_equal(hr_packet_receive(pair[1], text, sizeof(text), &fd), 0);
    assert_string_equal(text, "1234567");
    hr_close(&pair[0]);
    hr_close(&pair[1]);
}

static void nobody_reads_and_nobody_waits(void **state)
{
    int pair[2];
    int err = 0;
    (void)state;
    make(pair);
    for (int i = 0; i < 1000000 && !err; i++)
        err = hr_order_send(pair[0], "PAUSE 1", -1);
    assert_int_equal(err, -EAGAIN);
    hr_close(&pair[0]);
    hr_close(&pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_keep_their_boundaries),
        cmocka_unit_test(a_descriptor_comes_along),
        cmocka_unit_test(one_that_does_not_fit_is_gone),
        cmocka_unit_test(nobody_reads_and_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
