/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/output.h"

#include "check.h"
#include "common/fd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hr_output out;

/* Feed text, collect what reaches standard error. */
static const char *pass(const char *text, size_t n, int *ret_lines)
{
    static char got[1 << 18];
    char path[] = "/tmp/handrail-output-XXXXXX";
    int saved = dup(STDERR_FILENO);
    int fd = mkstemp(path);
    assert_true(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    for (size_t at = 0; at < n;) {
        size_t piece = n - at < 1000 ? n - at : 1000;
        assert_int_equal(hr_write_all(out.write_fd, text + at, piece), 0);
        hr_output_read(&out);
        at += piece;
    }
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    ssize_t len = pread(fd, got, sizeof(got) - 1, 0);
    got[len > 0 ? len : 0] = '\0';
    (void)close(fd);
    (void)close(saved);
    (void)unlink(path);
    *ret_lines = 0;
    for (const char *p = got; *p; p++)
        *ret_lines += *p == '\n';
    return got;
}

static void a_plain_line_gets_our_prefix_and_the_service(void **state)
{
    int lines = 0;
    (void)state;
    const char *got = pass("hello there\n\n", 13, &lines);
    assert_non_null(strstr(got, " info: toolhost/x: hello there\n"));
    assert_int_equal(lines, 2);
}

static void a_line_of_ours_passes_as_it_is(void **state)
{
    static const char line[] = "2026-11-21T09:30:00.123Z handrail-toolhost[7] error: no\n";
    int lines = 0;
    (void)state;
    assert_string_equal(pass(line, sizeof(line) - 1, &lines), line);
}

static void pieces_are_put_together(void **state)
{
    int lines = 0;
    (void)state;
    assert_string_equal(pass("half ", 5, &lines), "");
    assert_non_null(strstr(pass("a line\n", 7, &lines), "toolhost/x: half a line\n"));
}

static void a_huge_line_does_no_harm(void **state)
{
    enum { N = 100000 };
    static char big[N + 1];
    int lines = 0;
    size_t letters = 0;
    (void)state;
    memset(big, 'z', N);
    big[N] = '\n';
    const char *got = pass(big, N + 1, &lines);
    for (const char *p = got; *p; p++)
        letters += *p == 'z';
    assert_int_equal(letters, N); /* in pieces, nothing lost */
    assert_int_equal(lines, N / HR_OUTPUT_LINE + 1);
}

static void control_characters_do_not_make_lines(void **state)
{
    int lines = 0;
    (void)state;
    (void)pass("a\rb\n", 4, &lines);
    assert_int_equal(lines, 1);
    assert_null(strchr(pass("a\rb\n", 4, &lines), '\r'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_line_gets_our_prefix_and_the_service),
        cmocka_unit_test(a_line_of_ours_passes_as_it_is),
        cmocka_unit_test(pieces_are_put_together),
        cmocka_unit_test(a_huge_line_does_no_harm),
        cmocka_unit_test(control_characters_do_not_make_lines),
    };
    assert_int_equal(hr_output_init(&out, "toolhost/x"), 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hr_output_close(&out);
    return failed;
}
