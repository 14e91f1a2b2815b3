/* SPDX-License-Identifier: MIT */
#include "samples.h"

#include "check.h"
#include "fake_host.h"

#include <string.h>

static const handrail_plugin *plugin;
static void *self;

static int start(void **state)
{
    handrail_call c;

    (void)state;
    plugin = fake_host_load(ECHO_PLUGIN);
    fake_call_init(&c);
    assert_int_equal(plugin->create(&fake_host, &c, "{}", 2, &self), HANDRAIL_OK);
    assert_non_null(self);
    fake_call_free(&c);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    plugin->destroy(self);
    return 0;
}

static void text_comes_back_unchanged(void **state)
{
    static const struct {
        const char *args, *text;
        size_t len;
    } cases[] = {
        {"{\"text\":\"hello\"}", "hello", 5},
        {"{\"text\":\"\"}", "", 0},
        {"{\"text\":\"a\\n\\t\\\"\\\\\\/\"}", "a\n\t\"\\/", 6},
        {"{\"text\":\"\\u00e9\\ud83d\\ude00\"}", "\xc3\xa9\xf0\x9f\x98\x80", 6},
        {"{\"text\":\"a\\u0000b\"}", "a\0b", 3},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        handrail_call c;
        fake_call_init(&c);
        assert_int_equal(fake_host_invoke(plugin, self, "echo", &c, cases[i].args), HANDRAIL_OK);
        assert_int_equal(c.text_len, cases[i].len);
        assert_memory_equal(c.text, cases[i].text, cases[i].len);
        fake_call_free(&c);
    }
}

static void wrong_arguments_are_refused_with_a_reason(void **state)
{
    static const char *const cases[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"text\":1}",
        "{\"text\":null}",
        "{\"text\":\"\xff\"}",
        "{\"text\":\"\\ud800\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        handrail_call c;
        fake_call_init(&c);
        assert_int_equal(fake_host_invoke(plugin, self, "echo", &c, cases[i]), HANDRAIL_E_INVALID);
        assert_true(strlen(c.error) > 0);
        assert_int_equal(c.text_len, 0);
        fake_call_free(&c);
    }
}

static void the_hosts_limit_is_passed_on(void **state)
{
    handrail_call c;

    (void)state;
    fake_call_init(&c);
    c.text_max = 4;
    assert_int_equal(fake_host_invoke(plugin, self, "echo", &c, "{\"text\":\"hello\"}"),
                     HANDRAIL_E_LIMIT);
    fake_call_free(&c);
}

int samples_echo(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(text_comes_back_unchanged),
        cmocka_unit_test(wrong_arguments_are_refused_with_a_reason),
        cmocka_unit_test(the_hosts_limit_is_passed_on),
    };

    return cmocka_run_group_tests_name("samples/echo", all, start, stop);
}
