/* SPDX-License-Identifier: MIT */
#include "common/fd.h"

#include "check.h"
#include "common/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void numbers_are_whole_or_refused(void **state)
{
    int64_t v = 99;
    (void)state;
    assert_int_equal(hr_parse_int("65535", 1, 65535, &v), 0);
    assert_int_equal(v, 65535);
    assert_int_equal(hr_parse_int("-5", -10, 10, &v), 0);
    assert_int_equal(v, -5);
    v = 99;
    assert_int_equal(hr_parse_int("", 0, 10, &v), -EINVAL);
    assert_int_equal(hr_parse_int(" 1", 0, 10, &v), -EINVAL);
    assert_int_equal(hr_parse_int("+1", 0, 10, &v), -EINVAL);
    assert_int_equal(hr_parse_int("1x", 0, 10, &v), -EINVAL);
    assert_int_equal(hr_parse_int("0x1", 0, 10, &v), -EINVAL);
    assert_int_equal(hr_parse_int("-", -10, 10, &v), -EINVAL);
    assert_int_equal(hr_parse_int("11", 0, 10, &v), -ERANGE);
    assert_int_equal(hr_parse_int("99999999999999999999", 0, INT64_MAX, &v), -ERANGE);
    assert_int_equal(v, 99); /* untouched */
}

static void a_sealed_file_is_read_again_and_again(void **state)
{
    struct hr_buf b;
    int fd = -1;
    (void)state;
    assert_int_equal(hr_memfd_sealed("x", "content", 7, &fd), 0);
    for (int i = 0; i < 2; i++) { /* the offset is shared with whoever else has the file */
        hr_buf_init(&b, 100);
        assert_int_equal(hr_read_fd(fd, &b), 0);
        assert_string_equal(hr_buf_str(&b), "content");
        hr_buf_free(&b);
    }
    hr_buf_init(&b, 3);
    assert_int_equal(hr_read_fd(fd, &b), -E2BIG);
    hr_buf_free(&b);
    assert_int_equal(pwrite(fd, "X", 1, 0), -1);
    hr_close(&fd);
    assert_int_equal(fd, -1);
    hr_close(&fd); /* an empty one is fine */
}

static void secrets_compare(void **state)
{
    (void)state;
    assert_true(hr_equal_secret("abc", "abc"));
    assert_false(hr_equal_secret("abd", "abc"));
    assert_false(hr_equal_secret("ab", "abc"));
    assert_false(hr_equal_secret("abcabc", "abc")); /* a repetition of the secret */
    assert_false(hr_equal_secret("", "abc"));
    assert_true(hr_equal_secret("", ""));
    assert_false(hr_equal_secret("x", ""));
}

static void closed_standard_descriptors_are_filled(void **state)
{
    (void)state;
    int kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    (void)close(STDIN_FILENO);
    hr_fill_standard_fds();
    assert_true(fcntl(STDIN_FILENO, F_GETFD) == 0);
    int next = open("/", O_PATH | O_CLOEXEC);
    assert_true(next > STDERR_FILENO);
    (void)close(next);
    if (kept >= 0)
        assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
    hr_close(&kept);
}

static void random_keys_differ(void **state)
{
    char a[65], b[65];
    (void)state;
    assert_int_equal(hr_random_hex(a, 32), 0);
    assert_int_equal(hr_random_hex(b, 32), 0);
    assert_int_equal(strlen(a), 64);
    assert_int_equal(strspn(a, "0123456789abcdef"), 64);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_whole_or_refused),
        cmocka_unit_test(a_sealed_file_is_read_again_and_again),
        cmocka_unit_test(secrets_compare),
        cmocka_unit_test(closed_standard_descriptors_are_filled),
        cmocka_unit_test(random_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
