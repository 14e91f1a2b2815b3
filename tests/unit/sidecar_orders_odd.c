/* SPDX-License-Identifier: MIT
 * Orders that cannot be obeyed, or make no sense; the pause; and where a body lies. */
#include "sidecar/orders/orders.h"

#include "check.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "http_fixture.h"
#include "orders_fixture.h"
#include "sidecar/orders/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- orders that cannot be obeyed ---- */

static void bodies_that_cannot_be_taken(void **state)
{
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    send_fd("INIT 2", -1);
    assert_told_number("INIT=2", -EBADF);
    assert_init(2, -EIO, "no pipe came with the order");
    int fd = -1;
    assert_int_equal(hr_memfd_sealed("body", BODY, sizeof(BODY) - 1, &fd), 0);
    send_fd("INIT 2", fd);
    assert_told_number("INIT=2", -EBADF);
    char *big = malloc(HR_BODY_MAX + 1);
    assert_non_null(big);
    memset(big, 'x', HR_BODY_MAX + 1);
    send_fd("INIT 2", pipe_of(big, HR_BODY_MAX + 1));
    assert_told_number("INIT=2", -E2BIG);
    assert_init(2, -EIO, "too large");
    assert_seen("");
    send_fd("INIT 2", pipe_of(big, HR_BODY_MAX));
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_int_equal(fix.server.seen.len, sizeof(SEEN) - sizeof(BODY) + HR_BODY_MAX);
    free(big);
}

/* As many connections as there may be: the descriptor of an order has its place all the same. */
static void orders_are_taken_without_free_descriptors(void **state)
{
    (void)state;
    put_replay_life(2);
    orders_plugins_fd = -1;
    send_body("INIT 2", BODY);
    send_fd("PLUGINS", pipe_of("", 0));
    rlim_t before = no_descriptors();
    pump(fix.loop, SETTLE_MS);
    limit_descriptors(before);
    assert_true(orders_plugins_fd >= 0);
    hr_orders_server_ready(fix.orders, 2);
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_seen(SEEN);
}

static void new_plugins_are_passed_on(void **state)
{
    int fd = -1;
    (void)state;
    orders_plugins_fd = 0;
    assert_int_equal(hr_memfd_sealed("settings", "{}", 2, &fd), 0);
    send_fd("PLUGINS", fd);
    assert_told("");
    assert_true(orders_plugins_fd > 0);
    send_fd("PLUGINS", -1);
    assert_told("");
    assert_int_equal(orders_plugins_fd, -1);
}

static void a_pipe_that_is_still_open_is_not_waited_for(void **state)
{
    int p[2];
    (void)state;
    hr_orders_server_ready(fix.orders, 2);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0); /* blocking */
    assert_int_equal(write(p[1], BODY, sizeof(BODY) - 1), sizeof(BODY) - 1);
    send_fd("INIT 2", p[0]);
    assert_told("SERVER=2\nINIT=2 200\n");
    assert_seen(SEEN);
    hr_close(&p[1]);
}

static void a_key_of_two_lines_is_not_sent(void **state)
{
    char want[60];
    (void)state;
    fix.cfg.init_key = "a\r\nX-Other: b";
    new_sidecar();
    hr_orders_server_ready(fix.orders, 2);
    send_body("INIT 2", BODY);
    (void)snprintf(want, sizeof(want), "SERVER=2\nINIT=2 %d\n", -EINVAL);
    assert_told(want);
    assert_seen("");
    char *big = malloc(65536);
    assert_non_null(big);
    memset(big, 'x', 65535);
    big[65535] = '\0';
    fix.cfg.init_key = big;
    new_sidecar();
    hr_orders_server_ready(fix.orders, 2);
    send_body("INIT 2", BODY);
    assert_told(want);
    free(big);
}

static void nonsense_harms_nobody(void **state)
{
    static const char *const orders_of_none[] = {
        "INIT",     "INIT ",           "INIT 0",   "INIT -1",
        "INIT 2 3", "INIT 4294967296", "init 2",   "INIT2",
        "PAUSE",    "PAUSE 2 ",        "PAUSE +2", "RESTART 2",
        "\n",       "INIT 2\n\n",      "\x01\xff", "{\"order\":\"INIT\"}"};
    char long_one[HR_NOTIFICATION_MAX + 10];
    (void)state;
    memset(long_one, '1', sizeof(long_one));
    hr_orders_server_ready(fix.orders, 2);
    assert_told("SERVER=2\n");
    for (size_t i = 0; i < sizeof(orders_of_none) / sizeof(orders_of_none[0]); i++)
        send_body(orders_of_none[i], BODY);
    assert_int_equal(send(fix.socket, long_one, sizeof(long_one), 0), sizeof(long_one));
    assert_told("");
    assert_seen("");
    send_body("INIT 2\n", BODY);
    assert_told("INIT=2 200\n");
}

static int turns;

static void on_turn(struct ev_loop *l, ev_check *w, int events)
{
    (void)l;
    (void)w;
    (void)events;
    turns++;
}

