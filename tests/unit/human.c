/* SPDX-License-Identifier: MIT
 * Quantities for people: every unit, both sides of every border, and nonsense. */
#include "common/human.h"

#include "check.h"

#include <math.h>
#include <string.h>

struct expectation {
    double value;
    const char *text;
};

static void walk(void (*function)(char out[HR_HUMAN_MAX], double v), const struct expectation *all,
                 size_t n)
{
    char out[HR_HUMAN_MAX];
    for (size_t i = 0; i < n; i++) {
        function(out, all[i].value);
        assert_string_equal(out, all[i].text);
    }
}

#define WALK(function, all) walk(function, all, sizeof(all) / sizeof((all)[0]))

static void durations(void **state)
{
    static const struct expectation all[] = {{-1, "0.0s"},       {0, "0.0s"},
                                             {0.04, "0.0s"},     {9.94, "9.9s"},
                                             {9.96, "9s"},       {10, "10s"},
                                             {59.9, "59s"},      {60, "1m 0s"},
                                             {3599, "59m 59s"},  {3600, "1h 0m"},
                                             {86399, "23h 59m"}, {86400, "1d 0h"},
                                             {1e9, "11574d 1h"}, {1e300, "11574074d 1h"},
                                             {NAN, "0.0s"},      {INFINITY, "11574074d 1h"},
                                             {-INFINITY, "0.0s"}};
    (void)state;
    WALK(hr_human_duration, all);
}

static void latencies(void **state)
{
    static const struct expectation all[] = {{-1, "0 us"},          {0, "0 us"},
                                             {0.0000004, "0 us"},   {0.00085, "850 us"},
                                             {0.0009994, "999 us"}, {0.0009996, "1.0 ms"},
                                             {0.0032, "3.2 ms"},    {0.00996, "10 ms"},
                                             {0.9994, "999 ms"},    {0.9996, "1.0 s"},
                                             {1.5, "1.5 s"},        {75, "75 s"},
                                             {NAN, "0 us"},         {1e300, "1000000000000 s"}};
    (void)state;
    WALK(hr_human_latency, all);
}

static void bytes(void **state)
{
    static const struct expectation all[] = {
        {-5, "0 B"},           {0, "0 B"},           {1023, "1023 B"},
        {1023.9, "1.0 KiB"},   {1536, "1.5 KiB"},    {432013312, "412 MiB"},
        {1048000, "1023 KiB"}, {1048576, "1.0 MiB"}, {2147483648., "2.0 GiB"},
        {5e12, "4.5 TiB"},     {9.2e18, "8171 PiB"}, {1e300, "9999 PiB"},
        {NAN, "0 B"}};
    (void)state;
    WALK(hr_human_bytes, all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(latencies),
        cmocka_unit_test(bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
