/* SPDX-License-Identifier: MIT
 * The commands against a control socket in another process: the real one, and false ones. */
#include "loader/cli/control_client.h"

#include "check.h"
#include "cli_fixture.h"
#include "common/fd.h"
#include "loader/cli/commands.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The real thing, with fx as the caller has set it; --pid for it. */
static char *serve_real(void)
{
    static char option[32];
    (void)unsetenv("HANDRAIL_CONTROL");
    (void)snprintf(option, sizeof(option), "--pid=%d", (int)serve(serve_really));
    return option;
}

static void orders_are_given_and_their_answers_told(void **state)
{
    (void)state;
    char *pid = serve_real();
    const struct captured *c = RUN(hr_cli_restart, "restart", pid);
    assert_int_equal(c->code, 0);
    assert_string_equal(c->out, "server is being restarted\n");
    assert_string_equal(c->err, "");
    c = RUN(hr_cli_restart, "restart", "toolhost/echo", pid);
    assert_string_equal(c->out, "toolhost/echo is being restarted\n");
    assert_string_equal(RUN(hr_cli_stop, "stop", pid)->out, "stopping\n");
    assert_string_equal(RUN(hr_cli_reload, "reload", pid)->out,
                        "reload ordered; the log says how it went\n");
    assert_string_equal(RUN(hr_cli_drain, "drain", pid)->out, "readiness is off\n");
    assert_string_equal(RUN(hr_cli_drain, "drain", "--undo", pid)->out,
                        "readiness is no longer held off\n");
    c = RUN(hr_cli_stop, "stop", "--json", pid);
    assert_int_equal(c->code, 0);
    assert_string_equal(c->out, "{\"ok\":true}\n");
}

/* The supervisor writes down what it was asked; here it answers with that. */
static int told(void *ctx, int fd)
{
    char line[2048];
    (void)ctx;
    int n = snprintf(line, sizeof(line), "{\"version\":\"%s\"}", fx.asked);
    return hr_write_all(fd, line, (size_t)n);
}

static void telling(int ready)
{
    static struct hr_control_ops ops;
    ops = fixture_ops;
    ops.status = told;
    fx.loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    if (!hr_control_start(&fx.control, fx.loop, &ops, &fx))
        _exit(1);
    (void)close(ready);
    (void)ev_run(fx.loop, 0);
}

static void each_command_is_the_order_of_its_name(void **state)
{
    char pid[16];
    (void)state;
    (void)unsetenv("HANDRAIL_CONTROL");
    fx.document = 100;
    (void)snprintf(pid, sizeof(pid), "%d", (int)serve(telling));
    (void)RUN(hr_cli_restart, "restart", "--pid", pid);
    (void)RUN(hr_cli_restart, "restart", "a b", "--pid", pid);
    (void)RUN(hr_cli_stop, "stop", "--pid", pid);
    (void)RUN(hr_cli_reload, "reload", "--pid", pid);
    (void)RUN(hr_cli_drain, "drain", "--pid", pid);
    (void)RUN(hr_cli_drain, "drain", "--undo", "--pid", pid);
    (void)RUN(hr_cli_crashes, "crashes", "--pid", pid);
    (void)RUN(hr_cli_crashes, "crashes", "12", "--pid", pid);
    static const char told_so[] = "{\"version\":\"restart server;restart a b;stop;reload;drain 1;"
                                  "drain 0;crashes;crash 12;\",\"sidecar_error\":\"";
    const struct captured *c = RUN(hr_cli_status, "status", "--json", "--pid", pid);
    assert_int_equal(strncmp(c->out, told_so, sizeof(told_so) - 1), 0);
    assert_non_null(strstr(c->out, "\"phase\":null"));
}

