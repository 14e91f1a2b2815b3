/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/sink.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct hr_sink sink;
static bool no_proc; /* open() fails, as without /proc */
static int writes;
static bool stubborn; /* write() takes little, or nothing, or is interrupted */

int open(const char *path, int flags, ...)
{
    if (no_proc && strncmp(path, "/proc/", 6) == 0) {
        errno = EACCES;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}

ssize_t write(int fd, const void *data, size_t n)
{
    writes++;
    if (stubborn) {
        int how = rand() % 4;
        if (how < 2) {
            errno = how ? EINTR : EAGAIN;
            return -1;
        }
        if (how == 2 && n > 1)
            n = 1 + (size_t)rand() % n;
    }
    return syscall(SYS_write, fd, data, n);
}

/* ---- a pipe with the sink at one end ------------------------------------------------------- */

static int ends[2];
static char got[1 << 20];
static size_t got_len;

static void begin(void)
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fcntl(ends[0], F_SETFL, O_NONBLOCK) >= 0);
    assert_true(fcntl(ends[0], F_SETPIPE_SZ, 4096 * 4) > 0);
    hr_sink_init(&sink, ends[1]);
    got_len = 0;
    (void)alarm(30); /* deadly, should something block after all */
}

static void end(void)
{
    (void)alarm(0);
    hr_sink_close(&sink);
    hr_close(&ends[0]);
    hr_close(&ends[1]);
}

/* Take what is there, at most max bytes.  The bytes taken now. */
static size_t take(size_t max)
{
    size_t before = got_len;
    while (got_len - before < max) {
        size_t room = max - (got_len - before);
        size_t most = sizeof(got) - 1 - got_len;
        ssize_t n = read(ends[0], got + got_len, room < most ? room : most);
        if (n <= 0)
            break;
        got_len += (size_t)n;
    }
    got[got_len] = '\0';
    return got_len - before;
}

static void take_all(void)
{
    for (;;) {
        size_t n = take(sizeof(got));
        if (hr_sink_wants_write(&sink))
            hr_sink_flush(&sink);
        else if (!n)
            return;
    }
}

static bool put(const void *from, const char *text)
{
    return hr_sink_put(&sink, from, text, strlen(text));
}

/* Fill pipe and queue with numbered lines of a hundred bytes; how many were taken. */
static int flood(void)
{
    char line[101];
    int n = 0;
    do
        (void)snprintf(line, sizeof(line), "%099d\n", n);
    while (put(NULL, line) && ++n);
    return n;
}

static void assert_flood(const char *text, int n)
{
    char line[101];
    for (int i = 0; i < n; i++) {
        (void)snprintf(line, sizeof(line), "%099d\n", i);
        assert_memory_equal(text + (size_t)i * 100, line, 100);
    }
}

/* ---- tests --------------------------------------------------------------------------------- */

static void what_has_room_goes_out_at_once(void **state)
{
    (void)state;
    begin();
    assert_true(put(NULL, "one\n"));
    assert_false(hr_sink_wants_write(&sink));
    (void)take(100);
    assert_string_equal(got, "one\n");
    assert_true(put(NULL, ""));
    assert_int_equal(take(100), 0);
    end();
}

static void a_full_pipe_fills_the_queue_and_then_drops(void **state)
{
    (void)state;
    begin();
    int n = flood();
    assert_in_range(n, (HR_SINK_QUEUE + 4096) / 100, (HR_SINK_QUEUE + 4 * 4096) / 100);
    assert_false(put(NULL, "again, and\nthis too\n"));
    assert_int_equal(sink.dropped_lines, 3);
    assert_int_equal(sink.dropped_bytes, 120);
    assert_true(hr_sink_wants_write(&sink));
    (void)take(4096 * 4);
    hr_sink_flush(&sink);
    assert_true(put(NULL, "heard\n"));
    assert_true(put(NULL, "and this\n"));
    take_all();
    assert_flood(got, n);
    const char *rest = got + (size_t)n * 100;
    const char *words = " warning: 3 lines of output dropped: standard error was not being read\n"
                        "heard\nand this\n";
    assert_non_null(strstr(rest, words));
    assert_int_equal(strcspn(rest, "\n") + 16, strlen(rest));  /* and nothing else */
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0); /* the others' flag */
    end();
}

