/* SPDX-License-Identifier: MIT
 * How lines are passed on, in each mode.  output_flow.c is about when. */
#include "loader/supervisor/output.h"

#include "check.h"
#include "common/log.h"
#include "loader/supervisor/logline.h"
#include "output_fixture.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* ---- our own programs ---------------------------------------------------------------------- */

static void a_plain_line_gets_our_prefix_and_the_service(void **state)
{
    int lines = 0;
    (void)state;
    begin(HR_OUTPUT_OWN, 0);
    const char *got = pass(HR_STDOUT, "hello there\n\n", 13, &lines);
    assert_non_null(strstr(got, " info: toolhost/x: hello there\n"));
    assert_int_equal(lines, 2);
    got = pass(HR_STDERR, "and here\n", 9, &lines);
    assert_non_null(strstr(got, " info: toolhost/x: and here\n"));
    end();
}

static void a_line_of_ours_passes_as_it_is(void **state)
{
    static const char line[] = "2026-11-21T09:30:00.123Z handrail-toolhost[7] error: no\n";
    int lines = 0;
    (void)state;
    begin(HR_OUTPUT_OWN, 0);
    assert_string_equal(pass(HR_STDERR, line, sizeof(line) - 1, &lines), line);
    end();
}

static void pieces_are_put_together(void **state)
{
    int lines = 0;
    (void)state;
    begin(HR_OUTPUT_OWN, 0);
    assert_string_equal(pass(HR_STDERR, "half ", 5, &lines), "");
    assert_true(hr_output_deadline_ms(&out) < 0);
    assert_non_null(strstr(pass(HR_STDERR, "a line\n", 7, &lines), "toolhost/x: half a line\n"));
    end();
}

static void a_huge_line_does_no_harm(void **state)
{
    enum { N = 100000 };
    static char big[N + 1];
    int lines = 0;
    size_t letters = 0;
    (void)state;
    begin(HR_OUTPUT_OWN, 0);
    memset(big, 'z', N);
    big[N] = '\n';
    const char *got = pass(HR_STDOUT, big, N + 1, &lines);
    for (const char *p = got; *p; p++)
        letters += *p == 'z';
    assert_int_equal(letters, N); /* in pieces, nothing lost */
    assert_int_equal(lines, N / HR_OUTPUT_LINE + 1);
    assert_int_equal(out.lines, 1);
    end();
}

static void control_characters_do_not_make_lines(void **state)
{
    int lines = 0;
    (void)state;
    begin(HR_OUTPUT_OWN, 0);
    (void)pass(HR_STDERR, "a\rb\n", 4, &lines);
    assert_int_equal(lines, 1);
    assert_null(strchr(pass(HR_STDERR, "a\rb\n", 4, &lines), '\r'));
    assert_non_null(strstr(pass(HR_STDERR, "a\0b\n", 4, &lines), "toolhost/x: a b\n"));
    end();
}

static void lines_of_others_are_passed_on_at_any_log_level(void **state)
{
    int lines = 0;
    (void)state;
    begin(HR_OUTPUT_OWN, 0);
    hr_log_init("test", HR_LOG_ERROR);
    const char *got = pass(HR_STDERR, "Assertion failed\n", 17, &lines);
    hr_log_init("test", HR_LOG_INFO);
    assert_non_null(strstr(got, "toolhost/x: Assertion failed\n"));
    assert_int_equal(lines, 1);
    end();
}

/* ---- byte for byte ------------------------------------------------------------------------- */

