/* SPDX-License-Identifier: MIT
 * Peers of the control socket that do not behave: each costs a place for a while, and no more. */
#include "loader/supervisor/control.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "control_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define OK     "{\"ok\":true}"
#define STATUS "{\"order\":\"status\"}"
#define STOP   "{\"order\":\"stop\"}"

enum { MEGABYTE = 1000 * 1000 };

/* Somebody who behaves is served. */
static void assert_served(void)
{
    int fd = join();
    assert_string_equal(ask(fd, STOP), OK);
    hr_close(&fd);
    turn(5);
}

static void byte_by_byte(void **state)
{
    (void)state;
    int fd = join();
    for (const char *p = STOP "\n"; *p; p++) {
        assert_int_equal(fx.calls, 0);
        say(fd, p, 1);
        turn(2);
    }
    assert_string_equal(hear(fd), OK);
    hr_close(&fd);
}

static void the_longest_line(void **state)
{
    char line[HR_CONTROL_INPUT + 1];
    (void)state;
    int fd = join();
    memset(line, ' ', sizeof(line));
    memcpy(line, STOP, strlen(STOP));
    line[HR_CONTROL_INPUT - 1] = '\n';
    say(fd, line, HR_CONTROL_INPUT);
    assert_string_equal(hear(fd), OK);
    line[HR_CONTROL_INPUT - 1] = ' ';
    line[HR_CONTROL_INPUT] = '\n';
    say(fd, line, HR_CONTROL_INPUT + 1);
    assert_string_equal(hear(fd),
                        "{\"ok\":false,\"error\":\"an order is a line of at most 4096 bytes\"}");
    assert_null(hear(fd));
    assert_int_equal(fx.calls, 1);
    hr_close(&fd);
}

static void a_line_of_a_megabyte(void **state)
{
    static char line[MEGABYTE];
    (void)state;
    int fd = join();
    memset(line, 'x', sizeof(line));
    say(fd, line, sizeof(line));
    assert_string_equal(hear(fd),
                        "{\"ok\":false,\"error\":\"an order is a line of at most 4096 bytes\"}");
    assert_null(hear(fd));
    assert_int_equal(count_conns(), 0);
    assert_served();
    hr_close(&fd);
}

static void gone_in_the_middle_of_an_order(void **state)
{
    (void)state;
    int before = count_fds();
    for (size_t n = 0; n < strlen(STOP); n++) {
        int fd = join();
        say(fd, STOP, n);
        hr_close(&fd);
        turn(3);
    }
    assert_int_equal(fx.calls, 0);
    assert_int_equal(count_conns(), 0);
    assert_int_equal(count_fds(), before);
}

static void gone_in_the_middle_of_an_answer(void **state)
{
    char some[1000];
    (void)state;
    int before = count_fds();
    fx.document = 3 * MEGABYTE;
    for (int i = 0; i < 20; i++) {
        int fd = join();
        say(fd, STATUS "\n", strlen(STATUS) + 1);
        turn(3);
        if (i % 2)
            assert_int_equal(recv(fd, some, sizeof(some), 0), sizeof(some));
        hr_close(&fd);
        turn(3);
    }
    assert_int_equal(fx.calls, 20);
    assert_int_equal(count_conns(), 0);
    assert_int_equal(count_fds(), before);
    assert_served();
}

/* More orders than answers that the sockets can hold: the supervisor stops reading. */
static void orders_without_end_and_no_reading(void **state)
{
    (void)state;
    int fd = join();
    size_t sent = 0;
    int idle = 0;
    while (idle < 50) {
        ssize_t n = send(fd, STOP "\n", strlen(STOP) + 1, MSG_NOSIGNAL);
        if (n == (ssize_t)strlen(STOP) + 1) {
            sent++;
            idle = 0;
        } else { /* unix sockets take small messages whole */
            assert_int_equal(n, -1);
            turn(2);
            idle++;
        }
    }
    assert_true(fx.calls < sent);
    assert_served();
    for (size_t i = 0; i < sent; i++)
        assert_string_equal(hear(fd), OK);
    assert_int_equal(fx.calls, sent + 1);
    hr_close(&fd);
}

