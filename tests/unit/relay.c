/* SPDX-License-Identifier: MIT
 * The real loop, real time, and our own descriptors 1 and 2 replaced by pipes. */
#include "loader/supervisor/relay.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct hr_relay relay;
static struct hr_output server;
static struct ev_loop *loop;
static int saved[3];
static int ends[3]; /* where what we write to 1 and 2 can be read */
static char text[1 << 22];

/* ---- a reader who takes a page at each look, or nothing, and time that passes in no time ----- */

static enum { AS_IT_IS, NOBODY_READS, SOMEBODY_READS } at_end;
static int step_ms; /* between two pages */
static int64_t skipped_ms;
static size_t taken;

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    if (at_end != AS_IT_IS) {
        char page[4096];
        ssize_t got = at_end == SOMEBODY_READS ? read(ends[1], page, sizeof(page)) : 0;
        taken += got > 0 ? (size_t)got : 0;
        skipped_ms += got > 0 && step_ms < timeout ? step_ms : timeout;
        timeout = 0;
    }
    struct timespec ts = {timeout / 1000, timeout % 1000 * 1000000L};
    return (int)syscall(SYS_ppoll, fds, n, timeout < 0 ? NULL : &ts, NULL, (size_t)0);
}

int64_t hr_now_us(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + skipped_ms * 1000;
}

int64_t hr_now_ms(void)
{
    return hr_now_us() / 1000;
}

int64_t hr_wall_ms(void)
{
    return time(NULL) * 1000;
}

static int give_back(void **state)
{
    (void)state;
    (void)alarm(0);
    (void)fflush(NULL);
    hr_relay_finish(&relay);
    at_end = AS_IT_IS;
    for (int fd = 1; fd <= 2; fd++) {
        (void)dup2(saved[fd], fd);
        hr_close(&saved[fd]);
        hr_close(&ends[fd]);
    }
    hr_output_close(&server);
    ev_loop_destroy(loop);
    return 0;
}

static void begin(bool one_place)
{
    int fds[2];
    (void)fflush(NULL);
    (void)alarm(60);
    for (int fd = 1; fd <= 2; fd++) {
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        ends[fd] = -1;
        if (fd == 2 && one_place) {
            (void)dup2(1, 2);
            continue;
        }
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_true(fcntl(fds[0], F_SETFL, O_NONBLOCK) >= 0);
        (void)dup2(fds[1], fd);
        (void)close(fds[1]);
        ends[fd] = fds[0];
    }
    loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    hr_relay_init(&relay, loop);
    const struct hr_output_settings settings = {HR_OUTPUT_RAW, 0, {relay.sinks[0], relay.sinks[1]}};
    assert_int_equal(hr_output_init(&server, "server", &settings), 0);
    hr_relay_add(&relay, &server);
}

static void on_time(struct ev_loop *l, ev_timer *w, int revents)
{
    (void)w;
    (void)revents;
    ev_break(l, EVBREAK_ALL);
}

/* Let the loop run for so long.  The turns that it took. */
static unsigned run(int ms)
{
    ev_timer timer;
    unsigned before = ev_iteration(loop);
    ev_now_update(loop);
    ev_timer_init(&timer, on_time, ms / 1000.0, 0.0);
    ev_timer_start(loop, &timer);
    (void)ev_run(loop, 0);
    return ev_iteration(loop) - before;
}

