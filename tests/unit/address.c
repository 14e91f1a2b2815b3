/* SPDX-License-Identifier: MIT */
#include "loader/config/address.h"

#include "check.h"

#include <string.h>

static void good_addresses(void **state)
{
    static const struct {
        const char *in, *out;
        bool loopback;
    } cases[] = {
        {"0.0.0.0:60010", "0.0.0.0:60010", false}, {"127.0.0.1:0", "127.0.0.1:0", true},
        {":60011", "127.0.0.1:60011", true},       {"[::]:1", "[::]:1", false},
        {"[::1]:65535", "[::1]:65535", true},      {"127.9.9.9:5", "127.9.9.9:5", true},
        {"10.0.0.1:80", "10.0.0.1:80", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hr_address a;
        char text[HR_ADDRESS_TEXT];
        assert_int_equal(hr_address_parse(cases[i].in, "127.0.0.1", &a), 0);
        hr_address_format(&a, text);
        assert_string_equal(text, cases[i].out);
        assert_int_equal(hr_address_is_loopback(&a), cases[i].loopback);
    }
}

static void bad_addresses(void **state)
{
    static const char *const cases[] = {
        "",
        "60010",
        "localhost:1",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "1.2.3.4:70000",
        "::1:60010",
        "[::1]",
        "[::1:5",
        "1.2.3:5",
        "1.2.3.4:-1",
        "1.2.3.4: 5",
        "[]:5",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:5",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hr_address a;
        if (hr_address_parse(cases[i], "127.0.0.1", &a) == 0)
            fail_msg("\"%s\" was taken", cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses),
        cmocka_unit_test(bad_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
