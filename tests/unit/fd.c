/* SPDX-License-Identifier: MIT */
#include "common/fd.h"

#include "check.h"
#include "common/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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
    errno = ERANGE;          /* what an earlier call has left says nothing about this one */
    assert_int_equal(hr_parse_int("-10", -10, 10, &v), 0);
    assert_int_equal(v, -10);
    assert_int_equal(hr_parse_int("-11", -10, 10, &v), -ERANGE);
    assert_int_equal(hr_parse_int("-9223372036854775808", INT64_MIN, INT64_MAX, &v), 0);
    assert_true(v == INT64_MIN);
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
    assert_int_equal(fcntl(fd, F_GET_SEALS),
                     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    hr_close(&fd);
    assert_int_equal(fd, -1);
    hr_close(&fd); /* an empty one is fine */
}

static void what_cannot_be_sought_is_read_to_its_end(void **state)
{
    struct hr_buf b;
    int ends[2];
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(hr_write_all(ends[1], "content", 7), 0);
    hr_close(&ends[1]);
    hr_buf_init(&b, 100);
    assert_int_equal(hr_read_fd(ends[0], &b), 0);
    assert_string_equal(hr_buf_str(&b), "content");
    hr_close(&ends[0]);
    assert_int_equal(hr_read_fd(ends[0], &b), -EBADF);
    hr_buf_free(&b);
}

static void secrets_compare(void **state)
{
    static const char secret[] = "0123456789abcdef";
    (void)state;
    for (size_t i = 0; i < sizeof(secret) - 1; i++) { /* every byte of it counts, and every bit */
        for (int bit = 0; bit < 8; bit++) {
            char given[sizeof(secret)];
            memcpy(given, secret, sizeof(given));
            given[i] = (char)((unsigned char)given[i] ^ (1U << bit));
            assert_false(hr_equal_secret(given, secret));
        }
    }
    assert_true(hr_equal_secret(secret, secret));
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
    bool seen[2][256] = {{false}};
    for (int i = 0; i < 100; i++) { /* 3200 bytes: that one digit never comes is out of question */
        assert_int_equal(hr_random_hex(a, 32), 0);
        for (int k = 0; k < 64; k++)
            seen[k % 2][(unsigned char)a[k]] = true;
    }
    for (const char *digit = "0123456789abcdef"; *digit; digit++)
        assert_true(seen[0][(unsigned char)*digit] && seen[1][(unsigned char)*digit]);
}

/* Fill a descriptor that does not block.  The bytes written. */
static size_t fill(int fd, ssize_t (*put)(int fd, const void *data, size_t n), ssize_t *ret_last)
{
    static const char block[1000];
    size_t sum = 0;
    while ((*ret_last = put(fd, block, sizeof(block))) > 0)
        sum += (size_t)*ret_last;
    return sum;
}

static void a_pipe_can_be_written_without_blocking(void **state)
{
    static char c[1000];
    int ends[2];
    ssize_t last = 0;
    (void)state;
    (void)alarm(10); /* deadly, should it block after all */
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int again = hr_open_again(ends[1]);
    assert_true(again > ends[1]);
    assert_int_equal(fcntl(again, F_GETFD), FD_CLOEXEC);
    (void)fill(again, write, &last);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(hr_write_now(ends[1], c, sizeof(c)), -EAGAIN);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0); /* as it was */
    for (int i = 0; i < 50; i++)
        assert_int_equal(read(ends[0], c, sizeof(c)), sizeof(c));
    assert_true(fill(ends[1], hr_write_now, &last) > 40000);
    assert_int_equal(last, -EAGAIN);
    assert_int_equal(hr_write_now(again, c, sizeof(c)), -EAGAIN);
    assert_true(fcntl(again, F_GETFL) & O_NONBLOCK); /* as it was here too */
    hr_close(&ends[1]);
    assert_int_equal(hr_write_now(ends[1], c, 1), -EBADF);
    assert_int_equal(hr_open_again(ends[1]), -ENOENT);
    hr_close(&again);
    hr_close(&ends[0]);
    (void)alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_whole_or_refused),
        cmocka_unit_test(a_sealed_file_is_read_again_and_again),
        cmocka_unit_test(what_cannot_be_sought_is_read_to_its_end),
        cmocka_unit_test(secrets_compare),
        cmocka_unit_test(closed_standard_descriptors_are_filled),
        cmocka_unit_test(random_keys_differ),
        cmocka_unit_test(a_pipe_can_be_written_without_blocking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