static const char *take(int fd)
{
    ssize_t n = read(ends[fd], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void say(enum hr_stream_id which, const char *line)
{
    assert_int_equal(hr_write_all(server.streams[which].write_fd, line, strlen(line)), 0);
}

static void each_stream_goes_to_its_place(void **state)
{
    (void)state;
    begin(false);
    say(HR_STDOUT, "to one\nhalf");
    say(HR_STDERR, "to two\n");
    unsigned turns = run(50);
    assert_true(turns < 10);
    assert_string_equal(take(1), "to one\n");
    assert_string_equal(take(2), "to two\n");
    hr_error("ours");
    assert_non_null(strstr(take(2), " error: ours\n"));
    assert_true(run(150) < 10);
    assert_string_equal(take(1), "half"); /* held back for long enough */
    assert_true(run(200) < 4);            /* and then there is nothing to wake up for */
}

static void one_place_has_one_sink(void **state)
{
    (void)state;
    begin(true);
    assert_ptr_equal(relay.sinks[0], relay.sinks[1]);
    say(HR_STDOUT, "half");
    (void)run(150);
    say(HR_STDERR, "whole\n");
    (void)run(10);
    hr_error("ours");
    say(HR_STDOUT, " a line\n");
    (void)run(10);
    const char *got = take(1);
    assert_true(strncmp(got, "half\nwhole\n2", 12) == 0); /* a year */
    assert_non_null(strstr(got, " error: ours\n a line\n"));
}

/* A process that writes lines of a hundred bytes to the server's standard output. */
static pid_t start_writer(int lines)
{
    pid_t pid = fork();
    if (pid == 0) {
        char line[100];
        memset(line, 'x', sizeof(line) - 1);
        line[sizeof(line) - 1] = '\n';
        hr_close(&server.streams[HR_STDOUT].read_fd);
        for (int i = 0; i < lines; i++)
            if (write(server.streams[HR_STDOUT].write_fd, line, sizeof(line)) < 0)
                _exit(1);
        _exit(0);
    }
    return pid;
}

static void nobody_reads_and_nobody_waits_or_spins(void **state)
{
    enum { N = 50000 };
    static const char words[] = " lines of output dropped: standard output was not being read\n";
    (void)state;
    begin(false);
    pid_t writer = start_writer(N);
    int64_t began = hr_now_ms();
    while (waitpid(writer, NULL, WNOHANG) == 0)
        (void)run(10);
    (void)run(50);
    assert_true(hr_now_ms() - began < 10 * 1000);
    assert_int_equal(server.lines, N);
    assert_in_range(server.dropped_lines, N / 2, N);
    assert_true(run(300) < 4); /* a sink that waits is no reason to wake up */
    hr_error("in the dark");
    bool told = false;
    for (int i = 0; i < 10; i++, (void)run(5))
        told = strstr(take(1), words) || told;
    assert_true(told);
    say(HR_STDOUT, "light\n");
    (void)run(20);
    assert_string_equal(take(1), "light\n");
    assert_non_null(strstr(take(2), "in the dark\n"));
}

static void while_it_waits_it_sleeps(void **state)
{
    (void)state;
    begin(false);
    pid_t writer = start_writer(100000);
    while (hr_output_wants_read(&server, HR_STDOUT))
        (void)run(1);
    assert_true(run(HR_SINK_PATIENCE_MS / 2) < 4); /* though the pipe is full */
    (void)kill(writer, SIGKILL);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
}

static void a_burst_waits_for_its_reader(void **state)
{
    enum { N = 50000 };
    size_t sum = 0;
    (void)state;
    begin(false);
    pid_t writer = start_writer(N);
    for (int i = 0; i < 2000 && sum < N * 100; i++) {
        (void)run(2);
        sum += strlen(take(1)); /* 64 KiB every two milliseconds and more */
    }
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    assert_int_equal(sum, N * 100);
    assert_int_equal(server.dropped_lines, 0);
}

static void the_end_passes_on_what_is_left(void **state)
{
    (void)state;
    begin(false);
    say(HR_STDERR, "last words");
    hr_relay_finish(&relay);
    assert_string_equal(take(2), "last words");
    hr_error("goes on");
    assert_non_null(strstr(take(2), " error: goes on\n"));
}

/* Queue that much for standard output, and end, with a reader who takes a page every so many
 * milliseconds, 0: never.  How many this has taken. */
static int64_t finish_with(size_t n, int every_ms)
{
    static char line[1000];
    begin(false);
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    for (size_t done = 0; done < n; done += sizeof(line))
        (void)hr_sink_put(relay.sinks[HR_STDOUT], NULL, line, sizeof(line));
    taken = 0;
    step_ms = every_ms;
    at_end = every_ms ? SOMEBODY_READS : NOBODY_READS;
    int64_t began = hr_now_ms();
    hr_relay_finish(&relay);
    at_end = AS_IT_IS;
    taken += strlen(take(1)); /* what the pipe still held */
    return hr_now_ms() - began;
}

static void the_end_waits_for_who_reads(void **state)
{
    (void)state;
    int64_t waited = finish_with(200 * 1000, 80);
    assert_in_range(waited, HR_RELAY_FINISH_MS + 500, HR_RELAY_FINISH_MOST_MS);
    assert_int_equal(taken, 200 * 1000);
    assert_string_equal(take(2), ""); /* nothing is missing */
}

static void but_not_for_ever(void **state)
{
    (void)state;
    int64_t waited = finish_with(200 * 1000, HR_RELAY_FINISH_MS - 100);
    assert_in_range(waited, HR_RELAY_FINISH_MOST_MS, HR_RELAY_FINISH_MOST_MS + 500);
    assert_in_range(taken, 64 * 1024, 100 * 1000);
    assert_non_null(strstr(take(2), " lines of output dropped: standard output was not being rea"));
}

static void nor_for_who_does_not_read(void **state)
{
    (void)state;
    int64_t waited = finish_with(400 * 1000, 0);
    assert_in_range(waited, HR_RELAY_FINISH_MS, HR_RELAY_FINISH_MS + 500);
    assert_in_range(taken, 64 * 1000, 70 * 1000);
    unsigned said = 0;
    const char *number = strstr(take(2), " warning: ");
    assert_non_null(number);
    said = (unsigned)strtoul(number + 10, NULL, 10);
    assert_in_range(said, 400 - taken / 1000, 401 - taken / 1000); /* one was cut */
}

static void the_last_losses_are_said_to_who_reads_again(void **state)
{
    (void)state;
    (void)finish_with(400 * 1000, 10);
    assert_in_range(taken, HR_SINK_QUEUE, 400 * 1000 - 1000);
    assert_non_null(strstr(text, " lines of output dropped: standard output was not being read\n"));
    assert_string_equal(take(2), ""); /* and not twice */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_stream_goes_to_its_place, give_back),
        cmocka_unit_test_teardown(one_place_has_one_sink, give_back),
        cmocka_unit_test_teardown(nobody_reads_and_nobody_waits_or_spins, give_back),
        cmocka_unit_test_teardown(while_it_waits_it_sleeps, give_back),
        cmocka_unit_test_teardown(a_burst_waits_for_its_reader, give_back),
        cmocka_unit_test_teardown(the_end_passes_on_what_is_left, give_back),
        cmocka_unit_test_teardown(the_end_waits_for_who_reads, give_back),
        cmocka_unit_test_teardown(but_not_for_ever, give_back),
        cmocka_unit_test_teardown(nor_for_who_does_not_read, give_back),
        cmocka_unit_test_teardown(the_last_losses_are_said_to_who_reads_again, give_back),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
