/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/control_parse.h"

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_79 "0123456789012345678901234567890123456789012345678901234567890123456789012345678"

static struct hr_control_order parsed(const char *line)
{
    struct hr_control_order o = {.number = 99};
    char error[HR_ORDER_ERROR] = "";
    if (hr_control_parse(line, strlen(line), &o, error))
        fail_msg("%s: %s", line, error);
    return o;
}

static void every_order_is_understood(void **state)
{
    (void)state;
    assert_int_equal(parsed("{\"order\":\"status\"}").order, HR_ORDER_STATUS);
    assert_int_equal(parsed("{\"order\":\"stop\"}").order, HR_ORDER_STOP);
    assert_int_equal(parsed("{\"order\":\"reload\"}").order, HR_ORDER_RELOAD);
    assert_int_equal(parsed("{\"order\":\"crashes\"}").order, HR_ORDER_CRASHES);
    struct hr_control_order o = parsed("{\"order\":\"restart\",\"service\":\"toolhost/echo\"}");
    assert_int_equal(o.order, HR_ORDER_RESTART);
    assert_string_equal(o.service, "toolhost/echo");
    o = parsed("{\"order\":\"drain\",\"on\":true}");
    assert_int_equal(o.order, HR_ORDER_DRAIN);
    assert_true(o.on);
    assert_false(parsed("{\"order\":\"drain\",\"on\":false}").on);
    o = parsed("{\"order\":\"crash\",\"number\":9223372036854775807}");
    assert_int_equal(o.order, HR_ORDER_CRASH);
    assert_true(o.number == INT64_MAX);
}