static void lines_pass_at_once_and_their_beginnings_do_not(void **state)
{
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    say(HR_STDOUT, "one\ntwo\nhal", 11);
    say(HR_STDERR, "err\n", 4);
    hr_output_read(&out, HR_STDOUT);
    hr_output_read(&out, HR_STDERR);
    assert_string_equal(take(HR_STDOUT), "one\ntwo\n");
    assert_string_equal(take(HR_STDERR), "err\n");
    assert_int_equal(hr_output_deadline_ms(&out), now + HR_OUTPUT_HOLD_MS);
    now += HR_OUTPUT_HOLD_MS - 1;
    say(HR_STDOUT, "f", 1);
    hr_output_read(&out, HR_STDOUT);
    assert_string_equal(take(HR_STDOUT), "one\ntwo\n");
    assert_int_equal(hr_output_deadline_ms(&out), now + 1); /* more does not make it longer */
    now += 1;
    assert_string_equal(take(HR_STDOUT), "one\ntwo\nhalf");
    assert_true(hr_output_deadline_ms(&out) < 0);
    say(HR_STDOUT, " a\n", 3);
    assert_string_equal(take(HR_STDOUT), "one\ntwo\nhalf a\n");
    assert_int_equal(out.lines, 4);
    assert_int_equal(out.bytes, 19);
    forget();
    say(HR_STDOUT, "x", 1);
    (void)take(HR_STDOUT);
    now += HR_OUTPUT_HOLD_MS - 1;
    say(HR_STDOUT, "\ny", 2);
    (void)take(HR_STDOUT);
    assert_int_equal(hr_output_deadline_ms(&out), now + HR_OUTPUT_HOLD_MS); /* another line */
    end();
}

static void a_long_beginning_does_not_wait(void **state)
{
    static char big[HR_OUTPUT_PARTIAL];
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    memset(big, 'x', sizeof(big));
    say(HR_STDOUT, big, sizeof(big) - 1);
    assert_string_equal(take(HR_STDOUT), "");
    say(HR_STDOUT, "y", 1);
    assert_int_equal(strlen(take(HR_STDOUT)), sizeof(big));
    end();
}

static void two_streams_into_one_place_do_not_mix(void **state)
{
    (void)state;
    begin(HR_OUTPUT_RAW, 0);
    out.streams[HR_STDERR].sink = &sinks[HR_STDOUT];
    say(HR_STDOUT, "a is slo", 8);
    say(HR_STDERR, "b is quick\n", 11);
    hr_output_read(&out, HR_STDOUT);
    hr_output_read(&out, HR_STDERR);
    say(HR_STDOUT, "w\n", 2);
    assert_string_equal(take(HR_STDOUT), "b is quick\na is slow\n");
    end();
}

/* Everything at random: bytes, pieces, which stream, a reader that is slow, time.  What comes out
 * is what went in, as long as nobody stands still. */
static void whatever_goes_in_comes_out(void **state)
{
    enum { ALL = 1 << 20 };
    static char all[HR_NSTREAMS][ALL];
    size_t at[HR_NSTREAMS] = {0};
    (void)state;
    srand(1);
    begin(HR_OUTPUT_RAW, 0);
    for (int k = 0; k < HR_NSTREAMS; k++)
        for (size_t i = 0; i < ALL; i++)
            all[k][i] = (char)(rand() % (k ? 90 : 3000) ? rand() % 256 : '\n');
    while (at[0] < ALL || at[1] < ALL) {
        enum hr_stream_id k = rand() % 2 ? HR_STDOUT : HR_STDERR;
        size_t n = (size_t)rand() % (rand() % 10 ? 300 : 30000);
        int there = 0;
        assert_int_equal(ioctl(out.streams[k].read_fd, FIONREAD, &there), 0);
        n = n < ALL - at[k] ? n : ALL - at[k];
        n = n < 32768 - (size_t)there % 32768 ? n : 0;
        say(k, all[k] + at[k], there < 16384 ? n : 0);
        at[k] += there < 16384 ? n : 0;
        (void)take_some(k, (size_t)rand() % 4000);
        if (rand() % 3 == 0 && hr_sink_wants_write(&sinks[k]))
            hr_sink_flush(&sinks[k]);
        if (hr_output_wants_read(&out, k))
            hr_output_read(&out, k);
        if (rand() % 20 == 0) {
            now += rand() % (HR_SINK_PATIENCE_MS / 2);
            for (int s = 0; s < HR_NSTREAMS; s++) { /* never still for too long */
                (void)take_some((enum hr_stream_id)s, 100 * 1000);
                hr_sink_flush(&sinks[s]);
            }
        }
        hr_output_timer(&out);
    }
    now += HR_OUTPUT_HOLD_MS;
    for (int k = 0; k < HR_NSTREAMS; k++) {
        (void)take((enum hr_stream_id)k);
        assert_int_equal(readers[k].len, ALL);
        assert_memory_equal(readers[k].text, all[k], ALL);
    }
    assert_int_equal(out.bytes, 2 * ALL);
    assert_int_equal(out.dropped_bytes, 0);
    end();
}

