/* SPDX-License-Identifier: MIT
 * Times as text. */
#include "common/wall_text.h"

#include "check.h"

static void wall_times_as_text(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00.000Z"},
                 {999, "1970-01-01T00:00:00.999Z"},
                 {1795341000007, "2026-11-22T09:50:00.007Z"},
                 {253402300799999, "9999-12-31T23:59:59.999Z"},
                 {253402300800000, ""},
                 {-1, ""},
                 {INT64_MAX, ""},
                 {INT64_MIN, ""}};
    char text[HR_WALL_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hr_wall_text(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_times_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
