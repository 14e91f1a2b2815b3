/* SPDX-License-Identifier: MIT
 * The server initialised again, and announced: every answer it can give, and every end of its life,
 * or of the sidecar's, in the middle. */
#include "sidecar/orders/orders.h"

#include "check.h"
#include "common/clock.h"
#include "http_fixture.h"
#include "orders_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- announcing ---- */

static void a_server_is_announced_once_a_life(void **state)
{
    (void)state;
    assert_told("");
    hr_orders_server_ready(fix.orders, 2);
    assert_told("SERVER=2\n");
    put_state(2, 42, HR_UP);
    hr_orders_server_ready(fix.orders, 2);
    put_replay_life(2); /* too late to matter */
    assert_told("");
    put_life(2, 0);
    put_life(3, 43);
    put_replay_life(0);
    assert_told("");
    hr_orders_server_ready(fix.orders, 2); /* of the life before */
    assert_told("");
    hr_orders_server_ready(fix.orders, 3);
    assert_told("SERVER=3\n");
    assert_seen("");
}

static void what_the_supervisor_has_not_heard_is_said_again(void **state)
{
    (void)state;
    hr_orders_server_ready(fix.orders, 2);
    assert_told("SERVER=2\n");
    put_replay_life(0); /* only another answer has it said again */
    assert_told("");
    hr_orders_server_ready(fix.orders, 2);
    assert_told("SERVER=2\n");
    put_life(3, 43);
    put_replay_life(3);
    hr_orders_server_ready(fix.orders, 3);
    send_body("INIT 3", BODY);
    assert_told("INIT=3 200\nSERVER=3\n");
    hr_orders_server_ready(fix.orders, 3);
    assert_told("INIT=3 200\nSERVER=3\n");
    put_state(3, 43, HR_UP);
    hr_orders_server_ready(fix.orders, 3);
    put_life(4, 44); /* its own answer has not come yet */
    hr_orders_server_ready(fix.orders, 3);
    assert_told("");
}

static void one_that_must_be_initialised_is_announced_after_that(void **state)
{
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    assert_told("");
    assert_init(2, -EAGAIN, "initialisation not replayed yet");
    send_body("INIT 2", BODY);
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_seen(SEEN);
    assert_init(2, 0, "");
    put_replay_life(2); /* the board is late */
    assert_told("");
}

static void the_order_waits_for_the_server(void **state)
{
    (void)state;
    put_replay_life(2);
    send_body("INIT 2", BODY);
    assert_told("");
    assert_seen("");
    hr_orders_server_ready(fix.orders, 2);
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_seen(SEEN);
}

/* An order is sent after the board is written, but the event may come later than the order. */
static void an_order_blocks_the_announcement_even_if_the_board_does_not(void **state)
{
    (void)state;
    fix.server.init[0] = 500;
    send_body("INIT 2", BODY);
    assert_told("");
    hr_orders_server_ready(fix.orders, 2);
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_int_equal(fix.server.ninit, 2);
}

static void somebody_else_may_initialise_it(void **state)
{
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    assert_told("");
    put_replay_life(0);
    assert_told("SERVER=2\n");
}

static void without_a_key_no_header_is_sent(void **state)
{
    (void)state;
    fix.cfg.init_key = NULL;
    new_sidecar();
    hr_orders_server_ready(fix.orders, 2);
    assert_told("SERVER=2\n");
    send_body("INIT 2", BODY);
    assert_told("INIT=2 200\n");
    assert_seen("POST /api/init [-] {application/json} " BODY "\n");
    fix.cfg.init_key = "";
    new_sidecar();
    hr_orders_server_ready(fix.orders, 2);
    send_body("INIT 2", "");
    assert_told("SERVER=2\nINIT=2 200\n");
    assert_seen("POST /api/init [-] {application/json} \n");
}

/* ---- answers to the POST ---- */