static void documents_are_printed(void **state)
{
    (void)state;
    fx.text = "{\"ok\":true,\"version\":\"0.1.0\",\"pid\":1,\"uptime_seconds\":3.0,"
              "\"output\":\"last words\"}";
    char *pid = serve_real();
    const struct captured *c = RUN(hr_cli_status, "status", pid);
    assert_int_equal(c->code, 0);
    assert_int_equal(
        strncmp(c->out, "handrail 0.1.0, pid 1, up 3.0s\nsidecar     does not answer: ", 60), 0);
    assert_non_null(strstr(RUN(hr_cli_crashes, "crashes", "7", pid)->out, "\nlast words\n"));
    c = RUN(hr_cli_crashes, "crashes", "--json", "7", pid);
    assert_int_equal(strncmp(c->out, fx.text, strlen(fx.text)), 0);
    assert_string_equal(c->out + strlen(fx.text), "\n");
    fx.text = "[{\"number\":1,\"service\":\"server\"}]";
    assert_non_null(strstr(RUN(hr_cli_crashes, "crashes", serve_real())->out, "     1  -"));
}

static void an_argument_that_is_not_utf8(void **state)
{
    (void)state;
    const struct captured *c = RUN(hr_cli_restart, "restart", "\xff", "--pid=1");
    assert_int_equal(c->code, 64);
    assert_string_equal(c->err, "handrail restart: an argument is not UTF-8\n");
}

static void a_refusal_is_code_1_with_the_reason(void **state)
{
    (void)state;
    fx.result = -2;
    fx.reason = "there is no service \"x\": status lists them";
    char *pid = serve_real();
    const struct captured *c = RUN(hr_cli_restart, "restart", "x", pid);
    assert_int_equal(c->code, 1);
    assert_string_equal(c->out, "");
    assert_string_equal(c->err, "handrail restart: there is no service \"x\": status lists them\n");
    c = RUN(hr_cli_restart, "restart", "x", "--json", pid);
    assert_int_equal(c->code, 1);
    assert_string_equal(c->out, "{\"ok\":false,\"error\":\"there is no service \\\"x\\\": status "
                                "lists them\"}\n");
    assert_string_equal(c->err, "");
    c = RUN(hr_cli_crashes, "crashes", "9", pid);
    assert_int_equal(c->code, 1);
    assert_string_equal(c->err,
                        "handrail crashes: there is no crash report 9: crashes lists them\n");
}

static void wrong_usage_is_code_64(void **state)
{
    static const struct {
        int (*command)(char **argv);
        const char *args[3];
    } cases[] = {{hr_cli_status, {"status", "server"}},
                 {hr_cli_status, {"status", "--undo"}},
                 {hr_cli_status, {"status", "--watch=x"}},
                 {hr_cli_status, {"status", "--watch=0.01"}},
                 {hr_cli_status, {"status", "--watch", "9999"}},
                 {hr_cli_status, {"status", "--watchful"}},
                 {hr_cli_restart, {"restart", "--watch"}},
                 {hr_cli_restart, {"restart", "a", "b"}},
                 {hr_cli_restart, {"restart", "--pid=0"}},
                 {hr_cli_stop, {"stop", "now"}},
                 {hr_cli_stop, {"stop", "--pid"}},
                 {hr_cli_reload, {"reload", "-x"}},
                 {hr_cli_reload, {"reload", "--socket=x"}},
                 {hr_cli_drain, {"drain", "--jsonx"}},
                 {hr_cli_drain, {"drain", "--socket"}},
                 {hr_cli_crashes, {"crashes", "one"}},
                 {hr_cli_crashes, {"crashes", "0"}},
                 {hr_cli_crashes, {"crashes", "--pid=many"}},
                 {hr_cli_crashes, {"crashes", "1", "2"}}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *argv[4] = {NULL};
        for (int k = 0; k < 3; k++)
            argv[k] = (char *)(uintptr_t)cases[i].args[k];
        const struct captured *c = capture(cases[i].command, argv);
        assert_int_equal(c->code, 64);
        assert_string_equal(c->out, "");
        assert_non_null(strstr(c->err, "; usage: handrail "));
        assert_ptr_equal(strchr(c->err, '\n'), c->err + strlen(c->err) - 1);
    }
}

