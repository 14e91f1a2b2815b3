/* SPDX-License-Identifier: MIT */
#include "loader/config/setting_value.h"

#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void seconds(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } right[] = {{"0", 0},      {"0.0", 0},      {"5", 5000},   {"0.5", 500},    {"0.05", 50},
                 {"0.050", 50}, {"1.234", 1234}, {"007", 7000}, {"100", 100000}, {"99.999", 99999}};
    static const char *const wrong[] = {"",
                                        ".",
                                        "1.",
                                        ".5",
                                        "-1",
                                        "-0.5",
                                        "-0",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1s",
                                        "1,5",
                                        "1e3",
                                        "0x10",
                                        "1.2.3",
                                        "1.2345",
                                        "nan",
                                        "1.-5",
                                        "1. 5",
                                        "1.+5",
                                        "99999999999999999999",
                                        "2147483648",
                                        "11111111111111111111111111111111111111111111.5"};
    int64_t ms = -7;
    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        assert_int_equal(hr_seconds_parse(right[i].text, 0, 100000, &ms), 0);
        assert_int_equal(ms, right[i].ms);
    }
    ms = -7;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (!hr_seconds_parse(wrong[i], 0, INT64_MAX, &ms))
            fail_msg("taken: \"%s\"", wrong[i]);
    assert_int_equal(hr_seconds_parse("0.009", 10, 20, &ms), -ERANGE);
    assert_int_equal(hr_seconds_parse("0.021", 10, 20, &ms), -ERANGE);
    assert_int_equal(ms, -7); /* untouched throughout */
    assert_int_equal(hr_seconds_parse("0.01", 10, 20, &ms), 0);
    assert_int_equal(hr_seconds_parse("0.02", 10, 20, &ms), 0);
}

static const struct hr_setting *setting(const char *option)
{
    const struct hr_setting *s = hr_setting_find(option, strlen(option));
    assert_non_null(s);
    return s;
}

/* Limits are the table's, both ends included. */
static void limits(void **state)
{
    struct hr_config c;
    char text[HR_SETTING_TEXT];
    char expected[HR_SETTING_EXPECTED];
    (void)state;
    hr_settings_default(&c);
    for (size_t i = 0; i < hr_nsettings; i++) {
        const struct hr_setting *s = &hr_settings[i];
        hr_setting_expected(s, "", expected);
        assert_true(strlen(expected) > 4 && strlen(expected) < sizeof(expected) - 1);
        if (s->type != HR_SETTING_COUNT)
            continue;
        (void)snprintf(text, sizeof(text), "%lld", (long long)s->max);
        assert_int_equal(hr_setting_parse(s, text, &c), 0);
        (void)snprintf(text, sizeof(text), "%lld", (long long)s->max + 1);
        assert_true(hr_setting_parse(s, text, &c) < 0);
        (void)snprintf(text, sizeof(text), "%lld", (long long)s->min - 1);
        assert_true(hr_setting_parse(s, text, &c) < 0);
        hr_setting_format(&c, s, text);
        assert_int_equal(strtoll(text, NULL, 10), s->max); /* stored whole, and kept on failure */
    }
}

static void words(void **state)
{
    struct hr_config c;
    (void)state;
    hr_settings_default(&c);
    const struct hr_setting *s = setting("cleanup");
    static const char *const names[] = {"none", "known", "all"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hr_setting_parse(s, names[i], &c), 0);
        assert_int_equal(c.cleanup, i);
    }
    assert_true(hr_setting_parse(s, "", &c) < 0);
    assert_true(hr_setting_parse(s, "none|known", &c) < 0);
    assert_true(hr_setting_parse(s, "ALL", &c) < 0);
    assert_int_equal(c.cleanup, HR_CLEANUP_ALL);
    assert_int_equal(hr_setting_parse(setting("on-give-up"), "stay", &c), 0);
    assert_true(c.stay);
    char expected[HR_SETTING_EXPECTED];
    hr_setting_expected(s, "", expected);
    assert_string_equal(expected, "none, known or all");
    hr_setting_expected(setting("group"), "", expected);
    assert_string_equal(expected, "off or on");
}

static void addresses_have_their_own_default_host(void **state)
{
    struct hr_config c;
    char text[HR_SETTING_TEXT];
    (void)state;
    hr_settings_default(&c);
    assert_int_equal(hr_setting_parse(setting("health-addr"), ":7", &c), 0);
    hr_setting_format(&c, setting("health-addr"), text);
    assert_string_equal(text, "0.0.0.0:7");
    assert_int_equal(hr_setting_parse(setting("mcp-addr"), ":8", &c), 0);
    hr_setting_format(&c, setting("mcp-addr"), text);
    assert_string_equal(text, "127.0.0.1:8");
    assert_true(hr_setting_parse(setting("mcp-addr"), "localhost:8", &c) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds),
        cmocka_unit_test(limits),
        cmocka_unit_test(words),
        cmocka_unit_test(addresses_have_their_own_default_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
