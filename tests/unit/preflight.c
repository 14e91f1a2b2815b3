/* SPDX-License-Identifier: MIT
 * The preflight as a whole: what the child finds arrives, and whatever becomes of the child, the
 * start goes on. */
#include "loader/supervisor/preflight.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "preflight_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void no_child_is_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void what_is_found_arrives(void **state)
{
    const struct hr_preflight_facts *f =
        FACTS("OH_VSCODE_PORT=tcp://10.0.0.1:8001", "OH_DEFERRED_INIT=yes", "HOME=/tmp",
              "OH_CONVERSATIONS_PATH=/tmp", "OH_BASH_EVENTS_DIR=/tmp");
    (void)state;
    hr_preflight(f->config, true, f->env, note_finding, NULL);
    assert_int_equal(found("env-number"), 1);
    assert_int_equal(found("env-boolean"), 1);
    assert_int_equal(found("secret-key-unset"), 1);
    assert_non_null(strstr(text_of("env-number"), "Service named oh-vscode"));
    assert_int_equal(found("preflight-slow") + found("preflight-failed"), 0);
    no_child_is_left();
}

static void another_command_is_not_judged(void **state)
{
    const struct hr_preflight_facts *f = FACTS("OH_VSCODE_PORT=x");
    (void)state;
    hr_preflight(f->config, false, f->env, note_finding, NULL);
    assert_int_equal(found_in_all(), 0);
}

static void without_a_listener_it_goes_to_the_log(void **state)
{
    char line[4096];
    int log[2];
    const struct hr_preflight_facts *f = FACTS("OH_VSCODE_PORT=x", "OH_SECRET_KEY=s");
    int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    (void)state;
    assert_int_equal(pipe2(log, O_CLOEXEC), 0);
    assert_int_equal(dup2(log[1], STDERR_FILENO), STDERR_FILENO);
    hr_log_init("test", HR_LOG_WARNING); /* the first, and so the one that takes the pipe */
    hr_preflight(f->config, true, f->env, NULL, NULL);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    hr_log_init("test", HR_LOG_ERROR);
    assert_int_equal(fcntl(log[0], F_SETFL, O_NONBLOCK), 0);
    ssize_t n = read(log[0], line, sizeof(line) - 1);
    assert_true(n > 0);
    line[n] = '\0';
    assert_non_null(strstr(line, "warning: OH_VSCODE_PORT is \"x\""));
    assert_non_null(strstr(line, " [env-number]\n"));
    hr_close(&log[0]);
    hr_close(&log[1]);
    hr_close(&kept);
}

/* ---- the server's configuration file ---- */

static char file[] = "/tmp/handrail-config-XXXXXX";

static const struct hr_preflight_facts *with_file(const char *text)
{
    static char variable[128];
    int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(hr_write_all(fd, text, strlen(text)), 0);
    hr_close(&fd);
    (void)snprintf(variable, sizeof(variable), "OPENHANDS_AGENT_SERVER_CONFIG_PATH=%s", file);
    struct hr_preflight_facts *f =
        FACTS(variable, "HOME=/tmp", "OH_CONVERSATIONS_PATH=/tmp", "OH_BASH_EVENTS_DIR=/tmp");
    hr_preflight(f->config, true, f->env, note_finding, NULL);
    return f;
}

static void the_configuration_file_is_read(void **state)
{
    (void)state;
    with_file("{\"secret_key\": \"s\"}");
    assert_int_equal(found_in_all(), 0);
    with_file("{}");
    assert_int_equal(found("secret-key-unset"), 1);
    with_file("[]");
    assert_int_equal(found("config-file"), 1);
    with_file("{\"secret_key\"");
    assert_int_equal(found("config-file"), 1);
    assert_non_null(strstr(text_of("config-file"), file));
    with_file("");
    assert_int_equal(found("config-file"), 1);
}

static void a_file_that_may_not_be_read_is_said(void **state)
{
    (void)state;
    with_file("{}");
    assert_int_equal(chmod(file, 0), 0);
    become_nobody();
    char variable[128];
    (void)snprintf(variable, sizeof(variable), "OPENHANDS_AGENT_SERVER_CONFIG_PATH=%s", file);
    const struct hr_preflight_facts *f = FACTS(variable, "OH_SECRET_KEY=s");
    hr_preflight(f->config, true, f->env, note_finding, NULL);
    become_self();
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(found("config-file"), 1);
    assert_non_null(strstr(text_of("config-file"), "may not be read"));
}

static void a_file_that_is_none_is_not_waited_for(void **state)
{
    char variable[128];
    char fifo[64];
    (void)state;
    (void)snprintf(fifo, sizeof(fifo), "%s.fifo", file);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    (void)snprintf(variable, sizeof(variable), "OPENHANDS_AGENT_SERVER_CONFIG_PATH=%s", fifo);
    const struct hr_preflight_facts *f =
        FACTS(variable, "OH_SECRET_KEY=s", "HOME=/tmp", "OH_CONVERSATIONS_PATH=/tmp",
              "OH_BASH_EVENTS_DIR=/tmp");
    hr_preflight(f->config, true, f->env, note_finding, NULL);
    assert_int_equal(unlink(fifo), 0);
    assert_int_equal(found_in_all(), 0);
}