static void the_end_of_the_supervisor_is_no_busy_loop(void **state)
{
    ev_check check;
    (void)state;
    hr_close(&fix.socket);
    pump(fix.loop, 10);
    ev_check_init(&check, on_turn);
    ev_check_start(fix.loop, &check);
    turns = 0;
    pump(fix.loop, 100);
    ev_check_stop(fix.loop, &check);
    assert_in_range(turns, 0, 10);
}

/* ---- the pause ---- */

static void a_pause_is_asked_for_with_a_key(void **state)
{
    (void)state;
    send_fd("PAUSE 2", -1);
    assert_told("PAUSED=2 204\n");
    assert_seen(PAUSE("own key"));
    send_body("PAUSE 2", BODY);
    assert_told("PAUSED=2 204\n");
    assert_seen(PAUSE("k1"));
    send_body("PAUSE 2", "{\"secret_key\":\"x\"}");
    assert_told("PAUSED=2 204\n");
    assert_seen(PAUSE("own key"));
    send_body("PAUSE 2", "{\"session_api_keys\":[\"a\\r\\nX-Other: b\"]}");
    assert_told("PAUSED=2 204\n");
    assert_seen(PAUSE("own key"));
}

static void a_pause_without_a_key_is_answered_at_once(void **state)
{
    (void)state;
    fix.cfg.session_key = NULL;
    new_sidecar();
    send_fd("PAUSE 2", -1);
    assert_told_number("PAUSED=2", -ENOKEY);
    send_body("PAUSE 2", "{\"session_api_keys\":[]}");
    assert_told_number("PAUSED=2", -ENOKEY);
    fix.cfg.session_key = "two\nlines";
    new_sidecar();
    send_fd("PAUSE 2", -1);
    assert_told_number("PAUSED=2", -EINVAL);
    assert_seen("");
}

static void every_answer_to_a_pause_is_told(void **state)
{
    static const int answers[] = {204, 401, 404, 503, 500, 200};
    (void)state;
    for (int i = 0; i < 6; i++) {
        fix.server.pause[i] = answers[i];
        send_body("PAUSE 2", BODY);
        assert_told_number("PAUSED=2", answers[i]);
    }
    fix.server.pause[6] = FAKE_SILENT;
    send_body("PAUSE 2", BODY);
    send_body("PAUSE 2", BODY); /* while the first is under way: one answer */
    assert_told_number("PAUSED=2", -ETIMEDOUT);
    assert_int_equal(fix.server.npause, 7);
    fake_server_die(&fix.server);
    send_body("PAUSE 2", BODY);
    assert_told_number("PAUSED=2", -ECONNREFUSED);
}

static void a_pause_ends_with_its_life(void **state)
{
    (void)state;
    fix.server.pause[0] = FAKE_SILENT;
    send_body("PAUSE 2", BODY);
    pump(fix.loop, RETRY_MS);
    assert_int_equal(fix.server.npause, 1);
    put_life(2, 0);
    pump(fix.loop, 2 * TIMEOUT_MS);
    put_life(3, 43);
    assert_told("");
    send_body("PAUSE 3", BODY);
    assert_told("PAUSED=3 204\n");
}

static void an_initialisation_and_a_pause_do_not_meet(void **state)
{
    (void)state;
    hr_orders_server_ready(fix.orders, 2);
    fix.server.init[0] = 500;
    fix.server.pause[0] = 503;
    send_body("INIT 2", BODY);
    send_body("PAUSE 2", BODY);
    assert_told("SERVER=2\nPAUSED=2 503\nINIT=2 200\n");
}

/* ---- where a body lies ---- */

static void a_body_is_in_no_core_dump(void **state)
{
    struct hr_body body = {.data = NULL};
    (void)state;
    int fd = pipe_of(BODY, sizeof(BODY) - 1);
    assert_int_equal(hr_body_read(fd, &body), 0);
    hr_close(&fd);
    assert_int_equal(body.len, sizeof(BODY) - 1);
    assert_memory_equal(body.data, BODY, body.len);
    assert_bodies(1);
    hr_body_wipe(&body);
    assert_null(body.data);
    assert_bodies(0);
    hr_body_wipe(&body);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, orders_set_up, orders_tear_down)
    const struct CMUnitTest tests[] = {
        T(bodies_that_cannot_be_taken),
        T(orders_are_taken_without_free_descriptors),
        T(new_plugins_are_passed_on),
        T(a_pipe_that_is_still_open_is_not_waited_for),
        T(a_key_of_two_lines_is_not_sent),
        T(nonsense_harms_nobody),
        T(the_end_of_the_supervisor_is_no_busy_loop),
        T(a_pause_is_asked_for_with_a_key),
        T(a_pause_without_a_key_is_answered_at_once),
        T(every_answer_to_a_pause_is_told),
        T(a_pause_ends_with_its_life),
        T(an_initialisation_and_a_pause_do_not_meet),
        T(a_body_is_in_no_core_dump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
