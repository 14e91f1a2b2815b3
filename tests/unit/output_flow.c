/* SPDX-License-Identifier: MIT
 * Output that meets a limit: of the reader, of lines a second, of a life, of descriptors. */
#include "check.h"
#include "common/fd.h"
#include "common/log.h"
#include "loader/supervisor/secrets.h"
#include "output_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool endless; /* whenever something is passed on, the service has written more */

ssize_t write(int fd, const void *data, size_t n)
{
    static const char more[2 * HR_OUTPUT_BUFFER];
    int there = 0;
    if (endless && fd == hr_sink_fd(&sinks[HR_STDOUT]) &&
        ioctl(out.streams[HR_STDOUT].read_fd, FIONREAD, &there) == 0 && there < HR_OUTPUT_BUFFER)
        (void)syscall(SYS_write, out.streams[HR_STDOUT].write_fd, more, sizeof(more));
    return syscall(SYS_write, fd, data, n);
}

/* ---- when nobody reads --------------------------------------------------------------------- */

/* Numbered lines of a hundred bytes, from..to, as the service would write them: waiting for room in
 * its pipe.  How many milliseconds it waited. */
static int64_t say_lines(int from, int to)
{
    int64_t began = now;
    char line[101];
    for (int i = from; i < to; i++) {
        int there = 0;
        (void)snprintf(line, sizeof(line), "%099d\n", i);
        assert_int_equal(ioctl(out.streams[HR_STDOUT].read_fd, FIONREAD, &there), 0);
        while (there > 60 * 1000) {
            if (hr_output_wants_read(&out, HR_STDOUT))
                hr_output_read(&out, HR_STDOUT);
            else
                now = hr_output_deadline_ms(&out);
            hr_output_timer(&out);
            assert_int_equal(ioctl(out.streams[HR_STDOUT].read_fd, FIONREAD, &there), 0);
        }
        say(HR_STDOUT, line, 100);
    }
    while (hr_output_wants_read(&out, HR_STDOUT) && out.bytes < (uint64_t)to * 100)
        hr_output_read(&out, HR_STDOUT);
    return now - began;
}

static void a_reader_that_stands_still_stops_nobody_for_long(void **state)
{
    enum { N = 20000 };
    static char text[HR_TAIL_BYTES + 1];
    char last[16];
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    assert_int_equal(say_lines(0, N), HR_SINK_PATIENCE_MS); /* once, not for each line */
    assert_int_equal(out.lines, N);
    assert_in_range(out.dropped_lines, N / 2, N - HR_SINK_QUEUE / 100);
    assert_int_equal(out.dropped_lines, sinks[HR_STDOUT].dropped_lines);
    assert_int_equal(out.dropped_bytes, out.dropped_lines * 100);
    size_t n = tail_text(text);
    (void)snprintf(last, sizeof(last), "%09d\n", N - 1);
    assert_string_equal(text + n - 10, last); /* dropped, but there */
    const char *got = take(HR_STDOUT);
    for (uint64_t i = 0; i < N - out.dropped_lines; i++) /* whole lines, the first ones */
        assert_int_equal(strtol(got + i * 100, NULL, 10), (long)i);
    say(HR_STDOUT, "heard\n", 6);
    got = take(HR_STDOUT) + (N - out.dropped_lines) * 100;
    char note[100];
    (void)snprintf(note, sizeof(note),
                   " warning: %d lines of output dropped: ", (int)out.dropped_lines);
    assert_non_null(strstr(got, note));
    assert_string_equal(got + strlen(got) - 7, "\nheard\n");
    end();
}

static void a_slow_reader_loses_nothing(void **state)
{
    enum { N = 20000 };
    char line[101];
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    for (int i = 0; i < N;) {
        int there = 0;
        assert_int_equal(ioctl(out.streams[HR_STDOUT].read_fd, FIONREAD, &there), 0);
        for (; there < 60 * 1000 && i < N; i++, there += 100) {
            (void)snprintf(line, sizeof(line), "%099d\n", i);
            say(HR_STDOUT, line, 100);
        }
        if (hr_output_wants_read(&out, HR_STDOUT))
            hr_output_read(&out, HR_STDOUT);
        now += HR_SINK_PATIENCE_MS - 10; /* he takes a page, and that in time */
        (void)take_some(HR_STDOUT, 4096);
        if (hr_sink_wants_write(&sinks[HR_STDOUT]))
            hr_sink_flush(&sinks[HR_STDOUT]);
        hr_output_timer(&out);
    }
    const char *got = take(HR_STDOUT);
    assert_int_equal(readers[HR_STDOUT].len, N * 100);
    for (long i = 0; i < N; i++)
        assert_int_equal(strtol(got + i * 100, NULL, 10), i);
    assert_int_equal(out.dropped_lines, 0);
    end();
}

