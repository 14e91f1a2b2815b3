/* SPDX-License-Identifier: MIT
 * Numbers as Python reads them.  Every row was tried with Python 3.13. */
#include "loader/supervisor/python_number.h"

#include "check.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static void what_int_takes(void **state)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"8001", 8001},     {" 8001 ", 8001}, {"\t8001\n", 8001}, {"\v5\f\r", 5},
                {"+8001", 8001},    {"-1", -1},       {"8_001", 8001},    {"1_2_3", 123},
                {"00008001", 8001}, {"0_0", 0},       {"-0", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        double value = -7;
        assert_int_equal(hr_python_number(good[i].text, true, &value), 0);
        assert_true(value == good[i].value);
    }
    double large = 0;
    assert_int_equal(hr_python_number("99999999999999999999999", true, &large), 0);
    assert_true(large > 9e22);
}

static void what_int_refuses(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "abc",
                                      "8__001",
                                      "_8001",
                                      "8001_",
                                      "8001.0",
                                      "0x1f",
                                      "1e3",
                                      "- 5",
                                      "+-5",
                                      "-",
                                      "+",
                                      "1 2",
                                      "5\x1f",
                                      "\0345", /* a separator Python does not skip here */
                                      "tcp://10.0.0.1:8001",
                                      "inf",
                                      "nan"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        double value = -7;
        assert_int_equal(hr_python_number(bad[i], true, &value), -EINVAL);
        assert_true(value == -7);
    }
}

static void what_float_takes(void **state)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1.5", 1.5},
                {" 1.5\n", 1.5},
                {".5", 0.5},
                {"5.", 5},
                {"1e3", 1000},
                {"1.e5", 1e5},
                {"1_0.5", 10.5},
                {"1e1_0", 1e10},
                {"-2.5e-1", -0.25},
                {"inf", INFINITY},
                {"-Infinity", -INFINITY},
                {"+INF", INFINITY},
                {"1e400", INFINITY}};
    double value = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(hr_python_number(good[i].text, false, &value), 0);
        assert_true(value == good[i].value);
    }
    assert_int_equal(hr_python_number("NaN", false, &value), 0);
    assert_true(isnan(value));
}

static void what_float_refuses(void **state)
{
    static const char *const bad[] = {"",    ".",      "._5",  "1_.5",    "1._5", "1e_1",
                                      "1e",  "e1",     "in_f", "infinit", "0x10", "0x1p3",
                                      ".e5", "nan(1)", "1_",   "1.5.2",   "1,5",  "--1"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        double value = -7;
        assert_int_equal(hr_python_number(bad[i], false, &value), -EINVAL);
        assert_true(value == -7);
    }
}

static void what_cannot_be_told(void **state)
{
    char text[258];
    double value = -7;
    (void)state;
    assert_int_equal(hr_python_number("\xd9\xa8\xd9\xa0", true, &value), -ENOTSUP); /* 80, Arabic */
    memset(text, '1', sizeof(text));
    text[257] = '\0';
    assert_int_equal(hr_python_number(text, true, &value), -ENOTSUP);
    assert_true(value == -7);
    text[256] = '\0'; /* the longest that is read */
    assert_int_equal(hr_python_number(text, true, &value), 0);
    assert_true(value > 1e254);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_int_takes),      cmocka_unit_test(what_int_refuses),
        cmocka_unit_test(what_float_takes),    cmocka_unit_test(what_float_refuses),
        cmocka_unit_test(what_cannot_be_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
