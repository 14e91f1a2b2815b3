/* SPDX-License-Identifier: MIT
 * The control socket: orders, answers, and who may give them. */
#include "loader/supervisor/control.h"

#include "check.h"
#include "common/fd.h"
#include "control_fixture.h"
#include "said.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK "{\"ok\":true}"

static void orders_are_carried_out_and_answered(void **state)
{
    (void)state;
    int fd = join();
    assert_string_equal(ask(fd, "{\"order\":\"restart\",\"service\":\"toolhost/echo\"}"), OK);
    assert_string_equal(ask(fd, "{\"order\":\"drain\",\"on\":true}\r"), OK);
    assert_string_equal(ask(fd, "{\"order\":\"drain\",\"on\":false}"), OK);
    assert_string_equal(ask(fd, "{\"order\":\"reload\"}"), OK);
    assert_string_equal(ask(fd, "{\"order\":\"stop\"}"), OK);
    assert_string_equal(fx.asked, "restart toolhost/echo;drain 1;drain 0;reload;stop;");
    assert_int_equal(count_conns(), 1); /* the connection stays */
    hr_close(&fd);
    turn(20);
    assert_int_equal(count_conns(), 0);
}

static void documents_come_as_one_line(void **state)
{
    (void)state;
    int before = count_fds();
    int fd = join();
    fx.text = "{\"a\":1}"; /* its newline is added */
    assert_string_equal(ask(fd, "{\"order\":\"status\"}"), "{\"a\":1}");
    fx.text = "{\"b\":2}\n"; /* or kept */
    assert_string_equal(ask(fd, "{\"order\":\"crashes\"}"), "{\"b\":2}");
    assert_string_equal(ask(fd, "{\"order\":\"crash\",\"number\":3}"), "{\"b\":2}");
    assert_string_equal(ask(fd, "{\"order\":\"stop\"}"), OK);
    assert_string_equal(fx.asked, "status;crashes;crash 3;stop;");
    hr_close(&fd);
    turn(20);
    assert_int_equal(count_fds(), before);
}

static void a_long_document_arrives_whole(void **state)
{
    (void)state;
    int fd = join();
    fx.document = 3 * 1000 * 1000 + 1;
    for (int round = 0; round < 2; round++) {
        const char *line = ask(fd, "{\"order\":\"status\"}");
        assert_non_null(line);
        assert_int_equal(strlen(line), fx.document - 1);
        size_t head = strlen("{\"ok\":true,\"fill\":\"");
        for (size_t i = head; i < fx.document - 3; i++)
            if (line[i] != (char)('a' + i % 23))
                fail_msg("byte %zu", i);
        assert_string_equal(line + fx.document - 3, "\"}");
    }
    hr_close(&fd);
}

static void orders_sent_together_are_answered_in_turn(void **state)
{
    static const char all[] = "{\"order\":\"stop\"}\n{\"order\":\"reload\"}\nrubbish\n"
                              "{\"order\":\"status\"}\n{\"order\":\"drain\",\"on\":true}\n"
                              "{\"order\":\"stop\"}\n{\"order\":\"stop\"}\n{\"order\":\"st";
    (void)state;
    int fd = join();
    fx.text = "{}";
    say(fd, all, sizeof(all) - 1);
    assert_string_equal(hear(fd), OK);
    assert_string_equal(hear(fd), OK);
    assert_string_equal(hear(fd), "{\"ok\":false,\"error\":\"byte 1: expected an object, as "
                                  "{\\\"order\\\":\\\"status\\\"}\"}");
    assert_string_equal(hear(fd), "{}");
    for (int i = 0; i < 3; i++)
        assert_string_equal(hear(fd), OK);
    assert_string_equal(fx.asked, "stop;reload;status;drain 1;stop;stop;");
    say(fd, "op\"}\n", 5);
    assert_string_equal(hear(fd), OK);
    hr_close(&fd);
}

/* Of any length: where a turn of the supervisor ends in the middle of an answer, or right behind
 * it, makes no difference. */
static void an_order_behind_a_document(void **state)
{
    static const char both[] = "{\"order\":\"status\"}\n{\"order\":\"stop\"}\n";
    (void)state;
    int fd = join();
    for (fx.document = 1000; fx.document < 1000 * 1000; fx.document += 49 * 1000) {
        say(fd, both, sizeof(both) - 1);
        assert_int_equal(strlen(hear(fd)), fx.document - 1);
        assert_string_equal(hear(fd), OK);
    }
    hr_close(&fd);
}

static void all_is_answered_after_the_client_has_said_all(void **state)
{
    (void)state;
    int fd = join();
    fx.document = 1000 * 1000;
    say(fd, "{\"order\":\"status\"}\n{\"order\":\"stop\"}\n{\"order\":\"reload\"}", 58 - 4);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_int_equal(strlen(hear(fd)), 1000 * 1000 - 1);
    assert_string_equal(hear(fd), OK);
    assert_null(hear(fd)); /* half a line is not an order */
    assert_string_equal(fx.asked, "status;stop;");
    hr_close(&fd);
}