static void ten_megabytes_without_a_newline(void **state)
{
    enum { N = 10 * 1000 * 1000 };
    char *big = malloc(N + 1);
    int lines = 0;
    (void)state;
    assert_non_null(big);
    begin(HR_OUTPUT_RAW, 0);
    for (size_t i = 0; i < N; i++)
        big[i] = "0123456789\0\xff"[i % 12];
    big[N] = '\n';
    const char *got = pass(HR_STDOUT, big, N + 1, &lines);
    assert_int_equal(readers[HR_STDOUT].len, N + 1);
    assert_memory_equal(got, big, N + 1);
    assert_int_equal(out.lines, 1);
    free(big);
    end();
}

/* ---- as JSON ------------------------------------------------------------------------------- */

/* The lines at a reader as objects, one after the other; NULL at the end. */
static json_t *next_object(enum hr_stream_id which, size_t *at)
{
    const char *text = readers[which].text + *at;
    const char *nl = memchr(text, '\n', readers[which].len - *at);
    if (!nl) {
        assert_int_equal(*at, readers[which].len);
        return NULL;
    }
    json_error_t error;
    json_t *object =
        json_loadb(text, (size_t)(nl - text), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!object)
        fail_msg("%s in %.*s", error.text, (int)(nl - text), text);
    *at += (size_t)(nl - text) + 1;
    return object;
}

static void assert_next(enum hr_stream_id which, size_t *at, const char *expected)
{
    json_t *object = next_object(which, at);
    json_t *wanted = json_loads(expected, 0, NULL);
    assert_non_null(wanted);
    if (!json_object_get(wanted, "time"))
        assert_int_equal(json_object_del(object, "time"), 0);
    char *text = json_dumps(object, 0);
    if (!json_equal(object, wanted))
        fail_msg("%s, not %s", text, expected);
    free(text);
    json_decref(object);
    json_decref(wanted);
}

static void each_line_is_an_object(void **state)
{
    static const char in[] = "plain\nERROR: x\n{\"time\":1,\"a\":[2]}\n\n";
    size_t at = 0;
    int lines = 0;
    (void)state;
    begin(HR_OUTPUT_JSON, 0);
    (void)pass(HR_STDOUT, in, sizeof(in) - 1, &lines);
#define ABOUT "\"service\":\"toolhost/x\",\"stream\":\"stdout\""
    assert_next(HR_STDOUT, &at, "{" ABOUT ",\"message\":\"plain\"}");
    assert_next(HR_STDOUT, &at, "{" ABOUT ",\"level\":\"error\",\"message\":\"ERROR: x\"}");
    assert_next(HR_STDOUT, &at, "{" ABOUT ",\"time\":1,\"a\":[2]}");
    assert_next(HR_STDOUT, &at, "{" ABOUT ",\"message\":\"\"}");
    assert_null(next_object(HR_STDOUT, &at));
    assert_int_equal(out.lines, 4);
    end();
}

static void an_unfinished_line_becomes_partial_objects_that_end(void **state)
{
    size_t at = 0;
    (void)state;
    begin(HR_OUTPUT_JSON, 0);
    say(HR_STDOUT, "wait\xe2\x82", 6); /* and half a character */
    assert_string_equal(take(HR_STDOUT), "");
    now = hr_output_deadline_ms(&out);
    (void)take(HR_STDOUT);
    assert_next(HR_STDOUT, &at, "{" ABOUT ",\"message\":\"wait\",\"partial\":true}");
    say(HR_STDOUT, "\xac", 1);
    (void)take(HR_STDOUT);
    now += HR_OUTPUT_HOLD_JSON_MS;
    (void)take(HR_STDOUT);
    assert_next(HR_STDOUT, &at, "{" ABOUT ",\"message\":\"\xe2\x82\xac\",\"partial\":true}");
    say(HR_STDOUT, "\n", 1);
    (void)take(HR_STDOUT);
    assert_next(HR_STDOUT, &at, "{" ABOUT ",\"message\":\"\"}");
    say(HR_STDOUT, "dies", 4);
    (void)take(HR_STDOUT);
    now += HR_OUTPUT_HOLD_JSON_MS;
    (void)take(HR_STDOUT);
    hr_output_drain(&out);
    (void)take(HR_STDOUT);
    assert_next(HR_STDOUT, &at, "{" ABOUT ",\"message\":\"dies\",\"partial\":true}");
    assert_next(HR_STDOUT, &at, "{" ABOUT ",\"message\":\"\"}");
    assert_null(next_object(HR_STDOUT, &at));
    assert_int_equal(out.lines, 2);
    end();
}