static void a_flood_of_connections(void **state)
{
    int fds[90];
    (void)state;
    int before = count_fds();
    for (int i = 0; i < 90; i++) {
        fds[i] = join();
        if (i % 30 == 0)
            assert_served();
    }
    turn(20);
    assert_int_equal(count_conns(), HR_CONTROL_CONNS);
    assert_true(hung_up(fds[0], 100)); /* the oldest have made way */
    assert_false(hung_up(fds[89], 50));
    assert_served();
    for (int i = 0; i < 90; i++)
        hr_close(&fds[i]);
    turn(20);
    assert_int_equal(count_fds(), before);
}

/* All places are taken by peers that do not read: the slowest makes way. */
static void eight_that_do_not_read(void **state)
{
    int fds[HR_CONTROL_CONNS];
    (void)state;
    fx.document = 3 * MEGABYTE;
    for (int i = 0; i < HR_CONTROL_CONNS; i++) {
        fds[i] = join();
        say(fds[i], STATUS "\n", strlen(STATUS) + 1);
        turn(10);
    }
    assert_int_equal(count_conns(), HR_CONTROL_CONNS);
    assert_served();
    assert_int_equal(count_conns(), HR_CONTROL_CONNS - 1);
    for (int i = 0; i < HR_CONTROL_CONNS; i++)
        hr_close(&fds[i]);
}

/* Who takes his answer, slowly, stays when others have to make way. */
static void a_slow_reader_keeps_his_place(void **state)
{
    int fds[4 * HR_CONTROL_CONNS];
    char piece[50 * 1000];
    size_t got = 0;
    (void)state;
    fx.document = 3 * MEGABYTE;
    int slow = join();
    say(slow, STATUS "\n", strlen(STATUS) + 1);
    for (int i = 0; i < 4 * HR_CONTROL_CONNS; i++) {
        turn(5);
        ssize_t n = recv(slow, piece, sizeof(piece), 0);
        got += n > 0 ? (size_t)n : 0;
        fds[i] = join();
    }
    assert_true(got < fx.document);
    assert_true(hung_up(fds[0], 100));
    assert_int_equal(strlen(hear(slow)), fx.document - got - 1);
    for (int i = 0; i < 4 * HR_CONTROL_CONNS; i++)
        hr_close(&fds[i]);
    hr_close(&slow);
}

/* Places full of those who do not read, and more who come all the time: whoever sends an order with
 * his connection is heard. */
static void an_order_in_a_flood_is_heard(void **state)
{
    int fds[200];
    int n = 0;
    (void)state;
    for (int i = 0; i < HR_CONTROL_CONNS; i++) {
        fx.document = 3 * MEGABYTE;
        fds[n] = join();
        say(fds[n++], STATUS "\n", strlen(STATUS) + 1);
        turn(5);
    }
    while (n < 80) {
        int fd = join();
        say(fd, STOP "\n", strlen(STOP) + 1);
        for (int k = 0; k < 8; k++)
            fds[n++] = join();
        assert_string_equal(hear(fd), OK);
        hr_close(&fd);
    }
    while (n)
        hr_close(&fds[--n]);
}

static void a_flood_does_not_use_up_our_time(void **state)
{
    (void)state;
    int64_t end = hr_now_ms() + 2500;
    unsigned joined = 0;
    while (hr_now_ms() < end) {
        struct sockaddr_un sa;
        socklen_t len = 0;
        assert_int_equal(hr_control_address(fx.control.name, &sa, &len), 0);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        joined += connect(fd, (const struct sockaddr *)&sa, len) == 0;
        hr_close(&fd);
        (void)ev_run(fx.loop, EVRUN_NOWAIT);
    }
    assert_in_range(joined, HR_CONTROL_ACCEPTS, 4 * HR_CONTROL_ACCEPTS);
    assert_false(ev_is_active(&fx.control.accept_io));
    turn(HR_CONTROL_TICK_MS + 100);
    assert_true(ev_is_active(&fx.control.accept_io));
    assert_served();
}