static void help_begins_with_the_usage(void **state)
{
    static int (*const all[])(char **) = {hr_cli_status, hr_cli_restart, hr_cli_stop,
                                          hr_cli_reload, hr_cli_drain,   hr_cli_crashes};
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const struct captured *c = RUN(all[i], "x", i % 2 ? "-h" : "--help");
        assert_int_equal(c->code, 0);
        assert_int_equal(strncmp(c->out, "usage: handrail ", 16), 0);
        if (all[i] != hr_cli_status) /* the others have no more to say */
            assert_ptr_equal(strchr(c->out, '\n'), c->out + strlen(c->out) - 1);
        assert_string_equal(c->err, "");
    }
}

/* ---- false servers ------------------------------------------------------------------------- */

static const char *false_answer;
static size_t false_length;

static void answer_falsely(int ready)
{
    char name[HR_CONTROL_NAME_MAX];
    int fd = -1;
    if (hr_control_listen(name, &fd))
        _exit(1);
    (void)close(ready);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        (void)poll(&p, 1, -1);
        int peer = accept(fd, NULL, NULL);
        (void)hr_write_all(peer, false_answer, false_length);
        (void)shutdown(peer, SHUT_WR);
        char byte;
        while (read(peer, &byte, 1) > 0)
            ;
        (void)close(peer);
    }
}

static void false_answers_are_not_taken(void **state)
{
    static char huge[5 * 1024 * 1024];
    static const struct {
        const char *answer, *error;
    } cases[] = {{"", "was closed before there was an answer"},
                 {"{\"ok\":true}", "was closed before there was an answer"}, /* half a line */
                 {"[]\n", "the answer does not say that it was done"},
                 {"rubbish\n", "the answer is not JSON: rubbish"},
                 {"{\"ok\":true,\"ok\":true}\n", "the answer is not JSON"},
                 {"\n", "the answer is not JSON"},
                 {huge, "is longer than 4194304 bytes"}};
    (void)state;
    memset(huge, 'x', sizeof(huge) - 1);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char pid[16];
        (void)unsetenv("HANDRAIL_CONTROL");
        false_answer = cases[i].answer;
        false_length = strlen(false_answer);
        (void)snprintf(pid, sizeof(pid), "%d", (int)serve(answer_falsely));
        const struct captured *c = RUN(hr_cli_reload, "reload", "--pid", pid);
        assert_int_equal(c->code, 69);
        assert_non_null(strstr(c->err, cases[i].error));
        (void)end_servers(NULL);
    }
}

/* What is closed before the order is sent has said why. */
static void refuse_at_once(int ready)
{
    char name[HR_CONTROL_NAME_MAX];
    static const char no[] = "{\"ok\":false,\"error\":\"not\\u001b you\"}\n";
    int fd = -1;
    if (hr_control_listen(name, &fd))
        _exit(1);
    (void)close(ready);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        (void)poll(&p, 1, -1);
        int peer = accept(fd, NULL, NULL);
        (void)hr_write_all(peer, no, sizeof(no) - 1);
        (void)close(peer);
    }
}

static void whoever_is_refused_learns_why(void **state)
{
    char pid[16];
    (void)state;
    (void)unsetenv("HANDRAIL_CONTROL");
    (void)snprintf(pid, sizeof(pid), "%d", (int)serve(refuse_at_once));
    for (int i = 0; i < 50; i++) {
        const struct captured *c = RUN(hr_cli_reload, "reload", "--pid", pid);
        assert_string_equal(c->err, "handrail reload: not^[ you\n");
        assert_int_equal(c->code, 1);
    }
}

#define with_servers(test) cmocka_unit_test_setup_teardown(test, fresh, end_servers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_servers(orders_are_given_and_their_answers_told),
        with_servers(each_command_is_the_order_of_its_name),
        with_servers(documents_are_printed),
        with_servers(an_argument_that_is_not_utf8),
        with_servers(a_refusal_is_code_1_with_the_reason),
        with_servers(wrong_usage_is_code_64),
        with_servers(help_begins_with_the_usage),
        with_servers(false_answers_are_not_taken),
        with_servers(whoever_is_refused_learns_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
