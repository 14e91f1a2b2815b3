/* SPDX-License-Identifier: MIT */
#include "loader/image/limited.h"

#include "check.h"
#include "common/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX = 65536 };

static struct hr_buf output;
static int status;

static int run(const char *script, int64_t limit_ms)
{
    char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, strdup(script), NULL};
    hr_buf_reset(&output);
    status = -1;
    int err = hr_limited_run(argv, environ, limit_ms, &output, &status);
    free(argv[2]);
    return err;
}

static void what_it_says_and_how_it_ends(void **state)
{
    (void)state;
    assert_int_equal(run("echo out; echo err >&2; exit 7", 5000), 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_string_equal(hr_buf_str(&output), "out\nerr\n");
    assert_int_equal(run("kill -9 $$", 5000), 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(run("read x; echo \"got $x\"", 5000), 0); /* nothing to read */
    assert_string_equal(hr_buf_str(&output), "got \n");
    char *argv[] = {(char[]){"/none/such"}, NULL};
    assert_int_equal(hr_limited_run(argv, environ, 5000, &output, &status), -ENOENT);
}

static void too_long(void **state)
{
    int64_t began = hr_now_ms();
    (void)state;
    assert_int_equal(run("echo a; exec sleep 100", 200), -ETIMEDOUT);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_string_equal(hr_buf_str(&output), "a\n");
    assert_in_range(hr_now_ms() - began, 200, HR_LIMITED_GRACE_MS);
    began = hr_now_ms();
    assert_int_equal(run("trap '' TERM; while :; do sleep 0.1; done", 200), -ETIMEDOUT);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_in_range(hr_now_ms() - began, HR_LIMITED_GRACE_MS, 2 * HR_LIMITED_GRACE_MS);
}

/* One that it has left holds the output open, or writes for ever. */
static void what_it_leaves_behind(void **state)
{
    int64_t began = hr_now_ms();
    (void)state;
    assert_int_equal(run("sleep 100 & echo $!", 5000), 0);
    pid_t left = (pid_t)strtol(hr_buf_str(&output), NULL, 10);
    assert_true(left > 1);
    for (int i = 0; i < 100 && kill(left, 0) == 0; i++)
        (void)usleep(10000);
    assert_int_equal(run("setsid sh -c 'exec timeout 3 yes' & sleep 0.1", 5000), 0);
    assert_in_range(hr_now_ms() - began, 0, 5000);
}

static void more_than_there_is_room_for(void **state)
{
    (void)state;
    assert_int_equal(run("head -c 1000000 /dev/zero | tr '\\0' x", 10000), 0);
    assert_in_range(output.len, 1, OUTPUT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_and_how_it_ends),
        cmocka_unit_test(too_long),
        cmocka_unit_test(what_it_leaves_behind),
        cmocka_unit_test(more_than_there_is_room_for),
    };
    hr_buf_init(&output, OUTPUT_MAX);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hr_buf_free(&output);
    return failed;
}
