/* SPDX-License-Identifier: MIT */
#include "loader/config/server_command.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGS(...) ((char *[]){__VA_ARGS__, NULL})

static void options_of_a_command(void **state)
{
    (void)state;
    assert_string_equal(hr_command_option(ARGS("s", "--port", "1"), "--port"), "1");
    assert_string_equal(hr_command_option(ARGS("s", "--port=1"), "--port"), "1");
    assert_string_equal(hr_command_option(ARGS("s", "--port=1", "--port", "2"), "--port"), "2");
    assert_null(hr_command_option(ARGS("--port", "1"), "--port")); /* the program's name */
    assert_null(hr_command_option(ARGS("s", "--ports", "1"), "--port"));
    assert_null(hr_command_option(ARGS("s", "--port"), "--port"));
    assert_null(hr_command_option((char *[]){NULL}, "--port"));
    assert_string_equal(hr_command_option(ARGS("s", "--port="), "--port"), "");
}

static void options_of_the_server_may_be_cut_short(void **state)
{
    const char *value = "untouched";
    (void)state;
    assert_string_equal(hr_server_option(ARGS("s", "--por=1"), "--port"), "1");
    assert_string_equal(hr_server_option(ARGS("s", "--p", "1"), "--port"), "1");
    assert_string_equal(hr_server_option(ARGS("s", "--port=1", "--po", "2"), "--port"), "2");
    assert_string_equal(hr_server_option(ARGS("s", "--ho=h"), "--host"), "h");
    assert_null(hr_server_option(ARGS("s", "--h=h"), "--host")); /* or --help? */
    assert_null(hr_server_option(ARGS("s", "--=1", "--", "-p=1", "--ports=1"), "--port"));
    assert_null(hr_server_option(ARGS("s", "--por"), "--port"));
    assert_null(hr_server_option((char *[]){NULL}, "--port"));
    assert_null(hr_command_option(ARGS("s", "--por=1"), "--port"));

    assert_int_equal(hr_server_option_at(ARGS("s", "--host", "--p", "x"), "--port", &value), 2);
    assert_null(value);
    assert_int_equal(hr_server_option_at(ARGS("s", "--port", "--p=2"), "--port", &value), 1);
    assert_null(value); /* what follows is its value, whatever that looks like */
    assert_int_equal(hr_server_option_at(ARGS("s", "x"), "--port", &value), -1);
}

static void home_is_where_python_has_it(void **state)
{
    char home[64];
    (void)state;
    assert_int_equal(hr_server_home("/home/x", home, sizeof(home)), 0);
    assert_string_equal(home, "/home/x");
    assert_int_equal(hr_server_home("", home, sizeof(home)), 0);
    assert_string_equal(home, "/");
    assert_int_equal(hr_server_home("/home/x", home, 7), -ENAMETOOLONG);
    const struct passwd *pw = getpwuid(getuid());
    if (pw && strlen(pw->pw_dir) < sizeof(home)) {
        assert_int_equal(hr_server_home(NULL, home, sizeof(home)), 0);
        assert_string_equal(home, pw->pw_dir);
    } else {
        assert_int_not_equal(hr_server_home(NULL, home, sizeof(home)), 0);
    }
}

static void the_real_server_lies_beside(void **state)
{
    char dir[] = "/tmp/handrail-real-XXXXXX";
    char file[128];
    char call[128];
    char *found = NULL;
    (void)state;
    (void)unsetenv("HANDRAIL_SERVER");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(file, sizeof(file), "%s/agent.real", dir);
    (void)snprintf(call, sizeof(call), "%s/agent", dir);
    assert_int_equal(hr_real_server(call, &found), -ENOENT);
    int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(hr_real_server(call, &found), 0);
    assert_string_equal(found, file);
    free(found);

    char path[256];
    (void)snprintf(path, sizeof(path), "/nonexistent:%s:/bin", dir);
    (void)setenv("PATH", path, 1);
    assert_int_equal(hr_real_server("agent", &found), 0);
    assert_string_equal(found, file);
    free(found);
    assert_int_equal(hr_real_server("other", &found), -ENOENT);

    (void)setenv("HANDRAIL_SERVER", "/elsewhere", 1);
    assert_int_equal(hr_real_server(call, &found), 0);
    assert_string_equal(found, "/elsewhere");
    free(found);

    (void)setenv("HANDRAIL_SERVER", "elsewhere", 1);
    assert_int_equal(hr_real_server(call, &found), -EINVAL);
    (void)setenv("HANDRAIL_SERVER", "/proc/self/exe", 1); /* it would start itself for ever */
    assert_int_equal(hr_real_server(call, &found), -EINVAL);
    (void)unlink(file);
    (void)rmdir(dir);
}

/* Names that lead to the one that is replaced. */
static void the_real_server_lies_behind_links(void **state)
{
    char dir[] = "/tmp/handrail-links-XXXXXX";
    char real[128];
    char name[4][128];
    char *found = NULL;
    (void)state;
    (void)unsetenv("HANDRAIL_SERVER");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(real, sizeof(real), "%s/agent.real", dir);
    for (size_t i = 0; i < 4; i++)
        (void)snprintf(name[i], sizeof(name[i]), "%s/%s", dir,
                       (const char *const[]){"agent", "relative", "absolute", "endless"}[i]);
    int fd = open(real, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(symlink("/proc/self/exe", name[0]), 0);
    assert_int_equal(symlink("agent", name[1]), 0);
    assert_int_equal(symlink(name[1], name[2]), 0);
    assert_int_equal(symlink("endless", name[3]), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hr_real_server(name[i], &found), 0);
        assert_string_equal(found, real);
        free(found);
    }
    (void)setenv("PATH", dir, 1);
    assert_int_equal(hr_real_server("absolute", &found), 0);
    assert_string_equal(found, real);
    free(found);
    assert_int_equal(hr_real_server(name[3], &found), -ENOENT);
    (void)unlink(real);
    assert_int_equal(hr_real_server(name[2], &found), -ENOENT);
    for (size_t i = 0; i < 4; i++)
        (void)unlink(name[i]);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_a_command),
        cmocka_unit_test(options_of_the_server_may_be_cut_short),
        cmocka_unit_test(home_is_where_python_has_it),
        cmocka_unit_test(the_real_server_lies_beside),
        cmocka_unit_test(the_real_server_lies_behind_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
