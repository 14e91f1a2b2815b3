/* SPDX-License-Identifier: MIT
 * Which control socket the commands take, and whom they trust. */
#include "loader/cli/control_client.h"

#include "check.h"
#include "cli_fixture.h"
#include "loader/cli/commands.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void real_as_nobody(int ready)
{
    if (setuid(65534) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) /* which setuid() has undone */
        serve_really(ready);
}

/* The list the kernel gives, with what is ours, what is not, and what only looks like it. */
static void the_list_of_sockets_is_read(void **state)
{
    static char list[] =
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 100 @handrail/control/4026531836/1\n"
        "0000000000000000: 00000003 00000000 00000000 0001 03 101 @handrail/control/4026531836/1\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 102 @handrail/control/4026531836/x\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 103 @handrail/control/4026531836/2@\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 104 @handrail/control/4026531836/0\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 105 @handrail/2f6a\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 106 /run/@handrail/control/9/9\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 107\n"
        "\n"
        "@handrail/control/4026531836/6\n"
        " @handrail/control/4026531836/7\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 108 @handrail/control/4026531836/44";
    static const char others[] =
        "0000000000000000: 00000002 00000000 00010000 0001 01 109 @handrail/control/40265/1\n";
    struct hr_client_found found;
    (void)state;
    FILE *f = fmemopen(list, strlen(list), "r");
    hr_client_scan(f, HR_CONTROL_PREFIX, 4026531836u, &found);
    (void)fclose(f);
    assert_int_equal(found.npids, 2);
    assert_int_equal(found.pids[0], 1);
    assert_int_equal(found.pids[1], 44);
    assert_false(found.elsewhere);
    f = fmemopen((char *)(uintptr_t)others, strlen(others), "r");
    hr_client_scan(f, HR_CONTROL_PREFIX, 4026531836u, &found);
    (void)fclose(f);
    assert_int_equal(found.npids, 0);
    assert_true(found.elsewhere);
}

/* In a network namespace of its own, where nobody else's sockets are. */
static void alone(void (*test)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNET) < 0)
            _exit(77);
        test(); /* an assertion that fails ends the child with another code */
        _exit(0);
    }
    (void)waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

/* In the child of alone() a failed assertion would run the rest of the tests a second time. */
static void must(bool truth, const char *what)
{
    if (truth)
        return;
    (void)fprintf(stderr, "not so: %s\n", what);
    _exit(1); /* the servers die with their parent */
}
#define MUST(truth) must(truth, #truth)

static void none_one_and_two(void)
{
    (void)unsetenv("HANDRAIL_CONTROL");
    const struct captured *c = RUN(hr_cli_stop, "stop");
    MUST(c->code == 69);
    MUST(strstr(c->err, "is handrail running in this container, and was it started without "
                        "--no-sidecar?"));
    MUST(!strstr(c->err, "Another container"));
    pid_t first = serve(serve_really);
    MUST(strcmp(RUN(hr_cli_stop, "stop")->out, "stopping\n") == 0);
    pid_t second = serve(serve_really);
    c = RUN(hr_cli_stop, "stop");
    MUST(c->code == 69);
    char either[2][128];
    (void)snprintf(either[0], sizeof(either[0]),
                   "handrail stop: several supervisors run here, pids %d, %d: choose one with "
                   "--pid=N\n",
                   (int)first, (int)second);
    (void)snprintf(either[1], sizeof(either[1]),
                   "handrail stop: several supervisors run here, pids %d, %d: choose one with "
                   "--pid=N\n",
                   (int)second, (int)first);
    MUST(strcmp(c->err, either[0]) == 0 || strcmp(c->err, either[1]) == 0);
    (void)snprintf(either[0], sizeof(either[0]), "--pid=%d", (int)second);
    MUST(RUN(hr_cli_stop, "stop", either[0])->code == 0);
    (void)end_servers(NULL);
    (void)setenv("HANDRAIL_CONTROL", HR_CONTROL_PREFIX "1/1", 1);
    (void)serve(serve_really);
    (void)unsetenv("HANDRAIL_CONTROL");
    c = RUN(hr_cli_stop, "stop");
    MUST(c->code == 69);
    MUST(strstr(c->err, "(Another container of this pod has one.)"));
    (void)end_servers(NULL);
}