static void too_much_at_once_is_dropped_whole(void **state)
{
    static char big[HR_SINK_QUEUE + 1];
    (void)state;
    begin();
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\n';
    assert_false(hr_sink_fits(&sink, NULL, sizeof(big)));
    assert_false(hr_sink_put(&sink, NULL, big, sizeof(big)));
    assert_int_equal(take(sizeof(got)), 0);
    assert_true(hr_sink_put(&sink, NULL, big + 1024, sizeof(big) - 1024));
    end();
}

static void nobody_begins_inside_a_line_of_another(void **state)
{
    int a = 0;
    int b = 0;
    (void)state;
    begin();
    assert_true(put(&a, "half "));
    assert_true(put(&a, "a line, "));
    assert_true(put(NULL, "ours\n"));
    assert_true(put(&a, "goes on\n"));
    assert_true(put(&b, "whole\n"));
    assert_true(put(&a, "dies"));
    hr_sink_forget(&sink, &b); /* not him */
    assert_true(put(&a, " or not"));
    hr_sink_forget(&sink, &a);
    assert_true(put(&a, "reborn\n"));
    (void)take(sizeof(got));
    assert_string_equal(got, "half a line, \nours\ngoes on\nwhole\ndies or not\nreborn\n");
    end();
}

static void a_line_that_lost_its_end_is_closed(void **state)
{
    static char big[HR_SINK_QUEUE];
    int a = 0;
    (void)state;
    begin();
    memset(big, 'x', sizeof(big));
    assert_true(hr_sink_put(&sink, &a, big, sizeof(big)));
    assert_false(hr_sink_put(&sink, &a, big, sizeof(big)));
    take_all();
    assert_true(put(&a, "next\n"));
    take_all();
    const char *rest = got + sizeof(big);
    assert_int_equal(*rest, '\n');
    assert_non_null(strstr(rest, " 1 line of output dropped: "));
    assert_string_equal(rest + strlen(rest) - 6, "\nnext\n");
    end();
}

static void a_count_does_not_begin_inside_a_line(void **state)
{
    static char big[HR_SINK_QUEUE + 1];
    int a = 0;
    (void)state;
    begin();
    assert_true(put(&a, "half"));
    assert_false(hr_sink_put(&sink, NULL, big, sizeof(big))); /* dropped between the two */
    assert_true(put(&a, " a line\n"));
    (void)take(sizeof(got));
    assert_memory_equal(got, "half\n2", 6); /* a year */
    assert_string_equal(got + got_len - 9, "\n a line\n");
    end();
}

static void a_count_needs_no_next_line(void **state)
{
    int a = 0;
    (void)state;
    begin();
    int n = flood();
    assert_false(put(&a, "lost\n"));
    take_all();
    assert_flood(got, n);
    assert_non_null(strstr(got + (size_t)n * 100, " 2 lines of output dropped: "));
    assert_string_equal(got + got_len - 5, "read\n");
    got_len = 0;
    assert_true(put(&a, "next\n"));
    take_all();
    assert_string_equal(got, "next\n"); /* told already */
    end();
}

static void full_says_wait_but_not_for_ever(void **state)
{
    static char block[HR_SINK_HIGH + 4 * 4096];
    (void)state;
    begin();
    memset(block, 'x', sizeof(block));
    assert_true(hr_sink_full_until_ms(&sink) < 0);
    int64_t before = hr_now_ms();
    assert_true(hr_sink_put(&sink, NULL, block, sizeof(block)));
    assert_true(hr_sink_full_until_ms(&sink) < 0); /* what waits is just at the mark */
    assert_true(hr_sink_put(&sink, NULL, block, 1));
    int64_t until = hr_sink_full_until_ms(&sink);
    assert_in_range(until, before + HR_SINK_PATIENCE_MS, hr_now_ms() + HR_SINK_PATIENCE_MS);
    (void)usleep(2000);
    assert_true(hr_sink_put(&sink, NULL, block, 1));
    assert_int_equal(hr_sink_full_until_ms(&sink), until); /* more does not make it longer */
    hr_sink_flush(&sink);
    assert_int_equal(hr_sink_full_until_ms(&sink), until); /* nor does asking */
    (void)take(16 * 1024);
    hr_sink_flush(&sink);
    assert_in_range(hr_sink_full_until_ms(&sink), until + 2, hr_now_ms() + HR_SINK_PATIENCE_MS);
    (void)take(16 * 1024);
    hr_sink_flush(&sink);
    (void)take(16 * 1024);
    hr_sink_flush(&sink);
    assert_true(hr_sink_full_until_ms(&sink) < 0);
    end();
}