static void the_base_in_oh_wins_over_the_file(void **state)
{
    const struct hr_preflight_facts *f =
        FACTS("OH={\"secret_key\": \"s\"}", "HOME=/tmp", "OH_CONVERSATIONS_PATH=/tmp",
              "OH_BASH_EVENTS_DIR=/tmp");
    (void)state;
    hr_preflight(f->config, true, f->env, note_finding, NULL);
    assert_int_equal(found_in_all(), 0);
}

/* ---- a child that goes wrong ---- */

static void look_and_hang(struct hr_preflight_facts *f)
{
    hr_preflight_found(f, "env-number", "said before");
    f->looking(f->arg, "/mnt/dead");
    for (;;)
        (void)pause();
}

static void look_and_crash(struct hr_preflight_facts *f)
{
    hr_preflight_found(f, "env-number", "said before");
    (void)kill(getpid(), SIGKILL); /* not SIGSEGV: a sanitizer would make a report of it */
}

static void look_and_say_much(struct hr_preflight_facts *f)
{
    static char big[3 * HR_PREFLIGHT_TEXT];
    memset(big, 'x', sizeof(big) - 1);
    for (int i = 0; i < 40; i++)
        hr_preflight_found(f, "env-number", "%s", big);
    f->looking(f->arg, big);
}

static void a_child_that_hangs_is_left_behind(void **state)
{
    (void)state;
    const struct hr_preflight_facts *f = FACTS("PATH=/bin");
    int64_t start = hr_now_ms();
    hr_preflight_in_child(f, look_and_hang);
    assert_in_range(hr_now_ms() - start, 1900, 4000);
    assert_int_equal(found("env-number"), 1);
    assert_int_equal(found("preflight-slow"), 1);
    assert_non_null(strstr(text_of("preflight-slow"), "/mnt/dead"));
    while (waitpid(-1, NULL, 0) < 0 && errno == EINTR) /* killed; reaped at leisure */
        ;
    no_child_is_left();
}

/* From the first finding on, poll() takes no descriptor at all. */
static void note_and_go_deaf(void *arg, const char *id, const char *text)
{
    struct rlimit none;
    note_finding(arg, id, text);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &none), 0);
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void a_child_that_cannot_be_heard_is_left_behind(void **state)
{
    struct rlimit old;
    (void)state;
    struct hr_preflight_facts *f = FACTS("PATH=/bin");
    f->say = note_and_go_deaf;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    hr_preflight_in_child(f, look_and_hang);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(found("env-number"), 1);
    assert_int_equal(found("preflight-failed"), 1);
    assert_non_null(strstr(text_of("preflight-failed"), strerror(EINVAL)));
    assert_int_equal(found_in_all(), 2);
    while (waitpid(-1, NULL, 0) < 0 && errno == EINTR)
        ;
    no_child_is_left();
}

static void a_child_that_crashes_is_said(void **state)
{
    (void)state;
    hr_preflight_in_child(FACTS("PATH=/bin"), look_and_crash);
    assert_int_equal(found("env-number"), 1);
    assert_int_equal(found("preflight-failed"), 1);
    no_child_is_left();
}

static void long_findings_are_cut(void **state)
{
    (void)state;
    hr_preflight_in_child(FACTS("PATH=/bin"), look_and_say_much);
    assert_int_equal(found("env-number"), 40);
    assert_int_equal(strlen(text_of("env-number")), HR_PREFLIGHT_TEXT - 1);
    assert_int_equal(found_in_all(), 40);
    no_child_is_left();
}

static void without_a_child_the_start_goes_on(void **state)
{
    struct rlimit old;
    struct rlimit few = {3, 3}; /* no descriptors for the pair */
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    hr_preflight_in_child(FACTS("PATH=/bin"), look_and_crash);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(found("preflight-failed"), 1);
    assert_int_equal(found_in_all(), 1);
    no_child_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found_arrives),
        cmocka_unit_test(another_command_is_not_judged),
        cmocka_unit_test(without_a_listener_it_goes_to_the_log),
        cmocka_unit_test(the_configuration_file_is_read),
        cmocka_unit_test(a_file_that_may_not_be_read_is_said),
        cmocka_unit_test(a_file_that_is_none_is_not_waited_for),
        cmocka_unit_test(the_base_in_oh_wins_over_the_file),
        cmocka_unit_test(a_child_that_hangs_is_left_behind),
        cmocka_unit_test(a_child_that_cannot_be_heard_is_left_behind),
        cmocka_unit_test(a_child_that_crashes_is_said),
        cmocka_unit_test(long_findings_are_cut),
        cmocka_unit_test(without_a_child_the_start_goes_on),
    };
    int fd = mkostemp(file, O_CLOEXEC);
    if (fd < 0)
        return 1;
    hr_close(&fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(file);
    return failed;
}
