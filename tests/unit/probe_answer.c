/* SPDX-License-Identifier: MIT
 * What `handrail probe` makes of any bytes. */
#include "loader/cli/probe_answer.h"

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int parse(const char *text, struct hr_probe_answer *ret)
{
    return hr_probe_answer_read(text, strlen(text), HR_PROBE_ANSWER_MAX, ret);
}

static void an_answer_is_read_when_it_is_whole(void **state)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nDate: today\r\n"
                               "content-length:\t 6 \r\nX: y\r\n\r\nhello\nrest";
    struct hr_probe_answer a;
    size_t whole = strlen(text) - strlen("rest");
    (void)state;
    for (size_t n = 0; n < whole; n++)
        assert_int_equal(hr_probe_answer_read(text, n, HR_PROBE_ANSWER_MAX, &a), -EAGAIN);
    for (size_t n = whole; n <= strlen(text); n++) {
        assert_int_equal(hr_probe_answer_read(text, n, HR_PROBE_ANSWER_MAX, &a), 0);
        assert_int_equal(a.status, 503);
        assert_int_equal(a.len, 6);
        assert_memory_equal(a.body, "hello\n", 6);
    }
    assert_int_equal(parse("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", &a), 0);
    assert_int_equal(a.len, 0);
}

static void what_is_no_answer_is_refused(void **state)
{
    static const char *const bad[] = {
        "S",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 2000",
        "HTTP/1.1 099 \r\n",
        "http/1.1 200 OK",
        "HTTP/1.1 200 OK\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1 1\r\n\r\n0123456789a",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX-Content-Length: 2\r\n\r\nok",
    };
    struct hr_probe_answer a = {.status = 7};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (parse(bad[i], &a) != -EPROTO)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(a.status, 7);
}

static void there_is_a_limit(void **state)
{
    static char text[HR_PROBE_ANSWER_MAX + 1];
    struct hr_probe_answer a;
    (void)state;
    assert_int_equal(parse("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", &a), -E2BIG);
    assert_int_equal(
        parse("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", &a), -E2BIG);
    assert_int_equal(parse("HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n", &a), -E2BIG);
    assert_int_equal(parse("HTTP/1.1 200 OK\r\nContent-Length: 65490\r\n\r\n", &a), -EAGAIN);
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "HTTP/1.1 200 OK\r\n", 17);
    assert_int_equal(hr_probe_answer_read(text, HR_PROBE_ANSWER_MAX - 1, HR_PROBE_ANSWER_MAX, &a),
                     -EAGAIN);
    assert_int_equal(hr_probe_answer_read(text, HR_PROBE_ANSWER_MAX, HR_PROBE_ANSWER_MAX, &a),
                     -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_read_when_it_is_whole),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(there_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