static void a_reader_that_is_gone_stops_nobody(void **state)
{
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    hr_close(&readers[HR_STDOUT].ends[0]);
    assert_int_equal(say_lines(0, 5000), 0);
    assert_int_equal(out.lines, 5000);
    assert_int_equal(out.dropped_lines, 5000);
    assert_false(hr_sink_wants_write(&sinks[HR_STDOUT]));
    assert_true(hr_output_deadline_ms(&out) < 0);
    end();
}

/* A long line comes in pieces: when one of them is dropped, what follows it is too. */
static void a_line_that_has_lost_a_piece_ends_there(void **state)
{
    static char piece[HR_OUTPUT_PARTIAL];
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    memset(piece, 'x', sizeof(piece));
    for (int i = 0; out.dropped_bytes == 0; i++) {
        say(HR_STDOUT, piece, sizeof(piece));
        hr_output_read(&out, HR_STDOUT);
        now += HR_SINK_PATIENCE_MS;
    }
    size_t passed = out.bytes - sizeof(piece);
    assert_int_equal(out.dropped_bytes, sizeof(piece));
    (void)take(HR_STDOUT); /* now there would be room again */
    say(HR_STDOUT, "the rest\nwhole\n", 15);
    const char *got = take(HR_STDOUT);
    assert_int_equal(strspn(got, "x"), passed);
    assert_non_null(strstr(got + passed, "\n19")); /* a year */
    assert_non_null(strstr(got + passed, " 1 line of output dropped: "));
    assert_null(strstr(got, "the rest"));
    assert_string_equal(got + strlen(got) - 7, "\nwhole\n");
    assert_int_equal(out.dropped_lines, 1);
    assert_int_equal(out.dropped_bytes, sizeof(piece) + 9);
    end();
}

/* Lines that become longer than what was read: what is in the buffer waits too. */
static void short_lines_as_json_wait_as_well(void **state)
{
    enum { N = 12000 };
    int lines = 0;
    (void)state;
    begin(HR_OUTPUT_JSON, 0);
    for (int i = 0; i < N; i++)
        say(HR_STDOUT, "x\n", 2);
    hr_output_read(&out, HR_STDOUT);
    assert_false(hr_output_wants_read(&out, HR_STDOUT));
    assert_in_range(out.streams[HR_STDOUT].len, 1, HR_OUTPUT_BUFFER);
    assert_int_equal(hr_output_deadline_ms(&out), now + HR_SINK_PATIENCE_MS);
    uint64_t before = out.lines;
    hr_output_timer(&out);
    hr_output_read(&out, HR_STDOUT);
    assert_int_equal(out.lines, before);
    assert_int_equal(out.bytes,
                     HR_OUTPUT_BUFFER); /* one read, and what is left in the pipe is left */
    for (const char *p = take(HR_STDOUT); *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, N);
    assert_int_equal(out.dropped_lines, 0);
    end();
}

/* ---- too many lines ------------------------------------------------------------------------ */

static void more_lines_than_allowed_are_dropped_and_counted(void **state)
{
    static char text[HR_TAIL_BYTES + 1];
    (void)state;
    begin(HR_OUTPUT_RAW, 10);
    (void)say_lines(0, 200);
    assert_int_equal(strlen(take(HR_STDOUT)), 50 * 100); /* five seconds' worth */
    assert_int_equal(out.dropped_lines, 150);
    assert_int_equal(out.dropped_bytes, 15000);
    assert_int_equal(hr_output_deadline_ms(&out), now + HR_OUTPUT_NOTE_MS);
    now += HR_OUTPUT_NOTE_MS - 1;
    assert_string_equal(take(HR_STDERR), "");
    now += 1;
    assert_non_null(strstr(take(HR_STDERR), " warning: toolhost/x: 150 lines of output dropped: "
                                            "more than 10 a second\n"));
    assert_true(hr_output_deadline_ms(&out) < 0);
    forget();
    (void)say_lines(200, 300);
    assert_int_equal(strlen(take(HR_STDOUT)), 10 * 100); /* one more second's */
    assert_int_equal(strtol(readers[HR_STDOUT].text, NULL, 10), 200);
    assert_int_equal(out.dropped_lines, 240);
    assert_int_equal(tail_text(text), 30000); /* all of it */
    now += 3600 * 1000;
    forget();
    (void)say_lines(300, 400);
    assert_int_equal(strlen(take(HR_STDOUT)), 50 * 100); /* never more than five seconds' */
    now += 4900;
    forget();
    (void)say_lines(400, 401);
    now += 4900; /* not those and these */
    (void)say_lines(401, 500);
    assert_int_equal(strlen(take(HR_STDOUT)), 51 * 100);
    end();
}