static void assert_refused(const char *line, const char *reason)
{
    json_t *root = line ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
    assert_non_null(root);
    assert_true(json_is_false(json_object_get(root, "ok")));
    assert_string_equal(json_string_value(json_object_get(root, "error")), reason);
    json_decref(root);
}

static void a_refusal_says_why(void **state)
{
    char longest[3 * HR_CONTROL_ANSWER];
    (void)state;
    int before = count_fds();
    int fd = join();
    fx.result = -ESRCH;
    fx.reason = "there is no service \"x\"\n: status lists them";
    assert_refused(ask(fd, "{\"order\":\"restart\",\"service\":\"x\"}"), fx.reason);
    fx.reason = NULL;
    assert_refused(ask(fd, "{\"order\":\"reload\"}"), "reload: No such process");
    assert_refused(ask(fd, "{\"order\":\"drain\",\"on\":true}"), "drain: No such process");
    assert_refused(ask(fd, "{\"order\":\"status\"}"), "status: No such process");
    fx.result = -ENOENT;
    assert_refused(ask(fd, "{\"order\":\"crash\",\"number\":7}"),
                   "there is no crash report 7: crashes lists them");
    fx.result = 0;
    fx.document = 0;
    assert_refused(ask(fd, "{\"order\":\"status\"}"), "status: No data available");
    fx.result = -EBUSY;
    memset(longest, '"', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    fx.reason = longest; /* cut where an escape ends */
    const char *line = ask(fd, "{\"order\":\"stop\"}");
    assert_in_range(strlen(line), HR_CONTROL_ANSWER - 3, HR_CONTROL_ANSWER);
    longest[(strlen(line) - strlen("{\"ok\":false,\"error\":\"\"}")) / 2] = '\0';
    assert_refused(line, longest);
    hr_close(&fd);
    turn(20);
    assert_int_equal(count_fds(), before);
}

/* Who reads the log finds the order before what comes of it. */
static void an_order_is_logged_before_its_effects(void **state)
{
    (void)state;
    int fd = join();
    fx.effect = "what the order does";
    hear_begin();
    assert_string_equal(ask(fd, "{\"order\":\"restart\",\"service\":\"server\"}"), OK);
    hear_end();
    char *order = strstr(said, "restart server, ordered by pid ");
    assert_true(order && strstr(order, fx.effect));
    assert_null(strstr(said, "refused"));
    fx.result = -EBUSY;
    fx.reason = "a stop has begun";
    hear_begin();
    assert_refused(ask(fd, "{\"order\":\"drain\",\"on\":false}"), "drain: Device or resource busy");
    assert_refused(ask(fd, "{\"order\":\"reload\"}"), fx.reason);
    hear_end();
    order = strstr(said, "drain undone, ordered by pid ");
    assert_true(order && strstr(order, "refused: Device or resource busy"));
    order = strstr(said, "reload, ordered by pid ");
    assert_true(order && strstr(order, "refused: a stop has begun"));
    hr_close(&fd);
}

static void an_order_nobody_carries_out_is_refused(void **state)
{
    static const struct hr_control_ops none;
    static const char *const lines[] = {"{\"order\":\"status\"}",
                                        "{\"order\":\"restart\",\"service\":\"x\"}",
                                        "{\"order\":\"stop\"}",
                                        "{\"order\":\"reload\"}",
                                        "{\"order\":\"crashes\"}",
                                        "{\"order\":\"crash\",\"number\":1}",
                                        "{\"order\":\"drain\",\"on\":true}"};
    (void)state;
    int fd = join();
    fx.control.ops = &none;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *answer = ask(fd, lines[i]);
        assert_non_null(strstr(answer, "\"this handrail does not take the order "));
    }
    hr_close(&fd);
}

static void an_operation_may_close_the_socket(void **state)
{
    (void)state;
    int before = count_fds();
    int fd = join();
    int other = join();
    fx.stop_inside = true;
    fx.document = 100;
    assert_null(ask(fd, "{\"order\":\"stop\"}\n{\"order\":\"stop\"}"));
    assert_string_equal(fx.asked, "stop;");
    assert_null(hear(other));
    hr_close(&fd);
    hr_close(&other);
    assert_int_equal(count_fds(), before - 1); /* the listening socket is gone */
    hr_control_stop(&fx.control);
}

static void an_operation_may_close_the_socket_while_it_answers(void **state)
{
    (void)state;
    int before = count_fds();
    int fd = join();
    fx.stop_inside = true;
    fx.document = 100;
    assert_null(ask(fd, "{\"order\":\"status\"}"));
    hr_close(&fd);
    assert_int_equal(count_fds(), before - 1);
}