static void any_form_of_the_same_json_is_taken(void **state)
{
    (void)state;
    struct hr_control_order o =
        parsed("\t{ \"service\" :\r\"server\" ,\n\"order\": \"restart\" } \r");
    assert_int_equal(o.order, HR_ORDER_RESTART);
    assert_string_equal(o.service, "server");
    o = parsed("{\"\\u006frd\\u0065r\":\"r\\u0065start\",\"service\":"
               "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83D\\ude00\"}");
    assert_string_equal(o.service, "\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    o = parsed("{\"order\":\"restart\",\"service\":\"" NAME_79 "\"}");
    assert_string_equal(o.service, NAME_79);
}

static void what_is_wrong_is_said_and_where(void **state)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        {"", "byte 1: expected an object, as {\"order\":\"status\"}"},
        {"  status", "byte 3: expected an object, as {\"order\":\"status\"}"},
        {"[]", "byte 1: expected an object, as {\"order\":\"status\"}"},
        {"{}", "byte 1: \"order\" is missing"},
        {"{\"on\":true}", "byte 1: \"order\" is missing"},
        {"{", "byte 2: expected a key in quotes"},
        {"{,}", "byte 2: expected a key in quotes"},
        {"{\"order\"}", "byte 9: expected a colon"},
        {"{\"order\":}", "byte 10: \"order\" takes a string"},
        {"{\"order\":1}", "byte 10: \"order\" takes a string"},
        {"{\"order\":\"stop\",}", "byte 17: expected a key in quotes"},
        {"{\"order\":\"stop\" \"on\":true}", "byte 17: expected a comma or the end of the object"},
        {"{\"order\":\"stop\"", "byte 16: expected a comma or the end of the object"},
        {"{\"order\":\"stop\"} {}", "byte 18: something follows the object"},
        {"{\"order\":\"stop\"}\x01", "byte 17: something follows the object"},
        {"{\"order\":\"explode\"}",
         "byte 10: unknown order \"explode\": expected status, restart, stop, reload, drain, "
         "crashes or crash"},
        {"{\"order\":\"stop\",\"when\":1}", "byte 17: unknown key \"when\""},
        {"{\"order\":\"stop\",\"order\":\"stop\"}", "byte 17: \"order\" a second time"},
        {"{\"order\":\"stop\",\"service\":\"server\"}",
         "byte 1: order stop does not take \"service\""},
        {"{\"order\":\"restart\"}", "byte 1: order restart needs \"service\""},
        {"{\"order\":\"drain\"}", "byte 1: order drain needs \"on\""},
        {"{\"order\":\"crash\"}", "byte 1: order crash needs \"number\""},
        {"{\"order\":\"restart\",\"service\":\"\"}",
         "byte 30: \"service\" is empty: name a service that status lists"},
        {"{\"order\":\"restart\",\"service\":null}", "byte 30: \"service\" takes a string"},
        {"{\"order\":\"restart\",\"service\":[\"a\"]}", "byte 30: \"service\" takes a string"},
        {"{\"order\":\"restart\",\"service\":{}}", "byte 30: \"service\" takes a string"},
        {"{\"order\":\"drain\",\"on\":1}", "byte 23: \"on\" takes true or false"},
        {"{\"order\":\"drain\",\"on\":tru}", "byte 23: \"on\" takes true or false"},
        {"{\"order\":\"drain\",\"on\":truest}",
         "byte 27: expected a comma or the end of the object"},
        {"{\"order\":\"crash\",\"number\":0}", "byte 27: \"number\" takes a whole number from 1"},
        {"{\"order\":\"crash\",\"number\":-1}", "byte 27: \"number\" takes a whole number from 1"},
        {"{\"order\":\"crash\",\"number\":1.0}", "byte 27: \"number\" takes a whole number from 1"},
        {"{\"order\":\"crash\",\"number\":1E2}", "byte 27: \"number\" takes a whole number from 1"},
        {"{\"order\":\"crash\",\"number\":\"1\"}",
         "byte 27: \"number\" takes a whole number from 1"},
        {"{\"order\":\"crash\",\"number\":9223372036854775808}",
         "byte 27: the number is too large"},
        {"{\"order\":\"st", "byte 10: the string does not end"},
        {"{\"order\":\"st\\", "byte 13: unknown escape: \\u takes four hexadecimal digits, and a "
                              "surrogate its other half"},
        {"{\"order\":\"\\x\"}", "byte 11: unknown escape: \\u takes four hexadecimal digits, and a "
                                "surrogate its other half"},
        {"{\"order\":\"\\u12g4\"}", "byte 11: unknown escape: \\u takes four hexadecimal digits, "
                                    "and a surrogate its other half"},
        {"{\"order\":\"\\u0000\"}", "byte 11: a name cannot hold a NUL"},
        {"{\"order\":\"\\ud800\"}", "byte 11: unknown escape: \\u takes four hexadecimal digits, "
                                    "and a surrogate its other half"},
        {"{\"order\":\"\\ud800\\u0041\"}", "byte 11: unknown escape: \\u takes four hexadecimal "
                                           "digits, and a surrogate its other half"},
        {"{\"order\":\"\\udc00\"}", "byte 11: unknown escape: \\u takes four hexadecimal digits, "
                                    "and a surrogate its other half"},
        {"{\"order\":\"a\tb\"}", "byte 12: control character in a string"},
        {"{\"order\":\"\xc3(\"}", "byte 11: not UTF-8"},
        {"{\"order\":\"" NAME_79 "x\"}", "byte 10: string of more than 79 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hr_control_order o = {.number = 99};
        char error[HR_ORDER_ERROR] = "";
        assert_int_equal(hr_control_parse(cases[i].line, strlen(cases[i].line), &o, error),
                         -EINVAL);
        assert_string_equal(error, cases[i].error);
        assert_int_equal(o.number, 99);
    }
}

static void a_nul_is_not_the_end(void **state)
{
    static const char line[] = "{\"order\":\"stop\"}\0}";
    static const char inside[] = "{\"order\":\"stop\0\"}";
    struct hr_control_order o;
    char error[HR_ORDER_ERROR];
    (void)state;
    assert_int_equal(hr_control_parse(line, sizeof(line) - 1, &o, error), -EINVAL);
    assert_string_equal(error, "byte 17: something follows the object");
    assert_int_equal(hr_control_parse(inside, sizeof(inside) - 1, &o, error), -EINVAL);
    assert_string_equal(error, "byte 15: control character in a string");
}

/* No prefix of an order is an order. */
static void half_an_order_is_none(void **state)
{
    static const char line[] = "{\"order\":\"restart\",\"service\":\"\\u00e9\"}";
    struct hr_control_order o;
    char error[HR_ORDER_ERROR];
    (void)state;
    for (size_t n = 0; n < sizeof(line) - 1; n++)
        assert_int_equal(hr_control_parse(line, n, &o, error), -EINVAL);
    assert_int_equal(hr_control_parse(line, sizeof(line) - 1, &o, error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_is_understood),
        cmocka_unit_test(any_form_of_the_same_json_is_taken),
        cmocka_unit_test(what_is_wrong_is_said_and_where),
        cmocka_unit_test(a_nul_is_not_the_end),
        cmocka_unit_test(half_an_order_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
