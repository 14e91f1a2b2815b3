/* SPDX-License-Identifier: MIT
 * handrail probe against sidecars of our own in other processes, which answer well, badly, by
 * halves or not at all. */
#include "check.h"
#include "cli_fixture.h"
#include "common/clock.h"
#include "common/fd.h"
#include "loader/cli/commands.h"
#include "loader/supervisor/control_listen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define OK          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define UNAVAILABLE "HTTP/1.1 503 Service Unavailable\r\nContent-Length: "

static const char *pieces[4]; /* what every client gets, one after the other; NULL ends it */
static bool silent;           /* after them the connection stays open */
static char expected[64];     /* how the request has to begin */

static void set_name(void)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "@hr-test-probe-%d", (int)getpid());
    (void)setenv("HANDRAIL_PROBE", name, 1);
}

static void answer_one(int fd)
{
    char request[512] = "";
    (void)recv(fd, request, sizeof(request) - 1, 0);
    if (strncmp(request, expected, strlen(expected)) != 0)
        (void)send(fd, "another request\n", 16, MSG_NOSIGNAL);
    for (int i = 0; pieces[i]; i++) {
        (void)send(fd, pieces[i], strlen(pieces[i]), MSG_NOSIGNAL);
        (void)poll(NULL, 0, 5);
    }
    while (silent && recv(fd, request, sizeof(request), 0) > 0)
        continue;
    hr_close(&fd);
}

static void serve_pieces(int ready)
{
    char name[HR_CONTROL_NAME_MAX];
    int fd = -1;
    if (hr_probe_listen(name, &fd))
        _exit(1);
    (void)close(ready);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        (void)poll(&p, 1, -1);
        int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (conn >= 0)
            answer_one(conn);
    }
}

/* A sidecar with this answer. */
static void have(const char *first, const char *second)
{
    (void)end_servers(NULL);
    set_name();
    pieces[0] = first;
    pieces[1] = first ? second : NULL;
    (void)serve(serve_pieces);
}

static int set_up(void **state)
{
    (void)state;
    silent = false;
    (void)snprintf(expected, sizeof(expected), "GET /");
    return 0;
}

static int tear_down(void **state)
{
    (void)end_servers(state);
    (void)unsetenv("HANDRAIL_PROBE");
    return 0;
}

static void each_word_has_its_path(void **state)
{
    static char *const words[][2] = {
        {"live", "/livez"}, {"ready", "/readyz"}, {"startup", "/startupz"}, {"warm", "/warmz"}};
    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        (void)snprintf(expected, sizeof(expected), "GET %s HTTP/1.1\r\nHost: ", words[i][1]);
        have(OK, NULL);
        const struct captured *c = RUN(hr_cli_probe, "probe", words[i][0]);
        assert_int_equal(c->code, 0);
        assert_string_equal(c->out, "ok\n");
        assert_string_equal(c->err, "");
    }
    (void)snprintf(expected, sizeof(expected), "GET /readyz?verbose HTTP/1.1\r\n");
    have("HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n[+]a ok\nread", "yz check passed\n");
    assert_string_equal(RUN(hr_cli_probe, "probe", "ready", "--verbose")->out,
                        "[+]a ok\nreadyz check passed\n");
}

static void a_failure_says_what_fails(void **state)
{
    (void)state;
    have(UNAVAILABLE "75\r\n\r\n[+]a ok\n[-]b failed: why\n[+]c ok\n",
         "[-]d/e failed: \x1b[2Jno\nreadyz check failed\n");
    const struct captured *c = RUN(hr_cli_probe, "probe", "ready");
    assert_int_equal(c->code, 1);
    assert_string_equal(c->out, "[-]b failed: why\n[-]d/e failed: ^[[2Jno\n");
    assert_string_equal(c->err, "");
    c = RUN(hr_cli_probe, "probe", "--verbose", "ready");
    assert_int_equal(c->code, 1);
    assert_non_null(strstr(c->out, "[+]c ok\n[-]d/e failed: ^[[2Jno\nreadyz check failed\n"));
    have(UNAVAILABLE "14\r\n\r\nno such\nthings", NULL); /* in another format */
    c = RUN(hr_cli_probe, "probe", "ready");
    assert_int_equal(c->code, 1);
    assert_string_equal(c->out, "no such\n");
    have(UNAVAILABLE "0\r\n\r\n", NULL);
    assert_int_equal(RUN(hr_cli_probe, "probe", "ready")->code, 1);
}

static void assert_cannot_ask(const char *first, const char *second, const char *why)
{
    have(first, second);
    const struct captured *c = RUN(hr_cli_probe, "probe", "live", "--timeout", "0.3");
    assert_int_equal(c->code, 69);
    assert_string_equal(c->out, "");
    if (!strstr(c->err, why))
        fail_msg("%s is not in: %s", why, c->err);
}