/* Four of them at once, since it takes a while. */
static void who_gets_nowhere_is_dropped(void **state)
{
    (void)state;
    int before = count_fds();
    fx.document = 3 * MEGABYTE;
    int silent = join();
    int slow = join();
    int deaf = join();
    int alive = join();
    say(deaf, STATUS "\n", strlen(STATUS) + 1);
    int64_t start = hr_now_ms();
    while (hr_now_ms() < start + HR_CONTROL_IDLE_MS - 700) {
        say(slow, " ", 1); /* a space in front of an order, for ever */
        turn(250);
        assert_string_equal(ask(alive, STOP), OK);
        assert_int_equal(count_conns(), 4);
    }
    assert_true(hung_up(silent, 1000 + HR_CONTROL_TICK_MS));
    assert_true(hung_up(slow, 300));
    turn(HR_CONTROL_TICK_MS + 300);
    assert_int_equal(count_conns(), 1);
    assert_string_equal(ask(alive, STOP), OK);
    hr_close(&silent);
    hr_close(&slow);
    hr_close(&deaf);
    hr_close(&alive);
    turn(1500);
    assert_false(ev_is_active(&fx.control.tick)); /* nobody there: nothing wakes us */
    assert_int_equal(count_fds(), before);
}

/* No descriptor is left for this process. */
static void use_up_descriptors(struct rlimit *ret_old)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_old), 0);
    int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
    assert_true(next >= 0);
    (void)close(next);
    limit = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = ret_old->rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void no_descriptor_for_a_connection(void **state)
{
    struct rlimit old;
    struct timespec before;
    struct timespec after;
    (void)state;
    int fd = join();
    use_up_descriptors(&old);
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before), 0);
    (void)ev_run(fx.loop, EVRUN_ONCE);                 /* it cannot be accepted */
    assert_false(ev_is_active(&fx.control.accept_io)); /* and the loop does not spin on it */
    (void)ev_run(fx.loop, EVRUN_ONCE);                 /* blocks until the tick */
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after), 0);
    assert_true(
        (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / MEGABYTE < 300);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_string_equal(ask(fd, STOP), OK); /* it was waiting in the queue */
    hr_close(&fd);
}

static void no_descriptor_for_an_answer(void **state)
{
    struct rlimit old;
    (void)state;
    int fd = join();
    assert_string_equal(ask(fd, STOP), OK);
    use_up_descriptors(&old);
    assert_string_equal(ask(fd, STATUS),
                        "{\"ok\":false,\"error\":\"status: Too many open files\"}");
    assert_string_equal(ask(fd, STOP), OK);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    fx.text = "{}";
    assert_string_equal(ask(fd, STATUS), "{}");
    hr_close(&fd);
}

/* Bytes from nowhere, in pieces of any size: always an answer a line, and always valid. */
static void noise(void **state)
{
    static const char letters[] = "{}\":,\\u0123order stpa\x80\xff\xc3\xa9[1.e]tru\t";
    uint32_t x = 2463534242u;
    (void)state;
    int fd = join();
    for (int i = 0; i < 2000; i++) {
        char line[64];
        size_t n = x % (sizeof(line) - 1);
        for (size_t k = 0; k < n; k++) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            line[k] = letters[x % (sizeof(letters) - 1)];
        }
        line[n] = '\n';
        x = x * 1664525u + 1013904223u;
        say(fd, line, n / 2);
        if (x & 1)
            (void)ev_run(fx.loop, EVRUN_NOWAIT);
        say(fd, line + n / 2, n + 1 - n / 2);
        const char *answer = hear(fd);
        assert_non_null(answer);
        assert_int_equal(strncmp(answer, "{\"ok\":false,\"error\":\"byte ", 26), 0);
    }
    assert_int_equal(fx.calls, 0);
    hr_close(&fd);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(byte_by_byte),
        with_fixture(the_longest_line),
        with_fixture(a_line_of_a_megabyte),
        with_fixture(gone_in_the_middle_of_an_order),
        with_fixture(gone_in_the_middle_of_an_answer),
        with_fixture(orders_without_end_and_no_reading),
        with_fixture(a_flood_of_connections),
        with_fixture(eight_that_do_not_read),
        with_fixture(a_slow_reader_keeps_his_place),
        with_fixture(an_order_in_a_flood_is_heard),
        with_fixture(a_flood_does_not_use_up_our_time),
        with_fixture(who_gets_nowhere_is_dropped),
        with_fixture(no_descriptor_for_a_connection),
        with_fixture(no_descriptor_for_an_answer),
        with_fixture(noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
