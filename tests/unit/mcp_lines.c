/* SPDX-License-Identifier: MIT
 * Lines out of bytes: however these are cut, the lines are the same. */
#include "check.h"
#include "sidecar/mcp/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX = 10 };

/* All lines of text, added in pieces of that size, one after the other with a '|' behind each; a
 * line that is too long is "!". */
static void all_lines(const char *text, size_t n, size_t piece, char *ret, size_t size)
{
    struct hr_lines l;
    const char *line = NULL;
    size_t len = 0, at = 0;
    int r = 0;
    hr_lines_init(&l, MAX);
    ret[0] = '\0';
    for (size_t i = 0; i < n; i += piece) {
        assert_int_equal(hr_lines_add(&l, text + i, n - i < piece ? n - i : piece), 0);
        while ((r = hr_lines_next(&l, &line, &len))) {
            assert_true(r == 1 || r == -EMSGSIZE);
            at += (size_t)snprintf(ret + at, size - at, "%.*s|", r > 0 ? (int)len : 1,
                                   r > 0 ? line : "!");
        }
        assert_true(l.buf.len - l.start <= MAX + 1);
    }
    if (hr_lines_rest(&l, &line, &len))
        (void)snprintf(ret + at, size - at, "%.*s", (int)len, line);
    assert_int_equal(hr_lines_rest(&l, &line, &len), 0);
    assert_int_equal(hr_lines_next(&l, &line, &len), 0);
    hr_lines_free(&l);
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    static const struct {
        const char *text, *lines;
    } cases[] = {
        {"", ""},
        {"\n", "|"},
        {"a", "a"},
        {"a\n", "a|"},
        {"a\n\nb\r\nc", "a||b\r|c"},
        {"0123456789\n", "0123456789|"},
        {"0123456789", "0123456789"},
        {"0123456789a\nb\n", "!|b|"},
        {"0123456789a", "!|"},
        {"a\n0123456789abcdefghijklmnopqrstuvwxyz\n\nb", "a|!||b"},
        {"0123456789abcdef\n0123456789abcdef\nc\n", "!|!|c|"},
    };
    char seen[256];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t piece = 1; piece <= strlen(cases[i].text) + 1; piece++) {
            all_lines(cases[i].text, strlen(cases[i].text), piece, seen, sizeof(seen));
            assert_string_equal(seen, cases[i].lines);
        }
}

/* What cannot be taken now is there later, and the memory of a large line is given back. */
static void test_later(void **state)
{
    (void)state;
    enum { LARGE = 4 * 1024 * 1024 };
    struct hr_lines l;
    const char *line = NULL;
    size_t len = 0;
    char *piece = malloc(HR_LINES_PIECE_MAX);
    assert_non_null(piece);
    memset(piece, 'x', HR_LINES_PIECE_MAX);
    hr_lines_init(&l, LARGE);
    for (int i = 0; i < LARGE / HR_LINES_PIECE_MAX; i++) {
        assert_int_equal(hr_lines_add(&l, piece, HR_LINES_PIECE_MAX), 0);
        assert_int_equal(hr_lines_next(&l, &line, &len), 0);
    }
    memcpy(piece, "\none\ntwo\nthr", 12);
    assert_int_equal(hr_lines_add(&l, piece, 12), 0);
    assert_int_equal(hr_lines_next(&l, &line, &len), 1);
    assert_int_equal(len, LARGE);
    assert_int_equal(hr_lines_next(&l, &line, &len), 1);
    assert_memory_equal(line, "one", len);
    assert_int_equal(hr_lines_next(&l, &line, &len), 1);
    assert_memory_equal(line, "two", len);
    assert_int_equal(hr_lines_next(&l, &line, &len), 0);
    assert_int_equal(hr_lines_add(&l, "ee\n", 3), 0);
    assert_int_equal(hr_lines_next(&l, &line, &len), 1);
    assert_memory_equal(line, "three", len);
    assert_int_equal(hr_lines_add(&l, "\n", 1), 0);
    assert_true(l.buf.cap <= HR_LINES_PIECE_MAX);
    hr_lines_free(&l);
    free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
