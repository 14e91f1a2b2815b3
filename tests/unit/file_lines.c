/* SPDX-License-Identifier: MIT */
#include "common/file_lines.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The lines of a file with that content, joined by '|'. */
static const char *lines_of(const char *text, size_t n, size_t budget)
{
    static char all[3 * HR_FILE_LINE];
    struct hr_file_lines l;
    char path[64];
    const char *line = NULL;
    size_t len = 0;
    size_t at = 0;
    int fd = -1;
    assert_int_equal(hr_memfd_sealed("lines", text, n, &fd), 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    assert_int_equal(hr_file_lines_open(&l, path, budget), 0);
    while ((line = hr_file_lines_next(&l, &len))) {
        assert_true(at + len + 2 < sizeof(all));
        memcpy(all + at, line, len);
        at += len;
        all[at++] = '|';
    }
    hr_file_lines_close(&l);
    hr_close(&fd);
    all[at] = '\0';
    return all;
}

static void lines_come_whole_or_not_at_all(void **state)
{
    static char big[3 * HR_FILE_LINE];
    (void)state;
    assert_string_equal(lines_of("", 0, 100), "");
    assert_string_equal(lines_of("a\n\nbc\n", 6, 100), "a||bc|");
    assert_string_equal(lines_of("a\nbc", 4, 100), "a|"); /* cut: not whole */
    assert_string_equal(lines_of("ab\ncd\n", 6, 5), "ab|");
    assert_string_equal(lines_of("ab\ncd\n", 6, 0), "");
    memset(big, 'x', sizeof(big));
    memcpy(big, "first\n", 6);
    memcpy(big + sizeof(big) - 6, "\nlast\n", 6);
    assert_string_equal(lines_of(big, sizeof(big), sizeof(big)), "first|last|"); /* one too long */
    memset(big, 'y', sizeof(big));
    big[HR_FILE_LINE - 1] = '\n'; /* just fits */
    memcpy(big + HR_FILE_LINE, "z\n", 2);
    assert_int_equal(strlen(lines_of(big, HR_FILE_LINE + 2, sizeof(big))), HR_FILE_LINE + 2);
}

static void no_file_is_said(void **state)
{
    struct hr_file_lines l;
    (void)state;
    assert_int_equal(hr_file_lines_open(&l, "/nonexistent", 100), -ENOENT);
    assert_int_equal(l.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_whole_or_not_at_all),
        cmocka_unit_test(no_file_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
