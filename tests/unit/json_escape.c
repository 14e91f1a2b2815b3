/* SPDX-License-Identifier: MIT */
#include "common/json_escape.h"

#include "check.h"
#include "common/buf.h"
#include "common/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Escape with much room; the result as a C string. */
static const char *escaped(const char *s, size_t n)
{
    static char out[4096];
    size_t taken = 0;
    size_t len = hr_json_escape(out, sizeof(out) - 1, s, n, &taken);
    assert_int_equal(taken, n);
    out[len] = '\0';
    return out;
}

static void what_each_byte_becomes(void **state)
{
    (void)state;
    assert_string_equal(escaped("", 0), "");
    assert_string_equal(escaped("plain /text", 11), "plain /text");
    assert_string_equal(escaped("\"\\\b\f\n\r\t", 7), "\\\"\\\\\\b\\f\\n\\r\\t");
    assert_string_equal(escaped("a\0\x01\x1b\x7f", 5), "a\\u0000\\u0001\\u001b\\u007f");
    assert_string_equal(escaped("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9),
                        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void what_is_not_utf8_becomes_one_replacement_each(void **state)
{
    static const char *const bad[] = {
        "\xff",             /* never valid */
        "\x80\x80",         /* no beginning */
        "\xc0\xaf",         /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xe2\x82",         /* the end is missing */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[16];
        size_t n = strlen(bad[i]);
        (void)snprintf(text, sizeof(text), "a%sz", bad[i]);
        assert_string_equal(escaped(text, n + 2), "a\xef\xbf\xbdz");
        assert_string_equal(escaped(bad[i], n), "\xef\xbf\xbd");
    }
}

/* With any room: what is written is whole, stands for what was taken, and a byte more of the input
 * would not have fitted. */
static void any_room_is_kept_to_the_byte(void **state)
{
    static const char text[] = "x\n\x01\xe2\x82\xac\xff\"\xf0\x9f\x98\x80y\x7f";
    const size_t n = sizeof(text) - 1;
    (void)state;
    for (size_t room = 0; room < 64; room++) {
        char *out = malloc(room + 1);
        size_t taken = 99;
        assert_non_null(out);
        memset(out, '#', room + 1);
        size_t len = hr_json_escape(out, room, text, n, &taken);
        assert_true(len <= room && taken <= n && out[len] == '#' && out[room] == '#');
        assert_true(len == strlen(escaped(text, taken)));
        assert_memory_equal(out, escaped(text, taken), len);
        size_t more = taken;
        for (size_t r = room + 1; r < 64 && more == taken; r++) {
            char next[64];
            if (hr_json_escape(next, r, text, n, &more) <= room)
                assert_int_equal(more, taken);
        }
        assert_true(room < 40 || taken == n);
        free(out);
    }
}

/* Bytes of all kinds, with those that matter more often than by chance. */
static size_t random_text(char *text, size_t max)
{
    static const char special[] =
        "\"\\\n\x80\xbf\xc3\xa4\xe2\x82\xac\xed\xa0\xf0\x9f\x98\xff\x00\x1f";
    size_t n = (size_t)rand() % max;
    for (size_t i = 0; i < n; i++)
        text[i] = (char)(rand() % 2 ? special[(size_t)rand() % sizeof(special)] : rand() % 256);
    return n;
}

static void random_bytes_come_back_cleaned(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char text[40];
        char json[2 + sizeof(text) * HR_JSON_ESCAPE_MAX];
        struct hr_buf clean;
        size_t n = random_text(text, sizeof(text));
        size_t taken = 0;
        json[0] = '"';
        size_t len = 1 + hr_json_escape(json + 1, sizeof(json) - 2, text, n, &taken);
        json[len++] = '"';
        assert_int_equal(taken, n);
        json_t *value = json_loadb(json, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(value);
        hr_buf_init(&clean, sizeof(text) * 3);
        assert_int_equal(hr_utf8_clean(&clean, text, n), 0);
        assert_int_equal(json_string_length(value), clean.len);
        assert_memory_equal(json_string_value(value), hr_buf_str(&clean), clean.len);
        hr_buf_free(&clean);
        json_decref(value);
    }
}

static void a_character_is_not_cut(void **state)
{
    (void)state;
    assert_int_equal(hr_json_whole("", 0), 0);
    assert_int_equal(hr_json_whole("abc", 3), 3);
    assert_int_equal(hr_json_whole("a\xe2\x82\xac", 4), 4);
    assert_int_equal(hr_json_whole("a\xe2\x82", 3), 1);
    assert_int_equal(hr_json_whole("a\xe2", 2), 1);
    assert_int_equal(hr_json_whole("\xf0\x9f\x98", 3), 0);
    assert_int_equal(hr_json_whole("a\xff", 2), 2);            /* nothing that could go on */
    assert_int_equal(hr_json_whole("\x80\x80\x80\x80", 4), 4); /* nor here */
}

static void escapes_are_read(void **state)
{
    static const struct {
        const char *text;
        size_t taken;
        uint32_t c;
    } cases[] = {
        {"\\\"x", 2, '"'},
        {"\\\\", 2, '\\'},
        {"\\/", 2, '/'},
        {"\\b", 2, 8},
        {"\\f", 2, 12},
        {"\\n", 2, 10},
        {"\\r", 2, 13},
        {"\\t", 2, 9},
        {"\\u0000", 6, 0},
        {"\\u00E9a", 6, 0xe9},
        {"\\ud7ff", 6, 0xd7ff},
        {"\\uE000", 6, 0xe000},
        {"\\uffff0", 6, 0xffff},
        {"\\ud800\\udc00", 12, 0x10000},
        {"\\uDbfF\\uDffF1", 12, 0x10ffff},
        /* none */
        {"", 0, 0},
        {"\\", 0, 0},
        {"\\x41", 0, 0},
        {"\\'", 0, 0},
        {"\\U0041", 0, 0},
        {"\\u", 0, 0},
        {"\\u12", 0, 0},
        {"\\u123", 0, 0},
        {"\\u12g4", 0, 0},
        {"\\u-123", 0, 0},
        {"\\ud800", 0, 0},
        {"\\udc00", 0, 0},
        {"\\udbff\\ue000", 0, 0},
        {"\\ud800\\ud800", 0, 0},
        {"\\ud800\\udc0", 0, 0},
        {"\\ud800xudc00", 0, 0},
        {"\\ud800\\n", 0, 0},
        {"\\udc00\\udc00", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t c = 12345;
        size_t n = strlen(cases[i].text);
        char *exact = malloc(n + 1); /* one byte too far is seen by the sanitizer */
        assert_non_null(exact);
        memcpy(exact + 1, cases[i].text, n);
        if (hr_json_unescape(exact + 1, n, &c) != cases[i].taken)
            fail_msg("%s", cases[i].text);
        assert_int_equal(c, cases[i].taken ? cases[i].c : 12345);
        free(exact);
    }
    uint32_t c = 12345;
    assert_int_equal(hr_json_unescape("\\\0", 2, &c), 0);
    assert_int_equal(hr_json_unescape("\\u12\0004", 6, &c), 0);
    assert_int_equal(c, 12345);
}

/* All that we escape comes back. */
static void what_is_escaped_is_read_back(void **state)
{
    (void)state;
    for (int byte = 0; byte < 0x80; byte++) {
        char text = (char)byte;
        uint32_t c = 0;
        const char *e = escaped(&text, 1);
        if (e[0] == '\\') {
            assert_int_equal(hr_json_unescape(e, strlen(e), &c), strlen(e));
            assert_int_equal(c, byte);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_each_byte_becomes),
        cmocka_unit_test(what_is_not_utf8_becomes_one_replacement_each),
        cmocka_unit_test(any_room_is_kept_to_the_byte),
        cmocka_unit_test(random_bytes_come_back_cleaned),
        cmocka_unit_test(a_character_is_not_cut),
        cmocka_unit_test(escapes_are_read),
        cmocka_unit_test(what_is_escaped_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
