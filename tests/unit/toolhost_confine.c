/* SPDX-License-Identifier: MIT
 * loader/toolhost: what the filter of system calls denies where Landlock leaves it to it.
 * Everything else of the confinement is tried by a hostile plugin:
 * tests/integration/test_confine.py. */
#include "loader/toolhost/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/handrail-test-XXXXXX";

static int error_of(long ret)
{
    return ret < 0 ? errno : 0;
}

static int open_with(int flags)
{
    return error_of(open(path, flags, 0600));
}

static int by_name_with(int flags)
{
    return error_of(syscall(SYS_openat, AT_FDCWD, path, flags, 0600));
}

static int open_how(int flags)
{
    struct open_how how = {.flags = (unsigned)flags};
    return error_of(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)));
}

static int truncate_with(int length)
{
    return error_of(truncate(path, length));
}

/* What the call gives to a process of its own with that filter. */
static int filtered(bool guarded, int (*call)(int), int arg)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct hr_confinement c = {0};
        struct hr_why why = {0};
        int err = hr_confine_syscalls(&c, guarded, &why);
        _exit(err ? 255 : call(arg));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void truncation_is_left_to_landlock(void **state)
{
    (void)state;
    assert_int_equal(filtered(true, truncate_with, 1), 0);
    assert_int_equal(filtered(true, open_with, O_RDONLY | O_TRUNC), 0);
    assert_int_equal(filtered(true, open_how, O_RDONLY), 0);
}

static void truncation_needs_a_file_opened_for_writing(void **state)
{
    (void)state;
    assert_int_equal(filtered(false, truncate_with, 1), EPERM);
    int (*const calls[])(int) = {open_with, by_name_with};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(filtered(false, calls[i], O_RDONLY | O_TRUNC), EPERM);
        assert_int_equal(filtered(false, calls[i], O_RDONLY | O_TRUNC | O_CLOEXEC), EPERM);
        assert_int_equal(filtered(false, calls[i], O_ACCMODE | O_TRUNC), ENOSYS);
        assert_int_equal(filtered(false, calls[i], O_RDONLY), 0);
        assert_int_equal(filtered(false, calls[i], O_RDWR | O_CLOEXEC), 0);
        assert_int_equal(filtered(false, calls[i], O_WRONLY | O_TRUNC), 0);
        assert_int_equal(filtered(false, calls[i], O_RDWR | O_TRUNC | O_CREAT), 0);
    }
    assert_int_equal(filtered(false, open_how, O_RDONLY), ENOSYS);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncation_is_left_to_landlock),
        cmocka_unit_test(truncation_needs_a_file_opened_for_writing),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