static void half_a_character_is_waited_for_without_haste(void **state)
{
    (void)state;
    begin(HR_OUTPUT_JSON, 0);
    say(HR_STDOUT, "\xe2\x82", 2);
    (void)take(HR_STDOUT);
    now = hr_output_deadline_ms(&out);
    assert_string_equal(take(HR_STDOUT), "");
    assert_true(hr_output_deadline_ms(&out) > now); /* or the loop would spin */
    end();
}

static void ten_megabytes_in_objects(void **state)
{
    enum { N = 10 * 1000 * 1000 };
    char *big = malloc(N + 1);
    size_t at = 0;
    size_t sum = 0;
    int lines = 0;
    (void)state;
    assert_non_null(big);
    begin(HR_OUTPUT_JSON, 0);
    for (size_t i = 0; i < N; i++)
        big[i] = "abcdefghij\xc3\xa4"[i % 12];
    big[N] = '\n';
    (void)pass(HR_STDOUT, big, N + 1, &lines);
    for (json_t *object = NULL; (object = next_object(HR_STDOUT, &at));) {
        const json_t *message = json_object_get(object, "message");
        assert_non_null(message);
        assert_true(sum + json_string_length(message) <= N);
        assert_memory_equal(json_string_value(message), big + sum, json_string_length(message));
        sum += json_string_length(message);
        assert_int_equal(json_is_true(json_object_get(object, "partial")), sum < N);
        json_decref(object);
    }
    assert_int_equal(sum, N);
    assert_in_range(lines, N / HR_LOGLINE_MAX, N / (HR_LOGLINE_MAX - 200) + 1);
    assert_int_equal(out.lines, 1);
    free(big);
    end();
}

static void random_bytes_are_always_objects(void **state)
{
    (void)state;
    srand(2);
    begin(HR_OUTPUT_JSON, 0);
    for (int round = 0; round < 3000; round++) {
        char text[900];
        size_t n = (size_t)rand() % sizeof(text);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(rand() % 4 ? "{}[]\":,\\\n1"[rand() % 10] : rand() % 256);
        say(HR_STDOUT, text, n);
        now += rand() % 400;
        (void)take(HR_STDOUT);
    }
    hr_output_drain(&out);
    (void)take(HR_STDOUT);
    size_t at = 0;
    int partial = 0;
    for (json_t *object = NULL; (object = next_object(HR_STDOUT, &at)); json_decref(object))
        partial = json_is_true(json_object_get(object, "partial"));
    assert_false(partial);
    assert_int_equal(out.dropped_lines, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_line_gets_our_prefix_and_the_service),
        cmocka_unit_test(a_line_of_ours_passes_as_it_is),
        cmocka_unit_test(pieces_are_put_together),
        cmocka_unit_test(a_huge_line_does_no_harm),
        cmocka_unit_test(control_characters_do_not_make_lines),
        cmocka_unit_test(lines_of_others_are_passed_on_at_any_log_level),
        cmocka_unit_test(lines_pass_at_once_and_their_beginnings_do_not),
        cmocka_unit_test(a_long_beginning_does_not_wait),
        cmocka_unit_test(two_streams_into_one_place_do_not_mix),
        cmocka_unit_test(whatever_goes_in_comes_out),
        cmocka_unit_test(ten_megabytes_without_a_newline),
        cmocka_unit_test(each_line_is_an_object),
        cmocka_unit_test(an_unfinished_line_becomes_partial_objects_that_end),
        cmocka_unit_test(half_a_character_is_waited_for_without_haste),
        cmocka_unit_test(ten_megabytes_in_objects),
        cmocka_unit_test(random_bytes_are_always_objects),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    hr_log_init("test", HR_LOG_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
