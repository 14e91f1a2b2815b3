/* SPDX-License-Identifier: MIT
 * URLs and headers that somebody has configured. */
#include "loader/config/web_url.h"

#include "check.h"

#include <errno.h>
#include <string.h>

static void right_ones(void **state)
{
    static const char *const right[] = {"http://host",
                                        "http://h",
                                        "HTTP://Host.Example./",
                                        "https://a-b_c.example:65535/path/x?y=z&u=%20",
                                        "http://127.0.0.1:1/",
                                        "http://[::1]",
                                        "http://[fe80::1:2]:8080?x",
                                        "http://host/with@sign/and:colon?and=http://other/"};
    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        if (hr_web_url_check(right[i], true))
            fail_msg("refused: \"%s\"", right[i]);
}

/* Where the sidecar could not ask it, that is said before anything starts. */
static void without_tls(void **state)
{
    (void)state;
    assert_int_equal(hr_web_url_check("https://host/", false), -EINVAL);
    assert_int_equal(hr_web_url_check("HTTPS://host/", false), -EINVAL);
    assert_int_equal(hr_web_url_check("http://host/", false), 0);
}

static void wrong_ones(void **state)
{
    static const char *const wrong[] = {"",
                                        "host",
                                        "//host/",
                                        "http:",
                                        "http:/host",
                                        "http://",
                                        "http:///path",
                                        "http://?q",
                                        "ftp://host/",
                                        "file:///etc/passwd",
                                        "javascript:x",
                                        " http://host/",
                                        "http://host/ ",
                                        "http://host/\n",
                                        "http://ho st/",
                                        "http://host/\x7f",
                                        "http://host/\xc3\xa4",
                                        "http://h\xc3\xb6st/",
                                        "http://host/#part",
                                        "http://host\\@other/",
                                        "http://user@host/",
                                        "http://user:password@host/",
                                        "http://@host/",
                                        "http://host:/",
                                        "http://host:0/",
                                        "http://host:65536/",
                                        "http://host:123456/",
                                        "http://host:-1/",
                                        "http://host:8o/",
                                        "http://host:80:80/",
                                        "http://:80/",
                                        "http://::1/",
                                        "http://[::1/",
                                        "http://[]/",
                                        "http://[host]/",
                                        "http://[::1]8080/",
                                        "http://[::1%lo]/",
                                        "http://[::1]:/"};
    char lengthy[HR_WEB_URL_MAX + 2] = "http://host/";
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (!hr_web_url_check(wrong[i], true))
            fail_msg("taken: \"%s\"", wrong[i]);
    memset(lengthy + strlen(lengthy), 'x', HR_WEB_URL_MAX - strlen(lengthy));
    assert_int_equal(strlen(lengthy), HR_WEB_URL_MAX);
    assert_int_equal(hr_web_url_check(lengthy, true), 0);
    lengthy[HR_WEB_URL_MAX] = 'x';
    assert_int_equal(hr_web_url_check(lengthy, true), -EINVAL);
    memset(lengthy + 7, 'h', 253);
    lengthy[7 + 253] = '/';
    lengthy[HR_WEB_URL_MAX] = '\0';
    assert_int_equal(hr_web_url_check(lengthy, true), 0);
    lengthy[7 + 253] = 'h';
    lengthy[8 + 253] = '/';
    assert_int_equal(hr_web_url_check(lengthy, true), -EINVAL);
}

static void header_values(void **state)
{
    static const char *const right[] = {"Bearer abc", "Bearer abc\n", "x\r\n \t\n", "a\tb",
                                        "Basic \xc3\xa4"};
    static const char *const wrong[] = {"",      "\n",    " ",         "a\nb", "a\r\nX-Other: b",
                                        "a\x01", "a\x7f", "Basic \xe4"};
    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        assert_int_equal(hr_header_value_check(right[i]), 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(hr_header_value_check(wrong[i]), -EINVAL);
    static char lengthy[8194];
    memset(lengthy, 'x', sizeof(lengthy) - 2);
    assert_int_equal(hr_header_value_check(lengthy), 0);
    lengthy[sizeof(lengthy) - 2] = 'x';
    assert_int_equal(hr_header_value_check(lengthy), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_ones),
        cmocka_unit_test(without_tls),
        cmocka_unit_test(wrong_ones),
        cmocka_unit_test(header_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
