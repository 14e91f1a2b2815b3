/* SPDX-License-Identifier: MIT
 * Orders and session keys, read from texts of every kind. */
#include "sidecar/orders/parse.h"

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void orders_are_read(void **state)
{
    struct hr_order o;
    (void)state;
    assert_int_equal(hr_order_parse("INIT 1", &o), 0);
    assert_int_equal(o.kind, HR_ORDER_INIT);
    assert_int_equal(o.starts, 1);
    assert_int_equal(hr_order_parse("KEY 7", &o), 0);
    assert_int_equal(o.kind, HR_ORDER_KEY);
    assert_int_equal(hr_order_parse("PAUSE 4294967295", &o), 0);
    assert_int_equal(o.kind, HR_ORDER_PAUSE);
    assert_true(o.starts == UINT32_MAX);
}

static void other_orders_are_not(void **state)
{
    static const char *const bad[] = {"",          "INIT",
                                      "INIT ",     "INIT 0",
                                      "INIT -1",   "INIT 1 ",
                                      "INIT  1",   "INIT 4294967296",
                                      "INIT 1x",   "INIT x",
                                      "init 1",    "PAUSE1",
                                      "PAUSE 1\n", "STOP 1",
                                      " PAUSE 1",  "PAUSE 0x1",
                                      "PAUSE +1",  "INIT 99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hr_order o = {.kind = HR_ORDER_PAUSE, .starts = 7};
        if (hr_order_parse(bad[i], &o) != -EPROTO)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(o.starts, 7);
    }
}

/* The text is given without a NUL, at the end of its memory, so that a sanitizer sees a step too
 * far. */
static int key_of(const char *text, size_t len, char *out)
{
    char *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    int err = hr_order_session_key(exact, len, out);
    free(exact);
    return err;
}

