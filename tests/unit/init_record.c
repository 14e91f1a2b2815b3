/* SPDX-License-Identifier: MIT
 * The init record: in through a pipe, out through a pipe, and nowhere else. */
#include "loader/supervisor/init_record.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* A pipe with n bytes of pattern in it; its writing end stays open if asked for. */
static int filled(size_t n, int *keep_open)
{
    int fds[2];
    char *text = malloc(n);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + i % 26);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_true(fcntl(fds[1], F_SETPIPE_SZ, (int)n) >= (int)n);
    assert_int_equal(write(fds[1], text, n), (ssize_t)n);
    free(text);
    if (keep_open)
        *keep_open = fds[1];
    else
        (void)close(fds[1]);
    return fds[0];
}

static void take(struct hr_init_record *r, size_t n, int expected)
{
    int fd = filled(n, NULL);
    assert_int_equal(hr_init_record_take(r, fd, n), expected);
    hr_close(&fd);
}

static void in_and_out(void **state)
{
    static const size_t sizes[] = {1, 17, 4096, 70000, HR_INIT_MAX};
    static char back[HR_INIT_MAX + 1];
    struct hr_init_record r;
    (void)state;
    assert_int_equal(hr_init_record_make(&r), 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        take(&r, sizes[i], 0);
        assert_int_equal(r.len, sizes[i]);
        for (int again = 0; again < 2; again++) { /* as often as it is needed */
            int fd = -1;
            size_t got = 0;
            ssize_t n = 0;
            assert_int_equal(hr_init_record_pipe(&r, &fd), 0);
            while ((n = read(fd, back + got, sizeof(back) - got)) > 0)
                got += (size_t)n;
            assert_int_equal(n, 0); /* the end, not "later" */
            assert_int_equal(got, sizes[i]);
            assert_memory_equal(back, r.body, got);
            hr_close(&fd);
        }
    }
    hr_init_record_wipe(&r);
}

static void nothing_is_left_after_a_wipe(void **state)
{
    struct hr_init_record r;
    int fd = -1;
    (void)state;
    assert_int_equal(hr_init_record_make(&r), 0);
    assert_int_equal(hr_init_record_pipe(&r, &fd), -ENOENT);
    take(&r, 5000, 0);
    hr_init_record_wipe(&r);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(r.body[i], 0);
    assert_int_equal(hr_init_record_pipe(&r, &fd), -ENOENT);
    assert_int_equal(fd, -1);

    take(&r, 5000, 0);
    take(&r, 10, 0); /* what was longer before is gone as well */
    for (size_t i = 10; i < 5000; i++)
        assert_int_equal(r.body[i], 0);
}

/* Memory of this process that is locked, as the kernel has it. */
static long locked_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        if (strncmp(line, "VmLck:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    (void)fclose(f);
    return kib;
}

static void it_is_locked_while_it_is_kept(void **state)
{
    static char page[4096];
    struct hr_init_record r;
    long before = locked_kib();
    (void)state;
    (void)mlock(page, sizeof(page));
    bool can = locked_kib() > before;
    (void)munlock(page, sizeof(page));
    if (!can) {
        print_message("nothing can be locked here: by a limit, or below a sanitizer\n");
        skip();
    }
    assert_int_equal(hr_init_record_make(&r), 0);
    take(&r, 5000, 0);
    assert_true(r.locked);
    assert_true(locked_kib() > before);
    hr_init_record_wipe(&r);
    assert_false(r.locked);
    assert_int_equal(locked_kib(), before);
}

static void lies_about_the_length(void **state)
{
    struct hr_init_record r;
    int writer = -1;
    (void)state;
    assert_int_equal(hr_init_record_make(&r), 0);
    take(&r, 100, 0);
    int fd = filled(100, NULL); /* less than said */
    assert_int_equal(hr_init_record_take(&r, fd, 101), -EPROTO);
    assert_int_equal(r.len, 0);
    hr_close(&fd);
    fd = filled(100, NULL); /* more than said */
    assert_int_equal(hr_init_record_take(&r, fd, 99), -EPROTO);
    assert_int_equal(r.len, 0);
    hr_close(&fd);
    fd = filled(100, &writer); /* less, and the sender holds the other end: not waited for */
    assert_int_equal(hr_init_record_take(&r, fd, 200), -EPROTO);
    hr_close(&fd);
    hr_close(&writer);
    fd = filled(10, NULL);
    assert_int_equal(hr_init_record_take(&r, fd, 0), -EINVAL);
    assert_int_equal(hr_init_record_take(&r, fd, HR_INIT_MAX + 1), -EINVAL);
    assert_int_equal(hr_init_record_take(&r, fd, (size_t)-1), -EINVAL);
    hr_close(&fd);
}

static void what_is_no_pipe(void **state)
{
    struct hr_init_record r;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    (void)state;
    assert_int_equal(hr_init_record_make(&r), 0);
    assert_int_equal(hr_init_record_take(&r, fd, 10), -EINVAL);
    assert_int_equal(hr_init_record_take(&r, -1, 10), -EINVAL);
    hr_close(&fd);
}

static void no_child_inherits_it(void **state)
{
    struct hr_init_record r;
    int status = 0;
    (void)state;
    assert_int_equal(hr_init_record_make(&r), 0);
    take(&r, 100, 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) < 0)
            _exit(1);
        _exit(write(fds[1], r.body, 100) < 0 && errno == EFAULT ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_and_out),
        cmocka_unit_test(nothing_is_left_after_a_wipe),
        cmocka_unit_test(it_is_locked_while_it_is_kept),
        cmocka_unit_test(lies_about_the_length),
        cmocka_unit_test(what_is_no_pipe),
        cmocka_unit_test(no_child_inherits_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