static void ready_already_is_success(void **state)
{
    (void)state;
    put_replay_life(2);
    fix.server.init[0] = 400;
    fix.server.init_text = "{\"detail\":\"server already in state: ready\"}";
    hr_orders_server_ready(fix.orders, 2);
    send_body("INIT 2", BODY);
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_int_equal(fix.server.ninit, 1);
}

static void initializing_is_waited_for(void **state)
{
    (void)state;
    put_replay_life(2);
    fix.server.init[0] = fix.server.init[1] = 400;
    fix.server.init_text = "{\"detail\":\"server already in state: initializing\"}";
    hr_orders_server_ready(fix.orders, 2);
    send_body("INIT 2", BODY);
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_int_equal(fix.server.ninit, 3);
}

static void what_cannot_help_is_not_tried_again(void **state)
{
    static const struct {
        int status;
        const char *told;
        const char *reason;
    } finals[] = {{401, "INIT=2 401\n", "answered 401: OH_SECRET_KEY"},
                  {404, "INIT=2 404\n", "answered 404: the server was started without"},
                  {422, "INIT=2 422\n", "answered 422: "}};
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    for (size_t i = 0; i < sizeof(finals) / sizeof(finals[0]); i++) {
        fix.server.ninit = 0;
        fix.server.init[0] = finals[i].status;
        fix.server.init_text = "{\"detail\":[{\"input\":\"s\"}]}";
        send_body("INIT 2", BODY);
        assert_told(finals[i].told);
        assert_int_equal(fix.server.ninit, 1);
        assert_init(2, -EIO, finals[i].reason);
        hr_orders_board_changed(fix.orders);
        assert_told("");
    }
    put_replay_life(0); /* initialised by somebody else after all */
    assert_told("SERVER=2\n");
}

static void a_failure_is_tried_again_ever_later(void **state)
{
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    for (int i = 0; i < 4; i++)
        fix.server.init[i] = 500 + i;
    int64_t start = hr_now_ms();
    send_body("INIT 2", BODY);
    await_init(1);
    assert_init(2, -EAGAIN, "not replayed yet: POST /api/init answered 500");
    assert_bodies(1);
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_bodies(0);
    assert_in_range(hr_now_ms() - start, (1 + 2 + 4 + 8) * RETRY_MS, WAIT_MS);
    assert_int_equal(fix.server.ninit, 5);
    assert_seen(SEEN SEEN SEEN SEEN SEEN);
}

static void five_failures_are_the_end(void **state)
{
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    for (int i = 0; i < 6; i++)
        fix.server.init[i] = i == 4 ? 503 : 500;
    send_body("INIT 2", BODY);
    assert_told("INIT=2 503\n");
    assert_bodies(0);
    assert_init(2, -EIO, "could not be replayed: POST /api/init answered 503");
    pump(fix.loop, 20 * RETRY_MS);
    assert_int_equal(fix.server.ninit, HR_INIT_TRIES);
    put_life(2, 0);
    put_life(3, 43); /* the next life gets as many */
    put_replay_life(3);
    hr_orders_server_ready(fix.orders, 3);
    fix.server.ninit = 0;
    fix.server.init[0] = 500;
    fix.server.init[1] = 0;
    assert_init(3, -EAGAIN, "not replayed yet");
    send_body("INIT 3", BODY);
    assert_told("INIT=3 200\nSERVER=3\n");
}

static void silence_is_tried_again(void **state)
{
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    fix.server.init[0] = FAKE_SILENT;
    send_body("INIT 2", BODY);
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_int_equal(fix.server.ninit, 2);
}