static void keys_are_found(void **state)
{
    static const struct {
        const char *body;
        const char *key;
    } cases[] = {
        {"{\"session_api_keys\":[\"k\"]}", "k"},
        {" {\r\n\t\"session_api_keys\" : [ \"a b\" , \"c\" ] } ", "a b"},
        {"{\"secret_key\":\"x\",\"session_api_keys\":[\"k\"]}", "k"},
        {"{\"a\":{\"session_api_keys\":[\"no\"]},\"session_api_keys\":[\"k\"]}", "k"},
        {"{\"a\":[[\"]\",\"}\"],{\"b\":\"\\\\\\\"\"}],\"session_api_keys\":[\"k\"],\"z\":1}", "k"},
        {"{\"a\":-1.5e3,\"b\":null,\"c\":true,\"session_api_keys\":[\"k\"]}", "k"},
        {"{\"session_api_keys\":[\"old\"],\"session_api_keys\":[\"new\"]}", "new"},
        {"{\"session\\u005fapi_keys\":[\"k\"]}", "k"},
        {"{\"session_api_keys\":[\"\\u0041\\\"\\\\\\/\"]}", "A\"\\/"},
        {"{\"session_api_keys\":[\"\\u00e9\\u20AC\\uD83D\\ude00\"]}",
         "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"{\"session_api_keys\":[\"\xc3\xa9\"]}", "\xc3\xa9"},
        {"{\"n\":\"bad \\n string\",\"session_api_keys\":[\"k\"]}", "k"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[HR_SESSION_KEY_MAX + 1] = "";
        if (key_of(cases[i].body, strlen(cases[i].body), out))
            fail_msg("no key in %s", cases[i].body);
        assert_string_equal(out, cases[i].key);
    }
}

static void where_there_is_none_there_is_none(void **state)
{
    static const char *const none[] = {
        "",
        "{",
        "{}",
        "[]",
        "null",
        "\"session_api_keys\"",
        "{\"session_api_keys\"",
        "{\"session_api_keys\":",
        "{\"session_api_keys\":null}",
        "{\"session_api_keys\":[]}",
        "{\"session_api_keys\":[",
        "{\"session_api_keys\":[\"",
        "{\"session_api_keys\":[\"k",
        "{\"session_api_keys\":[\"k\\",
        "{\"session_api_keys\":[\"k\\\"]}",
        "{\"session_api_keys\":[\"\"]}",
        "{\"session_api_keys\":\"k\"}",
        "{\"session_api_keys\":[1,\"k\"]}",
        "{\"session_api_keys\":[[\"k\"]]}",
        "{\"session_api_keys\":[\"k\"],\"session_api_keys\":null}",
        "{\"session_api_keys\":[\"a\\r\\nb\"]}",
        "{\"session_api_keys\":[\"a\nb\"]}",
        "{\"session_api_keys\":[\"a\\u0000b\"]}",
        "{\"session_api_keys\":[\"a\\u007f\"]}",
        "{\"session_api_keys\":[\"\\ud83d\"]}",
        "{\"session_api_keys\":[\"\\ud83d\\u0041\"]}",
        "{\"session_api_keys\":[\"\\ude00\"]}",
        "{\"session_api_keys\":[\"\\u12\"]}",
        "{\"session_api_keys\":[\"\\u\"]}",
        "{\"session_api_keys\":[\"\\x41\"]}",
        "{\"session_api_keyss\":[\"k\"]}",
        "{\"session_api_key\":[\"k\"]}",
        "{\"env\":{\"session_api_keys\":[\"k\"]}}",
        "{\"env\":\"\\\",\\\"session_api_keys\\\":[\\\"k\\\"]\"}",
        "{session_api_keys:[\"k\"]}",
        "{\"a\" 1,\"session_api_keys\":[\"k\"]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        char out[HR_SESSION_KEY_MAX + 1] = "untouched";
        if (key_of(none[i], strlen(none[i]), out) != -ENOKEY)
            fail_msg("\"%s\" in %s", out, none[i]);
        assert_string_equal(out, "untouched");
    }
}

static void a_nul_is_no_end_and_no_space(void **state)
{
    static const char body[] = "{\"a\":\"\0\",\"session_api_keys\":[\"k\"]}";
    static const char space[] = "{\0\"session_api_keys\":[\"k\"]}";
    char out[HR_SESSION_KEY_MAX + 1] = "";
    (void)state;
    assert_int_equal(key_of(body, sizeof(body) - 1, out), 0);
    assert_string_equal(out, "k");
    assert_int_equal(key_of(space, sizeof(space) - 1, out), -ENOKEY);
}

/* Exactly HR_SESSION_KEY_MAX bytes are a key, one more is not; and one that is too long, wherever
 * it stands, takes nothing else along. */
static void keys_are_bounded(void **state)
{
    char body[2 * HR_SESSION_KEY_MAX + 100];
    char out[HR_SESSION_KEY_MAX + 1] = "";
    (void)state;
    for (int more = 0; more < 2; more++) {
        int n = snprintf(body, sizeof(body), "{\"session_api_keys\":[\"%0*d\"]}",
                         HR_SESSION_KEY_MAX + more, 0);
        assert_int_equal(key_of(body, (size_t)n, out), more ? -ENOKEY : 0);
        assert_int_equal(strlen(out), HR_SESSION_KEY_MAX);
    }
    int n = snprintf(body, sizeof(body), "{\"a\":\"%0*d\",\"session_api_keys\":[\"k\"]}",
                     HR_SESSION_KEY_MAX + 10, 0);
    assert_int_equal(key_of(body, (size_t)n, out), 0);
    assert_string_equal(out, "k");
}

static void depth_costs_nothing(void **state)
{
    enum { DEEP = 100000 };
    char out[HR_SESSION_KEY_MAX + 1] = "";
    static const char tail[] = ",\"session_api_keys\":[\"k\"]}";
    char *body = malloc(2 * DEEP + sizeof(tail) + 5);
    (void)state;
    assert_non_null(body);
    memcpy(body, "{\"a\":", 5);
    memset(body + 5, '[', DEEP);
    assert_int_equal(key_of(body, 5 + DEEP, out), -ENOKEY);
    memset(body + 5 + DEEP, ']', DEEP);
    memcpy(body + 5 + 2 * DEEP, tail, sizeof(tail));
    assert_int_equal(key_of(body, 5 + 2 * DEEP + strlen(tail), out), 0);
    assert_string_equal(out, "k");
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_read),
        cmocka_unit_test(other_orders_are_not),
        cmocka_unit_test(keys_are_found),
        cmocka_unit_test(where_there_is_none_there_is_none),
        cmocka_unit_test(a_nul_is_no_end_and_no_space),
        cmocka_unit_test(keys_are_bounded),
        cmocka_unit_test(depth_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