static void the_supervisor_of_this_container_is_found(void **state)
{
    (void)state;
    alone(none_one_and_two);
}

static void a_socket_can_be_named(void **state)
{
    char path[64];
    char option[96];
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/hr-cli-control-%d", (int)getpid());
    (void)setenv("HANDRAIL_CONTROL", path, 1);
    (void)serve(serve_really);
    assert_int_equal(RUN(hr_cli_stop, "stop")->code, 0); /* by the variable */
    (void)setenv("HANDRAIL_CONTROL", "@nobody is there", 1);
    const struct captured *c = RUN(hr_cli_stop, "stop");
    assert_int_equal(c->code, 69);
    assert_string_equal(c->err, "handrail stop: cannot connect to @nobody is there: Connection "
                                "refused: is handrail running in this container?\n");
    (void)snprintf(option, sizeof(option), "--socket=%s", path);
    assert_int_equal(RUN(hr_cli_stop, "stop", option)->code, 0); /* which the option overrules */
    (void)setenv("HANDRAIL_CONTROL", "relative", 1);
    c = RUN(hr_cli_stop, "stop");
    assert_int_equal(c->code, 69);
    assert_non_null(strstr(c->err, "HANDRAIL_CONTROL is \"relative\": expected @NAME"));
    assert_int_equal(RUN(hr_cli_stop, "stop", "--socket", "/does/not/exist")->code, 69);
    (void)unlink(path);
}

/* A process that has taken the name of another supervisor. */
static void a_false_supervisor_is_found_out(void **state)
{
    char name[HR_CONTROL_NAME_MAX];
    char wanted[256];
    (void)state;
    hr_control_name(name, HR_CONTROL_PREFIX, hr_control_namespace(), getpid());
    (void)setenv("HANDRAIL_CONTROL", name, 1);
    pid_t liar = serve(serve_really);
    const struct captured *c = RUN(hr_cli_stop, "stop");
    assert_int_equal(c->code, 69);
    (void)snprintf(wanted, sizeof(wanted),
                   "handrail stop: %s is held by pid %d, which is not that supervisor\n", name,
                   (int)liar);
    assert_string_equal(c->err, wanted);
}

/* The rest of a test in a child with this uid; the servers stay its parent's to end. */
static void as_user(uid_t uid, void (*rest)(char *pid), char *pid)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        if (setuid(uid) == 0)
            rest(pid);
        _exit(0);
    }
    (void)waitpid(child, &status, 0);
    (void)end_servers(NULL);
    MUST(status == 0);
}

static void is_refused(char *pid)
{
    const struct captured *c = RUN(hr_cli_status, "status", "--pid", pid);
    MUST(c->code == 1);
    MUST(strstr(c->err, "handrail status: orders are taken from uid 0 and from root, and you have "
                        "uid 65534; and its sidecar: ") == c->err);
}

static void another_user_to_root(void)
{
    char pid[16];
    (void)unsetenv("HANDRAIL_CONTROL");
    (void)snprintf(pid, sizeof(pid), "%d", (int)serve(serve_really));
    as_user(65534, is_refused, pid);
}

static void does_not_trust(char *pid)
{
    const struct captured *c = RUN(hr_cli_stop, "stop", "--pid", pid);
    MUST(c->code == 69);
    MUST(strstr(c->err, "of uid 65534, which is neither root nor you: not trusted"));
}

static void root_and_others_to_nobody(void)
{
    char pid[16];
    (void)unsetenv("HANDRAIL_CONTROL");
    (void)snprintf(pid, sizeof(pid), "%d", (int)serve(real_as_nobody));
    MUST(RUN(hr_cli_stop, "stop", "--pid", pid)->code == 0); /* root gives orders to all */
    as_user(65533, does_not_trust, pid);
}

static void other_users(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    alone(another_user_to_root);
    alone(root_and_others_to_nobody);
}

#define with_servers(test) cmocka_unit_test_setup_teardown(test, fresh, end_servers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_of_sockets_is_read),
        with_servers(the_supervisor_of_this_container_is_found),
        with_servers(a_socket_can_be_named),
        with_servers(a_false_supervisor_is_found_out),
        with_servers(other_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
