/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/logline.h"

#include "check.h"
#include "common/log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char out[HR_LOGLINE_ROOM + 1];

/* One object from text, which it must take whole; without its time if that is ours.  Released by
 * the next call. */
static json_t *wrap(const char *text, size_t n)
{
    static json_t *object;
    const struct hr_logline about = {"server", "stderr", true, true};
    size_t taken = 0;
    out[HR_LOGLINE_ROOM] = '#';
    size_t len = hr_logline_json(out, &about, text, n, &taken);
    assert_int_equal(taken, n);
    assert_int_equal(out[HR_LOGLINE_ROOM], '#');
    assert_ptr_equal(memchr(out, '\n', len), out + len - 1);
    json_decref(object);
    object = json_loadb(out, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert_non_null(object);
    out[len] = '\0';
    return object;
}

static void assert_wrapped(const char *text, const char *expected)
{
    json_t *object = wrap(text, strlen(text));
    if (!strstr(expected, "\"time\"")) {
        const char *time = json_string_value(json_object_get(object, "time"));
        assert_non_null(time);
        assert_int_equal(strlen(time), HR_LOG_STAMP);
        (void)json_object_del(object, "time");
    }
    json_t *wanted = json_loads(expected, 0, NULL);
    assert_non_null(wanted);
    if (!json_equal(object, wanted))
        fail_msg("%s\nbecame %snot  %s", text, out, expected);
    json_decref(wanted);
}

#define OURS "\"service\":\"server\",\"stream\":\"stderr\""

static void plain_lines(void **state)
{
    (void)state;
    assert_wrapped("hello", "{" OURS ",\"message\":\"hello\"}");
    assert_wrapped("", "{" OURS ",\"message\":\"\"}");
    assert_wrapped("a \"b\"\t\xff \xc3\xa4",
                   "{" OURS ",\"message\":\"a \\\"b\\\"\\t\xef\xbf\xbd \xc3\xa4\"}");
    assert_wrapped("dos\r", "{" OURS ",\"message\":\"dos\"}");
    assert_wrapped("a\rb", "{" OURS ",\"message\":\"a\\rb\"}");
    json_t *object = wrap("a\0b", 3);
    assert_int_equal(json_string_length(json_object_get(object, "message")), 3);
}

static void assert_level(const char *text, const char *level)
{
    json_t *object = wrap(text, strlen(text));
    const char *got = json_string_value(json_object_get(object, "level"));
    if (level ? !got || strcmp(got, level) != 0 : got != NULL)
        fail_msg("%s: level %s, not %s", text, got ? got : "none", level ? level : "none");
    assert_string_equal(json_string_value(json_object_get(object, "message")), text);
}

static void the_level_that_a_line_says(void **state)
{
    (void)state;
    assert_level("ERROR: x", "error");
    assert_level("ERROR", "error");
    assert_level("INFO:     Started server process [1]", "info");
    assert_level("WARNING x", "warning");
    assert_level("WARN - x", "warning");
    assert_level("DEBUG\tx", "debug");
    assert_level("CRITICAL:x", "critical");
    assert_level("FATAL x", "critical");
    assert_level("[error] x", "error");
    assert_level("[Info]", "info");
    assert_level("[WARNING]: x", "warning");
    assert_level("Traceback (most recent call last):", "error");
    assert_level("Fatal Python error: Aborted", "critical");
    assert_level("error: x", NULL); /* too common a word */
    assert_level("ERRORS: 3", NULL);
    assert_level("ERROR_COUNT=3", NULL);
    assert_level(" ERROR x", NULL);
    assert_level("[error", NULL);
    assert_level("[error x]", NULL);
    assert_level("[", NULL);
    assert_level("[]", NULL);
    assert_level("no ERROR", NULL);
}

static void a_line_of_our_own_is_taken_apart(void **state)
{
    (void)state;
    assert_wrapped("2026-11-21T09:30:00.123Z handrail-toolhost[7] warning: x: y",
                   "{\"time\":\"2026-11-21T09:30:00.123Z\"," OURS
                   ",\"level\":\"warning\",\"message\":\"x: y\"}");
    assert_wrapped("2026-11-21T09:30:00.123Z handrail[1] info: ",
                   "{\"time\":\"2026-11-21T09:30:00.123Z\"," OURS
                   ",\"level\":\"info\",\"message\":\"\"}");
    static const char *const others[] = {
        "2026-11-21T09:30:00.123Z handrail", "2026-11-21T09:30:00.123Z handrail[1]",
        "2026-11-21T09:30:00.123Z handrail[1] x: y", "2026-11-21T09:30:00.123Z handrail[1] info:",
        "2026-11-21T09:30:00,123Z handrail[1] info: x"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_level(others[i], NULL);
}

static void an_object_keeps_what_it_has(void **state)
{
    (void)state;
    assert_wrapped("{\"levelname\":\"INFO\",\"message\":\"m\"}",
                   "{" OURS ",\"levelname\":\"INFO\",\"message\":\"m\"}");
    assert_wrapped(" \t{ } \r", "{" OURS "}");
    assert_wrapped("{\"service\":1,\"stream\":null}",
                   "{\"service\":1,\"stream\":null}"); /* theirs */
    assert_wrapped("{\"time\":1,\"ser\\u0076ice\":\"x\",\"str\\u0065am\":2}",
                   "{\"time\":1,\"service\":\"x\",\"stream\":2}");
    assert_wrapped("{\"a\":{\"service\":1},\"services\":2,\"servic\":3,\"\":4}",
                   "{" OURS ",\"a\":{\"service\":1},\"services\":2,\"servic\":3,\"\":4}");
    (void)wrap("{\"time\":1,\"service\":2,\"stream\":3}", 33);
    assert_string_equal(out, "{\"time\":1,\"service\":2,\"stream\":3}\n");
    (void)wrap("{\"a\": 1.50e+0 }", 15); /* as it was written */
    assert_non_null(strstr(out, OURS ",\"a\": 1.50e+0 }\n"));
}

static void what_is_no_object_is_text(void **state)
{
    static const char *const texts[] = {"[1]",
                                        "1",
                                        "null",
                                        "{",
                                        "}",
                                        "{}x",
                                        "{} {}",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{,}",
                                        "{a:1}",
                                        "{'a':1}",
                                        "{\"a\":01}",
                                        "{\"a\":+1}",
                                        "{\"a\":1.}",
                                        "{\"a\":.5}",
                                        "{\"a\":1e}",
                                        "{\"a\":-}",
                                        "{\"a\":tru}",
                                        "{\"a\":truex}",
                                        "{\"a\":NaN}",
                                        "{\"a\":\"\\x\"}",
                                        "{\"a\":\"\\u12g4\"}",
                                        "{\"a\":\"\\u12\"}",
                                        "{\"a\":\"\\ud83d\"}",
                                        "{\"a\":\"\\ude00\"}",
                                        "{\"a\":\"\\ud83d\\n\"}",
                                        "{\"a\":\"\\ud83d\\ud83d\"}",
                                        "{\"a\":\"\t\"}",
                                        "{\"a\":\"",
                                        "{\"a\":[1}",
                                        "{\"a\":[1,]}",
                                        "{\"a\":[}",
                                        "{\"a\":1 \"b\":2}",
                                        "{\"a\" 1}",
                                        "\x0b{}"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_level(texts[i], NULL);
    json_t *object = wrap("{\"a\":\"\xff\"}", 9);
    assert_string_equal(json_string_value(json_object_get(object, "message")),
                        "{\"a\":\"\xef\xbf\xbd\"}");
    object = wrap("{\"a\":\0}", 7);
    assert_int_equal(json_string_length(json_object_get(object, "message")), 7);
}

/* {"a":[[...]]}, so many levels in all. */
static const char *nested(int depth)
{
    static char text[1000];
    size_t n = (size_t)depth - 1;
    (void)snprintf(text, sizeof(text), "{\"a\":");
    memset(text + 5, '[', n);
    memset(text + 5 + n, ']', n);
    (void)snprintf(text + 5 + 2 * n, 2, "}");
    return text;
}

static void only_so_deep(void **state)
{
    (void)state;
    const char *text = nested(HR_LOGLINE_DEPTH);
    assert_non_null(json_object_get(wrap(text, strlen(text)), "a"));
    assert_level(nested(HR_LOGLINE_DEPTH + 1), NULL);
    assert_level(nested(400), NULL);
    for (int depth = HR_LOGLINE_DEPTH; depth <= HR_LOGLINE_DEPTH + 1; depth++) { /* objects, too */
        char objects[6 * (HR_LOGLINE_DEPTH + 1) + 1] = "";
        size_t n = 0;
        for (int i = 1; i < depth; i++, n += 5)
            (void)snprintf(objects + n, sizeof(objects) - n, "{\"a\":");
        (void)snprintf(objects + n, sizeof(objects) - n, "{}");
        memset(objects + n + 2, '}', (size_t)depth - 1);
        bool known = json_object_get(wrap(objects, strlen(objects)), "a") != NULL;
        assert_int_equal(known, depth == HR_LOGLINE_DEPTH);
    }
}

static void the_largest_object_is_passed_on(void **state)
{
    static char text[HR_LOGLINE_MAX + 1];
    static char service[300];
    struct hr_logline about = {service, "stderr", true, true};
    size_t taken = 0;
    (void)state;
    memset(service, '\x01', sizeof(service) - 1);
    memset(text, 'x', sizeof(text));
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + HR_LOGLINE_MAX - 2, "\"}", 2);
    size_t len = hr_logline_json(out, &about, text, HR_LOGLINE_MAX, &taken);
    assert_true(len > HR_LOGLINE_MAX && len <= HR_LOGLINE_ROOM && taken == HR_LOGLINE_MAX);
    json_t *object = json_loadb(out, len, 0, NULL);
    assert_int_equal(json_string_length(json_object_get(object, "a")), HR_LOGLINE_MAX - 8);
    assert_int_equal(json_string_length(json_object_get(object, "service")), HR_LOGLINE_SERVICE);
    json_decref(object);
    memcpy(text + HR_LOGLINE_MAX - 2, "x\"}", 3); /* one more, and it is text */
    len = hr_logline_json(out, &about, text, HR_LOGLINE_MAX + 1, &taken);
    assert_true(len <= HR_LOGLINE_MAX && taken < HR_LOGLINE_MAX);
    assert_non_null(strstr(out, "\"partial\":true}\n"));
}

/* A long line with what is hardest to cut, in pieces as large as they may be. */
static void a_long_line_comes_in_pieces(void **state)
{
    static char text[15 * 7000];
    static char all[2 * sizeof(text)];
    const struct hr_logline first = {"server", "stdout", true, true};
    struct hr_logline about = first;
    size_t len = 0;
    int pieces = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "ERROR \xf0\x9f\x98\x80\x01\xe2\x82\xac\""[i % 15];
    for (size_t at = 0, taken = 0; at < sizeof(text); at += taken, pieces++) {
        size_t n = hr_logline_json(out, &about, text + at, sizeof(text) - at, &taken);
        json_t *object = json_loadb(out, n, JSON_ALLOW_NUL, NULL);
        json_t *message = json_object_get(object, "message");
        bool last = at + taken == sizeof(text);
        assert_true(n <= HR_LOGLINE_MAX && (last || n > HR_LOGLINE_MAX - 6));
        assert_true(json_is_true(json_object_get(object, "partial")) == !last);
        assert_true((json_object_get(object, "level") != NULL) == (at == 0));
        memcpy(all + len, json_string_value(message), json_string_length(message));
        len += json_string_length(message);
        about.first = false;
        json_decref(object);
    }
    assert_in_range(pieces, 7, 20);
    assert_int_equal(len, sizeof(text));
    assert_memory_equal(all, text, len);
}

static void a_character_waits_for_its_end(void **state)
{
    struct hr_logline about = {"server", "stdout", true, false};
    size_t taken = 9;
    (void)state;
    size_t len = hr_logline_json(out, &about, "a\xe2\x82", 3, &taken);
    assert_int_equal(taken, 1);
    out[len] = '\0';
    assert_non_null(strstr(out, "\"message\":\"a\",\"partial\":true}\n"));
    (void)hr_logline_json(out, &about, "\xe2\x82", 2, &taken);
    assert_int_equal(taken, 0);
    (void)hr_logline_json(out, &about, "a\r", 2, &taken);
    assert_int_equal(taken, 2);
    assert_non_null(strstr(out, "\"message\":\"a\\r\",")); /* not of the line's end */
    about.last = true;
    len = hr_logline_json(out, &about, "\xe2\x82", 2, &taken);
    assert_int_equal(taken, 2);
    out[len] = '\0';
    assert_non_null(strstr(out, "\"message\":\"\xef\xbf\xbd\"}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines),
        cmocka_unit_test(the_level_that_a_line_says),
        cmocka_unit_test(a_line_of_our_own_is_taken_apart),
        cmocka_unit_test(an_object_keeps_what_it_has),
        cmocka_unit_test(what_is_no_object_is_text),
        cmocka_unit_test(only_so_deep),
        cmocka_unit_test(the_largest_object_is_passed_on),
        cmocka_unit_test(a_long_line_comes_in_pieces),
        cmocka_unit_test(a_character_waits_for_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