/* In a child, so that what it becomes does not matter: ask for the status, expect this refusal. */
static pid_t expect_refusal(const char *reason_part)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    struct sockaddr_un sa;
    socklen_t len = 0;
    char answer[HR_CONTROL_ANSWER + 1] = "";
    if (geteuid() == 0 && setuid(65534) < 0)
        _exit(2);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (hr_control_address(fx.control.name, &sa, &len) ||
        connect(fd, (const struct sockaddr *)&sa, len) < 0)
        _exit(3);
    (void)send(fd, "{\"order\":\"stop\"}\n", 17, MSG_NOSIGNAL);
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n<HR_CONTROL_ANSWER; n += got> 0 ? (size_t)got : 0)
        got = recv(fd, answer + n, HR_CONTROL_ANSWER - n, 0);
    _exit(strstr(answer, reason_part) && n && answer[n - 1] == '\n' ? 0 : 4);
}

static int wait_turning(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0)
        turn(5);
    return status;
}

static void another_user_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    int before = count_fds();
    for (int i = 0; i < 3 * HR_CONTROL_LOG_LINES; i++)
        assert_int_equal(wait_turning(expect_refusal("from uid 0 and from root, and you have uid "
                                                     "65534\"}")),
                         0);
    assert_string_equal(fx.asked, "");
    assert_int_equal(count_fds(), before);
    assert_int_equal(fx.control.refusals.said, HR_CONTROL_LOG_LINES); /* our log is not flooded */
    assert_int_equal(fx.control.refusals.left_out, 2 * HR_CONTROL_LOG_LINES);
}

static void another_container_is_refused(void **state)
{
    int status = 0;
    (void)state;
    pid_t server = fork();
    if (server == 0) {
        /* From here on new children are in another pid namespace; this one's parent is not seen
         * from there, as the processes of another container are not. */
        if (unshare(CLONE_NEWPID) < 0)
            _exit(77);
        pid_t inside = fork();
        if (inside == 0) { /* the supervisor: pid 1 of its container */
            turn(1000);
            _exit(fx.calls ? 1 : 0);
        }
        (void)waitpid(inside, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 9);
    }
    pid_t client = fork();
    if (client == 0) {
        (void)poll(NULL, 0, 100);
        struct sockaddr_un sa;
        socklen_t len = 0;
        char answer[HR_CONTROL_ANSWER + 1] = "";
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (hr_control_address(fx.control.name, &sa, &len) ||
            connect(fd, (const struct sockaddr *)&sa, len) < 0)
            _exit(3);
        (void)send(fd, "{\"order\":\"stop\"}\n", 17, MSG_NOSIGNAL);
        (void)recv(fd, answer, HR_CONTROL_ANSWER, 0);
        _exit(strstr(answer, "from this container only") ? 0 : 4);
    }
    int client_status = 0;
    (void)waitpid(server, &status, 0);
    bool may_not = WIFEXITED(status) && WEXITSTATUS(status) == 77;
    if (may_not) /* nobody answers the client */
        (void)kill(client, SIGKILL);
    (void)waitpid(client, &client_status, 0);
    if (may_not)
        skip();
    assert_int_equal(status, 0);
    assert_int_equal(client_status, 0);
}

static void without_a_socket_it_only_warns(void **state)
{
    static struct hr_control second;
    (void)state;
    int before = count_fds();
    assert_false(hr_control_start(&second, fx.loop, &fixture_ops, &fx)); /* the name is taken */
    turn(20);
    hr_control_stop(&second);
    assert_int_equal(count_fds(), before);
    int fd = join();
    assert_string_equal(ask(fd, "{\"order\":\"stop\"}"), OK);
    hr_close(&fd);
}

static void a_path_is_removed_at_the_end(void **state)
{
    static struct hr_control second;
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/hr-control-test-%d", (int)getpid());
    (void)setenv("HANDRAIL_CONTROL", path, 1);
    assert_true(hr_control_start(&second, fx.loop, &fixture_ops, &fx));
    assert_int_equal(access(path, F_OK), 0);
    hr_control_stop(&second);
    assert_int_equal(access(path, F_OK), -1);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(orders_are_carried_out_and_answered),
        with_fixture(documents_come_as_one_line),
        with_fixture(a_long_document_arrives_whole),
        with_fixture(orders_sent_together_are_answered_in_turn),
        with_fixture(an_order_behind_a_document),
        with_fixture(all_is_answered_after_the_client_has_said_all),
        with_fixture(a_refusal_says_why),
        with_fixture(an_order_is_logged_before_its_effects),
        with_fixture(an_order_nobody_carries_out_is_refused),
        with_fixture(an_operation_may_close_the_socket),
        with_fixture(an_operation_may_close_the_socket_while_it_answers),
        with_fixture(another_user_is_refused),
        with_fixture(another_container_is_refused),
        with_fixture(without_a_socket_it_only_warns),
        with_fixture(a_path_is_removed_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