static void a_reader_that_is_gone_costs_nothing(void **state)
{
    (void)state;
    begin();
    (void)flood();
    uint64_t dropped = sink.dropped_lines;
    hr_close(&ends[0]);
    hr_sink_flush(&sink);
    assert_false(hr_sink_wants_write(&sink)); /* or poll() would return for ever */
    assert_true(hr_sink_full_until_ms(&sink) < 0);
    assert_in_range(sink.dropped_lines, dropped + HR_SINK_QUEUE / 100 - 3,
                    dropped + HR_SINK_QUEUE / 100 + 3);
    assert_int_equal(sink.errors, 1);
    for (int i = 0; i < 10; i++)
        assert_false(put(NULL, "nobody hears\n"));
    assert_false(hr_sink_wants_write(&sink));
    assert_int_equal(sink.errors, 1); /* found by asking */
    end();
}

static void a_reader_that_comes_back_is_told(void **state)
{
    char path[] = "/tmp/handrail-sink-XXXXXX";
    int a = 0;
    (void)state;
    begin();
    end();
    assert_non_null(mkdtemp(path));
    char fifo[64];
    (void)snprintf(fifo, sizeof(fifo), "%s/fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    ends[0] = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ends[1] = open(fifo, O_WRONLY | O_CLOEXEC);
    hr_sink_init(&sink, ends[1]);
    assert_true(put(&a, "begun"));
    hr_close(&ends[0]);
    assert_false(put(&a, " but lost\n"));
    assert_false(put(NULL, "lost\n"));
    ends[0] = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(put(NULL, "heard\n"));
    (void)take(sizeof(got));
    assert_memory_equal(got, "begun\n2", 7); /* kept by the kernel, closed by us */
    assert_non_null(
        strstr(got, " 2 lines of output dropped: standard error: Broken pipe\nheard\n"));
    assert_int_equal(sink.error, 0);
    hr_close(&ends[0]);
    assert_false(put(NULL, "lost\n"));
    ends[0] = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    got_len = 0;
    assert_true(put(NULL, "heard\n"));
    (void)take(sizeof(got));
    assert_int_equal(got[0], '2'); /* nothing to close */
    (void)unlink(fifo);
    (void)rmdir(path);
    end();
}

static void without_proc_it_asks_before_it_writes(void **state)
{
    (void)state;
    no_proc = true;
    begin();
    assert_int_equal(sink.outlet.way, HR_OUTLET_POLLED);
    assert_int_equal(sink.outlet.fd, ends[1]);
    int n = flood();
    assert_true(n > HR_SINK_QUEUE / 100);
    take_all();
    assert_flood(got, n);
    hr_close(&ends[0]);
    assert_false(put(NULL, "x\n") && put(NULL, "x\n"));
    assert_false(hr_sink_wants_write(&sink));
    no_proc = false;
    end();
}

static void a_socket_does_not_block_either(void **state)
{
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_true(fcntl(ends[0], F_SETFL, O_NONBLOCK) >= 0);
    hr_sink_init(&sink, ends[1]);
    assert_int_equal(sink.outlet.way, HR_OUTLET_SOCKET);
    got_len = 0;
    (void)alarm(30);
    int n = flood();
    take_all();
    assert_flood(got, n);
    assert_non_null(strstr(got + (size_t)n * 100, " 1 line of output dropped: "));
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    (void)signal(SIGPIPE, SIG_DFL); /* not even this */
    hr_close(&ends[0]);
    assert_false(put(NULL, "lost\n"));
    assert_false(put(NULL, "lost\n"));
    (void)signal(SIGPIPE, SIG_IGN);
    end();
}

/* A terminal that nobody reads, opened again or not, then read, then hung up. */
static void use_a_terminal(bool again)
{
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(ends[0] >= 0 && grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0);
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    no_proc = !again;
    hr_sink_init(&sink, ends[1]);
    no_proc = false;
    assert_int_equal(sink.outlet.way, again ? HR_OUTLET_PLAIN : HR_OUTLET_TERMINAL);
    got_len = 0;
    (void)alarm(30);
    int n = flood();
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    for (int i = 0; i < 2000 && (hr_sink_wants_write(&sink) || got_len < (size_t)n * 101); i++) {
        hr_sink_flush(&sink);
        if (!take(sizeof(got)))
            (void)usleep(1000); /* the kernel hands on a terminal's bytes in a thread of its own */
    }
    size_t len = 0;
    for (size_t i = 0; i < got_len; i++) /* what a terminal makes of a line's end */
        if (got[i] != '\r')
            got[len++] = got[i];
    got[len] = '\0';
    assert_flood(got, n);
    assert_non_null(strstr(got + (size_t)n * 100, " 1 line of output dropped: "));
    hr_close(&ends[0]);
    assert_false(put(NULL, "lost\n"));
    assert_false(put(NULL, "lost\n"));
    assert_false(hr_sink_wants_write(&sink));
    end();
}

static void a_terminal_does_not_block_either(void **state)
{
    (void)state;
    use_a_terminal(true);
    use_a_terminal(false);
}

static void a_file_is_written_where_the_others_are(void **state)
{
    char path[] = "/tmp/handrail-sink-XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(hr_write_all(fd, "theirs\n", 7), 0);
    hr_sink_init(&sink, fd);
    assert_true(put(NULL, "ours\n"));
    assert_int_equal(hr_write_all(fd, "theirs\n", 7), 0);
    assert_int_equal(pread(fd, got, 100, 0), 19);
    assert_memory_equal(got, "theirs\nours\ntheirs\n", 19);
    hr_sink_close(&sink);
    (void)close(fd);
    (void)unlink(path);
}

static void a_full_disk_is_counted(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    hr_sink_init(&sink, fd);
    for (int i = 0; i < 3; i++)
        assert_false(put(NULL, "lost\n"));
    assert_int_equal(sink.dropped_lines, 3);
    assert_int_equal(sink.lost, 3); /* the note that did not fit is not one */
    assert_int_equal(sink.error, ENOSPC);
    assert_false(hr_sink_wants_write(&sink));
    hr_sink_close(&sink);
    (void)close(fd);
}

static void pieces_in_a_row_are_few_writes(void **state)
{
    enum { N = 1000 };
    char line[101];
    (void)state;
    begin();
    assert_true(fcntl(ends[0], F_SETPIPE_SZ, 1 << 18) > 0);
    writes = 0;
    hr_sink_hold(&sink);
    for (int i = 0; i < N; i++) {
        (void)snprintf(line, sizeof(line), "%099d\n", i);
        assert_true(put(NULL, line));
    }
    assert_int_equal(writes, N * 100 / HR_SINK_HELD);
    hr_sink_release(&sink);
    assert_int_equal(writes, N * 100 / HR_SINK_HELD + 1);
    hr_sink_release(&sink);
    assert_int_equal(writes, N * 100 / HR_SINK_HELD + 1);
    assert_false(hr_sink_wants_write(&sink));
    assert_int_equal(take(sizeof(got)), N * 100);
    assert_flood(got, N);
    end();
}

static void a_blocked_one_is_not_tried_for_each_piece(void **state)
{
    (void)state;
    begin();
    hr_sink_hold(&sink);
    writes = 0;
    int n = flood();
    hr_sink_release(&sink);
    assert_in_range(writes, 1, 4);
    assert_true(hr_sink_full_until_ms(&sink) >= 0);
    take_all();
    assert_flood(got, n);
    assert_non_null(strstr(got + (size_t)n * 100, " 1 line of output dropped: "));
    end();
}

/* Random pieces against a kernel that takes them in every awkward way: nothing lost, nothing moved.
 */
static void any_pieces_come_out_as_they_went_in(void **state)
{
    static char all[600 * 1000];
    (void)state;
    srand(1);
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)(rand() % 256);
    begin();
    for (size_t at = 0; at < sizeof(all);) {
        size_t n = 1 + (size_t)rand() % (rand() % 10 ? 500 : 20000);
        n = n < sizeof(all) - at ? n : sizeof(all) - at;
        stubborn = true;
        if (rand() % 50 == 0)
            hr_sink_hold(&sink);
        else if (rand() % 20 == 0)
            hr_sink_release(&sink);
        if (hr_sink_fits(&sink, &sink, n)) {
            assert_true(hr_sink_put(&sink, &sink, all + at, n));
            at += n;
        } else {
            hr_sink_flush(&sink);
        }
        stubborn = false;
        (void)take((size_t)rand() % 2000);
    }
    hr_sink_release(&sink);
    take_all();
    assert_int_equal(got_len, sizeof(all));
    assert_memory_equal(got, all, sizeof(all));
    end();
}

