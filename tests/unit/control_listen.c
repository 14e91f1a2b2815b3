/* SPDX-License-Identifier: MIT */
#include "loader/supervisor/control_listen.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

static int in_a_folder(void **state)
{
    static char folder[32];
    (void)snprintf(folder, sizeof(folder), "/tmp/hr-control-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    (void)setenv("HANDRAIL_CONTROL", path, 1);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    (void)unlink(path);
    (void)unsetenv("HANDRAIL_CONTROL");
    return rmdir(*state);
}

static int connects(const char *name)
{
    struct sockaddr_un sa;
    socklen_t len = 0;
    assert_int_equal(hr_control_address(name, &sa, &len), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int ok = connect(fd, (const struct sockaddr *)&sa, len) == 0;
    hr_close(&fd);
    return ok;
}

static void the_name_is_that_of_our_pid(void **state)
{
    char name[HR_CONTROL_NAME_MAX];
    char wanted[HR_CONTROL_NAME_MAX];
    struct stat st;
    int fd = -1;
    int second = -1;
    (void)state;
    (void)unsetenv("HANDRAIL_CONTROL");
    assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
    (void)snprintf(wanted, sizeof(wanted), "@handrail/control/%llu/%d",
                   (unsigned long long)st.st_ino, (int)getpid());
    assert_int_equal(hr_control_listen(name, &fd), 0);
    assert_string_equal(name, wanted);
    assert_true(connects(name));
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(hr_control_listen(name, &second), -EADDRINUSE);
    assert_int_equal(second, -1);
    hr_close(&fd);
    assert_false(connects(name));
}

static void the_probe_socket_is_for_everybody(void **state)
{
    char name[HR_CONTROL_NAME_MAX];
    char wanted[HR_CONTROL_NAME_MAX];
    struct stat st;
    int fd = -1;
    (void)state;
    hr_control_name(wanted, HR_PROBE_PREFIX, hr_control_namespace(), getpid());
    assert_int_equal(strncmp(wanted, "@handrail/probe/", 16), 0);
    assert_int_equal(hr_probe_listen(name, &fd), 0);
    assert_string_equal(name, wanted);
    assert_true(connects(name));
    hr_close(&fd);
    (void)setenv("HANDRAIL_PROBE", path, 1);
    mode_t old = umask(077);
    assert_int_equal(hr_probe_listen(name, &fd), 0);
    assert_int_equal(umask(old), 077);
    (void)unsetenv("HANDRAIL_PROBE");
    assert_string_equal(name, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFSOCK | 0666);
    hr_close(&fd);
}

static void names_that_are_no_address(void **state)
{
    static const char *const bad[] = {"", "@", "/", "control", "./control", "http://x"};
    char name[HR_CONTROL_NAME_MAX];
    char longest[HR_CONTROL_NAME_MAX + 1];
    struct sockaddr_un sa;
    socklen_t len = 0;
    int fd = -1;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(hr_control_address(bad[i], &sa, &len), -EINVAL);
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[HR_CONTROL_NAME_MAX - 1] = '\0';
    assert_int_equal(hr_control_address(longest, &sa, &len), 0);
    assert_int_equal(len, sizeof(sa));
    longest[HR_CONTROL_NAME_MAX - 1] = 'x';
    longest[HR_CONTROL_NAME_MAX] = '\0';
    assert_int_equal(hr_control_address(longest, &sa, &len), -ENAMETOOLONG);
    (void)setenv("HANDRAIL_CONTROL", longest, 1); /* not cut, and then listened on */
    assert_int_equal(hr_control_listen(name, &fd), -ENAMETOOLONG);
    assert_int_equal(strlen(name), HR_CONTROL_NAME_MAX - 1);
    (void)setenv("HANDRAIL_CONTROL", "relative", 1);
    assert_int_equal(hr_control_listen(name, &fd), -EINVAL);
    assert_string_equal(name, "relative");
    assert_int_equal(fd, -1);
    (void)unsetenv("HANDRAIL_CONTROL");
}

static void a_path_is_for_us_alone(void **state)
{
    char name[HR_CONTROL_NAME_MAX];
    struct stat st;
    int fd = -1;
    (void)state;
    mode_t old = umask(0);
    assert_int_equal(hr_control_listen(name, &fd), 0);
    (void)umask(old);
    assert_string_equal(name, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFSOCK | 0600);
    assert_true(connects(path));
    hr_close(&fd);
}

static void what_a_dead_one_left_is_replaced(void **state)
{
    char name[HR_CONTROL_NAME_MAX];
    int fd = -1;
    (void)state;
    assert_int_equal(hr_control_listen(name, &fd), 0);
    hr_close(&fd);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(hr_control_listen(name, &fd), 0);
    assert_true(connects(path));
    hr_close(&fd);
}

static void what_is_in_use_is_left_alone(void **state)
{
    char name[HR_CONTROL_NAME_MAX];
    int fd = -1;
    int second = -1;
    (void)state;
    assert_int_equal(hr_control_listen(name, &fd), 0);
    assert_int_equal(hr_control_listen(name, &second), -EADDRINUSE);
    assert_true(connects(path));
    hr_close(&fd);
}

static void a_file_or_a_link_is_left_alone(void **state)
{
    char name[HR_CONTROL_NAME_MAX];
    char target[80];
    struct stat st;
    int fd = -1;
    int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    (void)state;
    assert_int_equal(write(file, "precious", 8), 8);
    hr_close(&file);
    assert_int_equal(hr_control_listen(name, &fd), -EADDRINUSE);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 8);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(target, sizeof(target), "%s.target", path);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(hr_control_listen(name, &fd), -EADDRINUSE);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(access(target, F_OK), -1);
    assert_int_equal(fd, -1);
}

static void a_folder_that_is_missing_is_an_error(void **state)
{
    char name[HR_CONTROL_NAME_MAX];
    int fd = -1;
    (void)state;
    (void)setenv("HANDRAIL_CONTROL", "/does/not/exist", 1);
    assert_int_equal(hr_control_listen(name, &fd), -ENOENT);
    assert_int_equal(fd, -1);
    (void)unsetenv("HANDRAIL_CONTROL");
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, in_a_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_is_that_of_our_pid),
        cmocka_unit_test(names_that_are_no_address),
        cmocka_unit_test(a_folder_that_is_missing_is_an_error),
        with_folder(the_probe_socket_is_for_everybody),
        with_folder(a_path_is_for_us_alone),
        with_folder(what_a_dead_one_left_is_replaced),
        with_folder(what_is_in_use_is_left_alone),
        with_folder(a_file_or_a_link_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