/* For far longer than the tries would take; none of them is used. */
static void what_has_not_reached_the_server_is_no_try(void **state)
{
    enum { QUICK_MS = 1, LONG_MS = 50 * QUICK_MS };
    (void)state;
    fix.cfg.init_retry_ms = QUICK_MS;
    new_sidecar();
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    fake_server_die(&fix.server);
    send_body("INIT 2", BODY);
    pump(fix.loop, LONG_MS);
    assert_told("");
    assert_init(2, -EAGAIN, "not replayed yet: POST /api/init: Connection refused");
    rlim_t before = no_descriptors();
    pump(fix.loop, LONG_MS);
    assert_init(2, -EAGAIN, "not replayed yet: POST /api/init: Too many open files");
    limit_descriptors(before);
    assert_told("");
    assert_int_equal(fake_server_return(&fix.server), 0);
    for (int i = 0; i < 4; i++)
        fix.server.init[i] = 500;
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_int_equal(fix.server.ninit, 5);
    fake_server_die(&fix.server);
    put_life(3, 43);
    put_replay_life(3);
    send_body("INIT 3", BODY);
    hr_orders_server_ready(fix.orders, 3);
    pump(fix.loop, LONG_MS);
    put_life(3, 0); /* the end of all trying */
    assert_int_equal(fake_server_return(&fix.server), 0);
    pump(fix.loop, LONG_MS);
    assert_told("");
    assert_int_equal(fix.server.ninit, 5);
}

static void a_timeout_is_told_as_one(void **state)
{
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    for (int i = 0; i < HR_INIT_TRIES; i++)
        fix.server.init[i] = FAKE_SILENT;
    send_body("INIT 2", BODY);
    assert_told_number("INIT=2", -ETIMEDOUT);
    assert_init(2, -EIO, "no answer within 250 ms");
}

/* ---- 401, which a server that is initialised already says, too ---- */

static void a_refused_key_is_looked_into(void **state)
{
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    fix.server.init[0] = 401;
    fix.server.state = "ready";
    send_body("INIT 2", BODY);
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_seen(SEEN LOOK);
    fix.server.ninit = 0;
    fix.server.state = "initializing";
    send_body("INIT 2", BODY);
    assert_told("INIT=2 200\n");
    assert_seen(SEEN LOOK SEEN);
    fix.server.ninit = 0;
    fix.server.state = NULL;
    send_body("INIT 2", BODY);
    assert_told("INIT=2 401\n");
    assert_seen(SEEN LOOK);
    fix.server.ninit = 0;
    fix.server.state = "no \" JSON";
    send_body("INIT 2", BODY);
    assert_told("INIT=2 401\n");
}

static void a_look_without_an_answer_decides_nothing(void **state)
{
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    fix.server.init[0] = FAKE_LAST_401;
    fix.server.init[1] = 401;
    fix.server.state = "ready";
    send_body("INIT 2", BODY);
    await_init(1);
    assert_told("");
    assert_init(2, -EAGAIN, "not replayed yet: ");
    fake_server_die(&fix.server);
    assert_int_equal(fake_server_return(&fix.server), 0);
    assert_told("INIT=2 200\nSERVER=2\n");
    assert_seen(SEEN SEEN LOOK);
}

/* ---- lives and sidecars ---- */

static void a_stale_order_is_said_to_be_one(void **state)
{
    char want[100];
    (void)state;
    hr_orders_server_ready(fix.orders, 2);
    assert_told("SERVER=2\n");
    send_body("INIT 1", BODY);
    send_body("PAUSE 3", BODY);
    send_fd("PAUSE 4294967295", -1);
    (void)snprintf(want, sizeof(want), "INIT=1 %d\nPAUSED=3 %d\nPAUSED=4294967295 %d\n", -ESTALE,
                   -ESTALE, -ESTALE);
    assert_told(want);
    put_life(2, 0); /* its process is gone */
    send_body("INIT 2", BODY);
    send_fd("PAUSE 2", -1);
    (void)snprintf(want, sizeof(want), "INIT=2 %d\nPAUSED=2 %d\n", -ESTALE, -ESTALE);
    assert_told(want);
    assert_seen("");
}