static void one_line_too_many_is_told_in_time(void **state)
{
    (void)state;
    begin(HR_OUTPUT_RAW, 1);
    (void)say_lines(0, 6);
    assert_int_equal(out.dropped_lines, 1);
    assert_int_equal(hr_output_deadline_ms(&out), now + HR_OUTPUT_NOTE_MS);
    now += HR_OUTPUT_NOTE_MS / 2;
    (void)say_lines(6, 7);
    assert_int_equal(hr_output_deadline_ms(&out), now + HR_OUTPUT_NOTE_MS / 2);
    now += HR_OUTPUT_NOTE_MS / 2;
    assert_non_null(strstr(take(HR_STDERR), " 2 lines of output dropped: more than 1 a second\n"));
    end();
}

/* It may be the last that is heard of the service, or of us. */
static void what_was_too_much_is_told_at_the_end(void **state)
{
    (void)state;
    begin(HR_OUTPUT_RAW, 10);
    (void)say_lines(0, 60);
    assert_string_equal(take(HR_STDERR), "");
    assert_int_equal(write(out.streams[HR_STDOUT].write_fd, "x\ny\n", 4), 4);
    hr_output_drain(&out);
    assert_non_null(
        strstr(take(HR_STDERR), ": 12 lines of output dropped: more than 10 a second\n"));
    assert_true(hr_output_deadline_ms(&out) < 0);
    forget();
    hr_output_drain(&out);
    assert_string_equal(take(HR_STDERR), "");
    end();
}

static void a_line_that_is_dropped_is_dropped_whole(void **state)
{
    enum { N = 100000 };
    static char big[N + 1];
    int lines = 0;
    (void)state;
    memset(big, 'x', N);
    big[N] = '\n';
    begin(HR_OUTPUT_RAW, 1);
    (void)pass(HR_STDOUT, "1\n2\n3\n4\n", 8, &lines);
    (void)pass(HR_STDOUT, big, N + 1, &lines); /* the fifth, one line however long */
    assert_int_equal(readers[HR_STDOUT].len, N + 1);
    (void)pass(HR_STDOUT, big, N + 1, &lines);
    assert_int_equal(readers[HR_STDOUT].len, 0);
    assert_int_equal(out.dropped_lines, 1);
    assert_int_equal(out.dropped_bytes, N + 1);
    end();
    begin(HR_OUTPUT_JSON, 1);
    (void)pass(HR_STDOUT, "1\n2\n3\n4\n5\n", 10, &lines);
    (void)pass(HR_STDOUT, big, N + 1, &lines);
    assert_int_equal(lines, 0);
    assert_int_equal(out.dropped_lines, 1);
    assert_int_equal(out.dropped_bytes, N + 1);
    end();
}

/* ---- a death ------------------------------------------------------------------------------- */

static void what_the_dead_left_is_passed_on(void **state)
{
    static char text[HR_TAIL_BYTES + 1];
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    out.streams[HR_STDERR].sink = &sinks[HR_STDOUT];
    say(HR_STDERR, "Traceback\n  dead", 16);
    say(HR_STDOUT, "was doing\nthi", 13);
    hr_output_drain(&out);
    (void)tail_text(text);
    assert_string_equal(text, "was doing\nthi\nTraceback\n  dead");
    assert_string_equal(take(HR_STDOUT), text);
    say(HR_STDERR, "next life\n", 10);
    assert_string_equal(take(HR_STDOUT), "was doing\nthi\nTraceback\n  dead\nnext life\n");
    (void)tail_text(text);
    assert_string_equal(text, readers[HR_STDOUT].text);
    end();
}

/* An unfinished line goes into the tail as it is passed on, so the other stream may come between.
 */
static void a_secret_in_two_pieces_is_masked(void **state)
{
    static char text[HR_TAIL_BYTES + 1];
    static const char key[] = "sk-0123456789";
    (void)state;
    hr_secrets_init(NULL);
    assert_int_equal(hr_secrets_add(key, sizeof(key) - 1), 0);
    for (int mode = HR_OUTPUT_RAW; mode <= HR_OUTPUT_JSON; mode++) {
        if (mode == HR_OUTPUT_OWN)
            continue; /* does not pass on what is unfinished */
        begin((enum hr_output_mode)mode, 0);
        say(HR_STDOUT, "token: sk-01", 12);
        (void)take(HR_STDOUT);
        now += HR_OUTPUT_HOLD_JSON_MS;
        (void)take(HR_STDOUT);
        say(HR_STDERR, "INFO\n", 5);
        (void)take(HR_STDERR);
        say(HR_STDOUT, "23456789.\n", 10);
        hr_output_drain(&out);
        (void)tail_text(text);
        assert_string_equal(text, "token: ****\nINFO\n****.\n");
        end();
    }
    hr_secrets_init(NULL);
}

