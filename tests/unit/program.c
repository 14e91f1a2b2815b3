/* SPDX-License-Identifier: MIT */
#include "loader/config/program.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/handrail-program-XXXXXX";
static char file[128];
static char locked[128];
static char folder[128];

static void make(const char *path, mode_t mode)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    (void)close(fd);
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(file, sizeof(file), "%s/tool.real", dir);
    (void)snprintf(locked, sizeof(locked), "%s/locked", dir);
    (void)snprintf(folder, sizeof(folder), "%s/folder", dir);
    make(file, 0755);
    make(locked, 0644);
    return mkdir(folder, 0755);
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(file);
    (void)unlink(locked);
    (void)rmdir(folder);
    return rmdir(dir);
}

static void what_can_be_executed(void **state)
{
    (void)state;
    assert_true(hr_program_is_executable(file));
    assert_false(hr_program_is_executable(locked));
    assert_false(hr_program_is_executable(folder)); /* though it has its x */
    assert_false(hr_program_is_executable("/does/not/exist"));
}

static void found(const char *name, const char *suffix)
{
    char *path = NULL;
    assert_int_equal(hr_program_find(name, suffix, &path), 0);
    assert_string_equal(path, file);
    free(path);
}

static void on_path_and_not(void **state)
{
    char *path = NULL;
    char dirs[512];
    char call[128];
    (void)state;
    (void)snprintf(dirs, sizeof(dirs), "/nonexistent:/bin:%s", dir);
    (void)setenv("PATH", dirs, 1);
    found("tool.real", "");
    found("tool", ".real");
    (void)snprintf(call, sizeof(call), "%s/tool", dir);
    found(call, ".real");
    static const char *const missing[] = {"", "folder", "locked", "no-such-program", "tool"};
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
        assert_int_equal(hr_program_find(missing[i], "", &path), -ENOENT);
    assert_int_equal(hr_program_find(call, "", &path), -ENOENT);
    assert_null(path); /* untouched */

    (void)setenv("PATH", "", 1);
    assert_int_equal(hr_program_find("tool", ".real", &path), -ENOENT);
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(hr_program_find("tool", ".real", &path), 0); /* empty: the current folder */
    assert_string_equal(path, "tool.real");
    free(path);
    assert_int_equal(chdir("/"), 0);

    path = NULL;
    (void)unsetenv("PATH");
    assert_int_equal(hr_program_find("sh", "", &path), 0); /* as exec does */
    free(path);
}

static void this_very_program(void **state)
{
    char own[PATH_MAX];
    char exe[PATH_MAX];
    char link[PATH_MAX];
    (void)state;
    hr_program_own_folder(own, sizeof(own));
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    assert_true(n > 0);
    exe[n] = '\0';
    assert_int_equal(strncmp(exe, own, strlen(own)), 0);
    assert_ptr_equal(strrchr(exe, '/'), exe + strlen(own));
    assert_true(hr_program_is_self(exe));
    (void)snprintf(link, sizeof(link), "%s/link", dir);
    assert_int_equal(symlink(exe, link), 0);
    assert_true(hr_program_is_self(link));
    (void)unlink(link);
    assert_false(hr_program_is_self("/bin/sh"));
    assert_false(hr_program_is_self("/does/not/exist"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_executed),
        cmocka_unit_test(on_path_and_not),
        cmocka_unit_test(this_very_program),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