static void start_until(int when)
{
    fix.server.ninit = 0;
    fix.server.state = "dormant";
    memset(fix.server.init, 0, sizeof(fix.server.init));
    if (when == 1) {
        fix.server.init[0] = FAKE_SILENT;
    } else if (when == 2) {
        fix.server.init[0] = 500;
    } else if (when == 3) {
        fix.server.init[0] = 422;
    }
}

/* 0: before the server is ready, 1: the POST is under way, 2: between two tries, 3: at its end. */
static void the_end_of_a_life_ends_everything_of_it(void **state)
{
    (void)state;
    uint32_t life = 2;
    for (int when = 0; when < 4; when++, life++) {
        char order[40];
        char want[60];
        (void)snprintf(order, sizeof(order), "INIT %u", life);
        start_until(when);
        put_replay_life(life);
        if (when)
            hr_orders_server_ready(fix.orders, life);
        send_body(order, BODY);
        await_init(when ? 1 : 0);
        put_life(life, 0);
        (void)snprintf(want, sizeof(want), "INIT=%u 422\n", life);
        assert_told(when == 3 ? want : "");
        pump(fix.loop, 5 * RETRY_MS);
        assert_int_equal(fix.server.ninit, when ? 1 : 0);
        assert_init(life, -EAGAIN, "not replayed yet");
        put_life(life + 1, 42);
        assert_told("");
    }
    start_until(0);
    put_replay_life(life);
    hr_orders_server_ready(fix.orders, life);
    send_body("INIT 6", BODY);
    assert_told("INIT=6 200\nSERVER=6\n");
}

static void a_new_sidecar_gets_the_order_again(void **state)
{
    (void)state;
    put_replay_life(2);
    hr_orders_server_ready(fix.orders, 2);
    fix.server.init[0] = FAKE_SILENT; /* the first sidecar dies waiting for this one */
    send_body("INIT 2", BODY);
    await_init(1);
    new_sidecar();
    fix.server.init[1] = 400;
    fix.server.init_text = "{\"detail\":\"server already in state: initializing\"}";
    send_body("INIT 2", BODY);
    hr_orders_server_ready(fix.orders, 2);
    assert_told("INIT=2 200\nSERVER=2\n");
    new_sidecar(); /* the server takes the key of the body now */
    fix.server.ninit = 0;
    fix.server.init[0] = 401;
    fix.server.state = "ready";
    hr_orders_server_ready(fix.orders, 2);
    assert_told("");
    send_body("INIT 2", BODY);
    assert_told("INIT=2 200\nSERVER=2\n");
}

static void the_last_of_two_orders_counts(void **state)
{
    (void)state;
    hr_orders_server_ready(fix.orders, 2);
    fix.server.init[0] = FAKE_SILENT;
    send_body("INIT 2", "{\"web_url\":\"first\"}");
    await_init(1);
    send_body("INIT 2", BODY);
    assert_told("SERVER=2\nINIT=2 200\n");
    assert_int_equal(fix.server.ninit, 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, orders_set_up, orders_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_server_is_announced_once_a_life),
        T(what_the_supervisor_has_not_heard_is_said_again),
        T(one_that_must_be_initialised_is_announced_after_that),
        T(the_order_waits_for_the_server),
        T(an_order_blocks_the_announcement_even_if_the_board_does_not),
        T(somebody_else_may_initialise_it),
        T(without_a_key_no_header_is_sent),
        T(ready_already_is_success),
        T(initializing_is_waited_for),
        T(what_cannot_help_is_not_tried_again),
        T(a_failure_is_tried_again_ever_later),
        T(five_failures_are_the_end),
        T(silence_is_tried_again),
        T(what_has_not_reached_the_server_is_no_try),
        T(a_timeout_is_told_as_one),
        T(a_refused_key_is_looked_into),
        T(a_look_without_an_answer_decides_nothing),
        T(a_stale_order_is_said_to_be_one),
        T(the_end_of_a_life_ends_everything_of_it),
        T(a_new_sidecar_gets_the_order_again),
        T(the_last_of_two_orders_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