static void a_full_pipe_of_last_words_is_heard(void **state)
{
    char line[101];
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    for (int i = 0; i < 640; i++) {
        (void)snprintf(line, sizeof(line), "%099d\n", i);
        say(HR_STDOUT, line, 100);
        say(HR_STDERR, line, 100);
    }
    hr_output_drain(&out);
    assert_int_equal(out.lines, 2 * 640);
    assert_int_equal(out.dropped_lines, 0);
    (void)take(HR_STDERR);
    assert_int_equal(readers[HR_STDERR].len, 64000);
    assert_int_equal(out.tail.total, 2 * 64000);
    end();
}

static void who_goes_on_writing_does_not_hold_us(void **state)
{
    static const char line[100] = {[99] = '\n'};
    static char text[HR_TAIL_BYTES + 1];
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    endless = true;
    (void)hr_sink_put(&sinks[HR_STDOUT], NULL, "begin\n", 6);
    for (int i = 0; i < 10; i++)
        say(HR_STDOUT, line, sizeof(line));
    say(HR_STDERR, "the reason\n", 11);
    hr_output_drain(&out);
    endless = false;
    assert_in_range(out.bytes, 1000 + 11, 64 * 1024 + HR_OUTPUT_BUFFER); /* not what came since */
    size_t n = tail_text(text);
    assert_true(n >= 11);
    assert_string_equal(text + n - 11, "the reason\n"); /* before the report */
    end();
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void a_flood_is_read_in_turns(void **state)
{
    static char big[60 * 1024];
    (void)state;
    begin(HR_OUTPUT_OWN, 0);
    memset(big, '\n', sizeof(big));
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = i % 100 == 99 ? '\n' : 'x';
    out.draining = true; /* so that it is not the sink that stops it */
    int reads = 0;
    assert_true(fcntl(out.streams[0].write_fd, F_SETPIPE_SZ, 1 << 20) > 0);
    for (; reads < 12; reads++)
        assert_int_equal(hr_write_all(out.streams[0].write_fd, big, sizeof(big)), 0);
    hr_output_read(&out, HR_STDOUT);
    assert_true(out.bytes <= (uint64_t)HR_OUTPUT_READS * HR_OUTPUT_BUFFER);
    assert_true(out.bytes > (uint64_t)HR_OUTPUT_READS * HR_OUTPUT_BUFFER / 2);
    out.draining = false;
    end();
}

static void no_descriptors_is_an_error_that_leaves_nothing(void **state)
{
    static struct hr_output other;
    const struct hr_output_settings settings = {HR_OUTPUT_RAW, 0, {&sinks[0], &sinks[1]}};
    struct rlimit before;
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    (void)close(next);
    struct rlimit tight = {(rlim_t)next + 3, before.rlim_max}; /* one pipe and a half */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(hr_output_init(&other, "x", &settings), -EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    int after = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_int_equal(after, next);
    (void)close(after);
    assert_null(other.name);
    end();
}

static void an_unused_one_does_nothing(void **state)
{
    static struct hr_output none;
    (void)state;
    assert_false(hr_output_wants_read(&none, HR_STDOUT));
    assert_int_equal(hr_output_deadline_ms(&none), -1);
    hr_output_read(&none, HR_STDERR);
    hr_output_timer(&none);
    hr_output_drain(&none);
    hr_output_close(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_that_stands_still_stops_nobody_for_long),
        cmocka_unit_test(a_slow_reader_loses_nothing),
        cmocka_unit_test(a_reader_that_is_gone_stops_nobody),
        cmocka_unit_test(a_line_that_has_lost_a_piece_ends_there),
        cmocka_unit_test(short_lines_as_json_wait_as_well),
        cmocka_unit_test(more_lines_than_allowed_are_dropped_and_counted),
        cmocka_unit_test(one_line_too_many_is_told_in_time),
        cmocka_unit_test(what_was_too_much_is_told_at_the_end),
        cmocka_unit_test(a_line_that_is_dropped_is_dropped_whole),
        cmocka_unit_test(what_the_dead_left_is_passed_on),
        cmocka_unit_test(a_secret_in_two_pieces_is_masked),
        cmocka_unit_test(a_full_pipe_of_last_words_is_heard),
        cmocka_unit_test(who_goes_on_writing_does_not_hold_us),
        cmocka_unit_test(a_flood_is_read_in_turns),
        cmocka_unit_test(no_descriptors_is_an_error_that_leaves_nothing),
        cmocka_unit_test(an_unused_one_does_nothing),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    hr_log_init("test", HR_LOG_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