static void no_answer_is_no_health(void **state)
{
    (void)state;
    assert_cannot_ask(NULL, NULL, " was closed before there was a whole answer\n");
    assert_cannot_ask("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "ok",
                      " was closed before there was a whole answer\n");
    assert_cannot_ask("SSH-2.0-x\r\n", NULL, " is no HTTP answer\n");
    assert_cannot_ask("HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n", NULL,
                      " is longer than 65536 bytes\n");
    assert_cannot_ask("HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\n", "nothing\n",
                      "/livez was answered with 404: nothing\n");
    silent = true;
    int64_t start = hr_now_ms();
    assert_cannot_ask(NULL, NULL,
                      " within 300 ms: the sidecar is stopped, or busy, or being restarted\n");
    assert_cannot_ask("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "ok", " within 300 ms");
    assert_true(hr_now_ms() - start >= 600);
}

static void nobody_is_there(void **state)
{
    (void)state;
    set_name();
    const struct captured *c = RUN(hr_cli_probe, "probe", "live");
    assert_int_equal(c->code, 69);
    assert_non_null(strstr(c->err, ": Connection refused: is handrail running in this container?"));
    c = RUN(hr_cli_probe, "probe", "live", "--pid", "2147483647");
    assert_int_equal(c->code, 69);
    assert_non_null(strstr(c->err, "@handrail/probe/"));
}

static void do_nothing(int number)
{
    (void)number;
}

/* Somebody listens and takes nobody in: the queue fills, and then connecting waits too; a signal
 * meanwhile is none of its business. */
static void a_queue_that_is_full_is_not_waited_for(void **state)
{
    char name[HR_CONTROL_NAME_MAX];
    struct sockaddr_un sa;
    socklen_t len = 0;
    int queue[400];
    int n = 0;
    int fd = -1;
    (void)state;
    set_name();
    assert_int_equal(hr_probe_listen(name, &fd), 0);
    assert_int_equal(hr_control_address(name, &sa, &len), 0);
    for (; n < 400; n++) {
        queue[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(queue[n], (const struct sockaddr *)&sa, len) < 0)
            break;
    }
    assert_true(n < 400);
    const struct sigaction handler = {.sa_handler = do_nothing};
    const struct itimerval soon = {.it_value = {.tv_usec = 50 * 1000}};
    assert_int_equal(sigaction(SIGALRM, &handler, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    const struct captured *c = RUN(hr_cli_probe, "probe", "live", "--timeout=0.2");
    assert_int_equal(c->code, 69);
    assert_non_null(strstr(c->err, ": too many are waiting there already\n"));
    for (; n >= 0; n--)
        hr_close(&queue[n]);
    hr_close(&fd);
}

/* A process that has taken the name of another supervisor. */
static void a_false_sidecar_is_found_out(void **state)
{
    char name[HR_CONTROL_NAME_MAX];
    (void)state;
    hr_control_name(name, HR_PROBE_PREFIX, hr_control_namespace(), getpid());
    pieces[0] = OK;
    pieces[1] = NULL;
    (void)setenv("HANDRAIL_PROBE", name, 1);
    (void)serve(serve_pieces);
    const struct captured *c = RUN(hr_cli_probe, "probe", "live");
    assert_int_equal(c->code, 69);
    assert_non_null(strstr(c->err, ", which is not that supervisor\n"));
}

static void wrong_usage(void **state)
{
    (void)state;
    assert_int_equal(RUN(hr_cli_probe, "probe")->code, 64);
    assert_int_equal(RUN(hr_cli_probe, "probe", "lively")->code, 64);
    assert_int_equal(RUN(hr_cli_probe, "probe", "live", "ready")->code, 64);
    assert_int_equal(RUN(hr_cli_probe, "probe", "live", "--json")->code, 64);
    static char *const timeouts[] = {"0", "-1", "1e3", "3601", "", "x"};
    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
        assert_int_equal(RUN(hr_cli_probe, "probe", "live", "--timeout", timeouts[i])->code, 64);
    const struct captured *c = RUN(hr_cli_probe, "probe", "--help");
    assert_int_equal(c->code, 0);
    assert_non_null(strstr(c->out, "usage: handrail probe live|ready|startup|warm"));
    assert_int_equal(RUN(hr_cli_status, "status", "--timeout", "1")->code, 64);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_word_has_its_path),
        T(a_failure_says_what_fails),
        T(no_answer_is_no_health),
        T(nobody_is_there),
        T(a_queue_that_is_full_is_not_waited_for),
        T(a_false_sidecar_is_found_out),
        T(wrong_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
