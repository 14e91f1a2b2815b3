/* SPDX-License-Identifier: MIT */
#include "common/utf8.h"

#include "check.h"
#include "common/buf.h"

#include <stdbool.h>
#include <string.h>

/* RFC 3629 by its definition, slowly: decode, then compare with the shortest form. */
static size_t slow_char(const unsigned char *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80       ? 1
                 : p[0] >> 5 == 6  ? 2
                 : p[0] >> 4 == 14 ? 3
                 : p[0] >> 3 == 30 ? 4
                                   : 0;
    if (!len || len > n)
        return 0;
    uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        c = c << 6 | (p[i] & 63);
    }
    return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : len;
}

static void every_code_point_is_written(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char text[4];
        if (c == 0xd800)
            c = 0xe000;
        size_t n = hr_utf8_encode(text, c);
        assert_int_equal(n, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        assert_int_equal(slow_char((unsigned char *)text, n), n);
        uint32_t back = n == 1 ? (unsigned char)text[0] : (unsigned char)text[0] & (0x7fu >> n);
        for (size_t i = 1; i < n; i++)
            back = back << 6 | ((unsigned char)text[i] & 63);
        assert_int_equal(back, c);
    }
}

static void what_steers_is_known(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char text[4];
        size_t n = c >= 0xd800 && c <= 0xdfff ? 0 : hr_utf8_encode(text, c);
        bool steers = c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x202a && c <= 0x202e) ||
                      (c >= 0x2066 && c <= 0x2069);
        if (!n)
            continue;
        assert_int_equal(hr_utf8_steers(text, n), steers ? n : 0);
        assert_int_equal(hr_utf8_steers(text, n - 1), 0);
    }
}

static void characters_are_counted(void **state)
{
    (void)state;
    static const char *const parts[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    char text[256];
    size_t n = 0;
    for (size_t count = 0; n + 4 < sizeof(text); count++) {
        for (size_t from = 0; from <= n; from++) { /* at every alignment, and cut anywhere */
            size_t slow = 0;
            for (size_t i = from; i < n; i++)
                slow += ((unsigned char)text[i] & 0xc0) != 0x80;
            assert_int_equal(hr_utf8_count(text + from, n - from), slow);
        }
        assert_int_equal(hr_utf8_count(text, n), count);
        const char *part = parts[count * 7 % 13 % 4];
        memcpy(text + n, part, strlen(part));
        n += strlen(part);
    }
}

static void agrees_with_the_definition(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < 1u << 24; v += 1) {
        /* Three free bytes behind each interesting lead byte, and three at the start. */
        unsigned char p[4] = {(unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v,
                              0xbf};
        size_t slow = slow_char(p, 4);
        size_t fast = hr_utf8_valid((const char *)p, slow ? slow : 4);
        if (slow ? fast != slow : fast != 0)
            fail_msg("%02x %02x %02x %02x: %zu, expected %zu", p[0], p[1], p[2], p[3], fast, slow);
    }
}

static void clean_replaces_what_is_broken(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain", "plain"},
        {"\xff", "\xef\xbf\xbd"},
        {"a\xc3z", "a\xef\xbf\xbdz"},
        {"\xe2\x82", "\xef\xbf\xbd"},       /* cut short: one replacement */
        {"\xed\xa0\x80x", "\xef\xbf\xbdx"}, /* a surrogate */
        {"\xc3\xa4\x80\xc3\xb6", "\xc3\xa4\xef\xbf\xbd\xc3\xb6"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hr_buf b;
        hr_buf_init(&b, 100);
        assert_int_equal(hr_utf8_clean(&b, cases[i].in, strlen(cases[i].in)), 0);
        assert_string_equal(hr_buf_str(&b), cases[i].out);
        assert_int_equal(hr_utf8_valid(hr_buf_str(&b), b.len), b.len);
        hr_buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_written),
        cmocka_unit_test(what_steers_is_known),
        cmocka_unit_test(characters_are_counted),
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(clean_replaces_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