static char logged[256];

static bool take_log_line(const char *line, size_t n)
{
    assert_true(n < sizeof(logged));
    memcpy(logged, line, n);
    logged[n] = '\0';
    return true;
}

static void what_nobody_took_is_said_elsewhere(void **state)
{
    char words[64];
    (void)state;
    begin();
    hr_log_divert(take_log_line);
    int n = flood();
    assert_false(put(NULL, "lost\n"));
    size_t in_pipe = take(sizeof(got)) / 100;
    hr_sink_give_up(&sink);
    (void)snprintf(words, sizeof(words), " warning: %d lines of output dropped: ",
                   n + 2 - (int)in_pipe); /* with the flood's last one */
    assert_non_null(strstr(logged, words));
    assert_false(hr_sink_wants_write(&sink));
    logged[0] = '\0';
    hr_sink_give_up(&sink);
    assert_string_equal(logged, ""); /* once */
    hr_log_divert(NULL);
    end();
}

static void the_same_place_is_known(void **state)
{
    int other[2];
    (void)state;
    begin();
    assert_int_equal(pipe2(other, O_CLOEXEC), 0);
    int copy = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
    assert_true(hr_sink_same(ends[1], copy));
    assert_false(hr_sink_same(ends[1], other[1]));
    assert_false(hr_sink_same(ends[1], -1));
    (void)close(copy);
    hr_close(&other[0]);
    hr_close(&other[1]);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_room_goes_out_at_once),
        cmocka_unit_test(a_full_pipe_fills_the_queue_and_then_drops),
        cmocka_unit_test(too_much_at_once_is_dropped_whole),
        cmocka_unit_test(nobody_begins_inside_a_line_of_another),
        cmocka_unit_test(a_line_that_lost_its_end_is_closed),
        cmocka_unit_test(a_count_does_not_begin_inside_a_line),
        cmocka_unit_test(a_count_needs_no_next_line),
        cmocka_unit_test(full_says_wait_but_not_for_ever),
        cmocka_unit_test(a_reader_that_is_gone_costs_nothing),
        cmocka_unit_test(a_reader_that_comes_back_is_told),
        cmocka_unit_test(without_proc_it_asks_before_it_writes),
        cmocka_unit_test(a_socket_does_not_block_either),
        cmocka_unit_test(a_terminal_does_not_block_either),
        cmocka_unit_test(a_file_is_written_where_the_others_are),
        cmocka_unit_test(a_full_disk_is_counted),
        cmocka_unit_test(pieces_in_a_row_are_few_writes),
        cmocka_unit_test(a_blocked_one_is_not_tried_for_each_piece),
        cmocka_unit_test(any_pieces_come_out_as_they_went_in),
        cmocka_unit_test(what_nobody_took_is_said_elsewhere),
        cmocka_unit_test(the_same_place_is_known),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
