/* SPDX-License-Identifier: MIT
 * The webhook, with a receiver that is played by the work of its aside: what it answers, and what
 * it was told, lies in memory that both processes share. */
#include "sidecar/webhook/webhook.h"

#include "check.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "sidecar/webhook/delivery.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 20 * 1000, SEEN_MAX = 1024, ANSWERS_MAX = 32, NONE = -1, HANG = -2 };

/* The receiver. */
struct receiver {
    int answers[ANSWERS_MAX]; /* in order; 0 ends them, then it is the last one again */
    int retry_after_s;
    int seen;
    int64_t at_ms[SEEN_MAX];
    uint64_t sequence[SEEN_MAX];
    char id[SEEN_MAX][48];
    char type[SEEN_MAX][32];
};

static struct receiver *receiver;
static struct ev_loop *loop;
static struct hr_board *writer;
static const struct hr_board *board;
static int board_fd = -1;
static struct hr_webhook *webhook;
static int ended;

static int play(const void *request, size_t len, void *answer, size_t size, size_t *ret_len,
                void *arg)
{
    struct receiver *r = arg;
    struct hr_post_answer a = {.retry_after_s = r->retry_after_s};
    json_t *event = json_loadb(request, len, JSON_REJECT_DUPLICATES, NULL);
    int n = r->seen;
    int at = 0;
    while (at < n && at + 1 < ANSWERS_MAX && r->answers[at + 1])
        at++;
    if (!event || n == SEEN_MAX || size < sizeof(a))
        return -EPROTO;
    r->at_ms[n] = hr_now_ms();
    r->sequence[n] = (uint64_t)json_integer_value(json_object_get(event, "sequence"));
    (void)snprintf(r->id[n], sizeof(r->id[n]), "%s",
                   json_string_value(json_object_get(event, "id")));
    (void)snprintf(r->type[n], sizeof(r->type[n]), "%s",
                   json_string_value(json_object_get(event, "type")));
    json_decref(event);
    r->seen++;
    while (r->answers[at] == HANG)
        (void)pause();
    if (r->answers[at] == NONE)
        (void)snprintf(a.error, sizeof(a.error), "nobody there\xc3"); /* cut in a character */
    else
        a.status = r->answers[at];
    memcpy(answer, &a, sizeof(a));
    *ret_len = sizeof(a);
    return 0;
}

static json_t *crash(const struct hr_board_crash *c)
{
    return json_pack("{s:I}", "number", (json_int_t)c->number);
}

static void on_end(void *arg)
{
    assert_ptr_equal(arg, &ended);
    ended++;
}

static void on_tick(struct ev_loop *l, ev_timer *w, int events)
{
    (void)w;
    (void)events;
    ev_break(l, EVBREAK_ALL);
}

static void run_for(int ms)
{
    ev_timer t;
    ev_timer_init(&t, on_tick, ms / 1000., 0.);
    ev_now_update(loop);
    ev_timer_start(loop, &t);
    (void)ev_run(loop, 0);
    ev_timer_stop(loop, &t);
}

static void wait_seen(int n)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (receiver->seen < n && hr_now_ms() < end)
        run_for(2);
    if (receiver->seen < n)
        fail_msg("%d events were seen, %d expected", receiver->seen, n);
}

static json_int_t status(const char *name)
{
    json_t *all = hr_webhook_status(webhook);
    json_int_t value = json_integer_value(json_object_get(all, name));
    json_decref(all);
    return value;
}

static void wait_status(const char *name, json_int_t value)
{
    int64_t end = hr_now_ms() + WAIT_MS;
    while (status(name) != value && hr_now_ms() < end)
        run_for(2);
    assert_int_equal(status(name), value);
}

static void is_text(const char *name, const char *value)
{
    json_t *all = hr_webhook_status(webhook);
    const char *found = json_string_value(json_object_get(all, name));
    if (!value)
        assert_null(found);
    else
        assert_string_equal(found, value);
    json_decref(all);
}

static struct hr_board_phase phases;

static void enter(enum hr_pod_phase phase)
{
    hr_phase_enter(&phases, phase, 1, 1);
    hr_board_put_phase(writer, &phases);
}

/* Something to tell. */
static void happen(void)
{
    enter(phases.phase == HR_POD_WARM ? HR_POD_CLAIMED : HR_POD_WARM);
    hr_webhook_board_changed(webhook);
}

static void draining(uint32_t yes)
{
    struct hr_board_head head = {.nservices = 0, .draining = yes};
    hr_board_put_head(writer, &head);
}

static void make(int64_t first_ms)
{
    struct hr_webhook_config cfg = {.loop = loop,
                                    .board = board,
                                    .url = "http://host.example:8080/secret?key=sekrit",
                                    .authorization = "Bearer sekrit",
                                    .crash = crash,
                                    .work = play,
                                    .work_arg = receiver,
                                    .first_ms = first_ms};
    memset(&phases, 0, sizeof(phases));
    enter(HR_POD_STARTING);
    assert_int_equal(hr_webhook_new(&cfg, &webhook), 0);
    hr_webhook_board_changed(webhook);
}

static int open_all(void **state)
{
    (void)state;
    ended = 0;
    receiver =
        mmap(NULL, sizeof(*receiver), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    if (receiver == MAP_FAILED || !loop || hr_board_create(&writer, &board_fd) ||
        hr_board_open(board_fd, &board))
        return 1;
    draining(0);
    make(20);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    hr_webhook_free(webhook);
    hr_board_unmap(board);
    hr_board_unmap(writer);
    hr_close(&board_fd);
    ev_loop_destroy(loop);
    return munmap(receiver, sizeof(*receiver));
}

static void answer(const int *codes, size_t n)
{
    memcpy(receiver->answers, codes, n * sizeof(*codes));
}

#define ANSWER(...)                                                                                \
    answer((const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

/* ---- tests --------------------------------------------------------------------------------- */

static void without_one(void **state)
{
    (void)state;
    hr_webhook_board_changed(NULL);
    assert_false(hr_webhook_end(NULL, on_end, &ended));
    json_t *none = hr_webhook_status(NULL);
    assert_true(json_is_null(none));
    json_decref(none);
    hr_webhook_free(NULL);
}

static void events_arrive_in_order(void **state)
{
    (void)state;
    ANSWER(200, 204, 299, 200);
    for (int i = 0; i < 50; i++)
        happen();
    wait_status("delivered", 50);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(receiver->sequence[i], i + 1);
        assert_string_equal(receiver->type[i], "pod.phase");
        assert_int_equal(strcspn(receiver->id[i], "-"), 16);
        assert_int_equal(atoi(receiver->id[i] + 17), i + 1);
    }
    assert_int_equal(receiver->seen, 50);
    assert_int_equal(status("queued"), 0);
    assert_int_equal(status("queued_bytes"), 0);
    is_text("receiver", "http://host.example:8080");
    is_text("state", "idle");
    is_text("error", NULL);
}

static void one_that_asks_for_more_gets_the_same_again(void **state)
{
    (void)state;
    ANSWER(500, 429, NONE, 408, 200);
    happen();
    happen();
    wait_status("delivered", 2);
    for (int i = 1; i < 5; i++)
        assert_string_equal(receiver->id[i], receiver->id[0]);
    for (int i = 1, wanted_ms = 13; i < 5; i++, wanted_ms *= 2) /* 20, 40, ..., less a quarter */
        assert_true(receiver->at_ms[i] - receiver->at_ms[i - 1] >= wanted_ms);
    assert_int_equal(receiver->seen, 6);
    assert_int_equal(receiver->sequence[5], 2);
    assert_int_equal(status("tries"), 6);
}

static void a_refusal_is_final(void **state)
{
    static const int codes[] = {301, 302, 307, 400, 401, 404, 410, 413};
    (void)state;
    ANSWER(301, 302, 307, 400, 401, 404, 410, 413, 200);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        happen();
    wait_status("failed", sizeof(codes) / sizeof(codes[0]));
    is_text("error", "it answered 413");
    happen();
    wait_status("delivered", 1);
    assert_int_equal(receiver->seen, 9);
    is_text("error", NULL);
}

static void one_event_cannot_hold_up_the_others_for_ever(void **state)
{
    (void)state;
    hr_webhook_free(webhook);
    make(1);
    for (int i = 0; i < HR_DELIVERY_ANSWERS; i++)
        receiver->answers[i] = 500;
    receiver->answers[HR_DELIVERY_ANSWERS] = 200;
    happen();
    happen();
    wait_status("delivered", 1);
    assert_int_equal(status("failed"), 1);
    assert_int_equal(receiver->seen, HR_DELIVERY_ANSWERS + 1);
}

static void one_that_is_not_there_is_waited_for(void **state)
{
    (void)state;
    ANSWER(NONE);
    for (int i = 0; i < HR_EVENTS_MAX + 100; i++)
        happen();
    wait_seen(3);
    assert_int_equal(status("queued"), HR_EVENTS_MAX);
    assert_int_equal(status("dropped"), 100);
    assert_int_equal(status("failed"), 0);
    is_text("error", "nobody there\xef\xbf\xbd");
    int seen = receiver->seen;
    memset(receiver->answers, 0, sizeof(receiver->answers));
    ANSWER(200);
    wait_status("delivered", HR_EVENTS_MAX);
    assert_int_equal(status("queued"), 0);
    /* The last one is there, and all that were told are in order. */
    for (int i = seen + 1; i < receiver->seen; i++)
        assert_true(receiver->sequence[i] > receiver->sequence[i - 1]);
    assert_int_equal(receiver->sequence[receiver->seen - 1], HR_EVENTS_MAX + 100);
}

static void retry_after_is_heeded(void **state)
{
    (void)state;
    ANSWER(503, 200);
    receiver->retry_after_s = 1;
    happen();
    wait_status("delivered", 1);
    assert_true(receiver->at_ms[1] - receiver->at_ms[0] >= 1000);
}

static void how_long_to_wait(void **state)
{
    (void)state;
    assert_int_equal(hr_delivery_wait_ms(1000, 1, 0, 0), 750);
    assert_int_equal(hr_delivery_wait_ms(1000, 1, 0, 50), 1250);
    assert_int_equal(hr_delivery_wait_ms(1000, 1, 0, 51), 750);
    assert_int_equal(hr_delivery_wait_ms(1000, 4, 0, 25), 8000);
    assert_int_equal(hr_delivery_wait_ms(1000, 7, 0, 25), HR_DELIVERY_LAST_MS);
    assert_int_equal(hr_delivery_wait_ms(1000, UINT32_MAX, 0, 25), HR_DELIVERY_LAST_MS);
    assert_int_equal(hr_delivery_wait_ms(1000, 1, 30, 0), 30000);
    assert_int_equal(hr_delivery_wait_ms(1000, 1, 30, 10), 33000);
    assert_int_equal(hr_delivery_wait_ms(1000, 7, 5, 25), HR_DELIVERY_LAST_MS);
    assert_int_equal(hr_delivery_wait_ms(1000, 1, INT32_MAX, 0), HR_DELIVERY_ASKED_MAX_MS);
}

static void crashes_come_from_the_board(void **state)
{
    (void)state;
    ANSWER(200);
    struct hr_board_crash c = {.number = 1};
    hr_board_put_crash(writer, &c);
    hr_webhook_board_changed(webhook);
    draining(1);
    hr_webhook_board_changed(webhook);
    wait_status("delivered", 2);
    assert_string_equal(receiver->type[0], "service.crashed");
    assert_string_equal(receiver->type[1], "pod.stopping");
}

static void the_end_is_told(void **state)
{
    (void)state;
    ANSWER(200);
    draining(1);
    assert_true(hr_webhook_end(webhook, on_end, &ended));
    assert_int_equal(ended, 0);
    assert_false(hr_webhook_end(webhook, on_end, &ended));
    int64_t end = hr_now_ms() + WAIT_MS;
    while (!ended && hr_now_ms() < end)
        run_for(2);
    assert_int_equal(ended, 1);
    assert_int_equal(receiver->seen, 2);
    assert_string_equal(receiver->type[0], "pod.stopping");
    assert_string_equal(receiver->type[1], "pod.stopped");
}

static void an_end_without_news(void **state)
{
    (void)state;
    assert_false(hr_webhook_end(webhook, on_end, &ended)); /* the pod goes on, only we do not */
    run_for(20);
    assert_int_equal(ended, 0);
    assert_int_equal(receiver->seen, 0);
}

/* Whoever is not there, or does not answer, does not hold up the end. */
static void the_end_does_not_wait_long(void **state)
{
    static const int how[] = {NONE, 503, HANG};
    (void)state;
    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        hr_webhook_free(webhook);
        memset(receiver, 0, sizeof(*receiver));
        receiver->answers[0] = how[i];
        ended = 0;
        draining(0);
        make(HR_DELIVERY_LAST_MS);
        for (int k = 0; k < 5; k++)
            happen();
        wait_seen(1);
        draining(1);
        int64_t began = hr_now_ms();
        assert_true(hr_webhook_end(webhook, on_end, &ended));
        while (!ended && hr_now_ms() < began + WAIT_MS)
            run_for(2);
        assert_int_equal(ended, 1);
        if (how[i] == HANG)
            assert_true(hr_now_ms() - began >= 990);
        assert_true(receiver->seen <= 2);
        run_for(20); /* and nothing comes after it */
        assert_int_equal(ended, 1);
    }
}

static void its_process_dies(void **state)
{
    (void)state;
    ANSWER(HANG, 200);
    happen();
    wait_seen(1);
    is_text("state", "sending");
    hr_webhook_free(webhook); /* in the middle of it */
    memset(receiver, 0, sizeof(*receiver));
    ANSWER(200);
    make(20);
    happen();
    wait_status("delivered", 1);
}

static void metrics(void **state)
{
    struct hr_buf out;
    struct hr_expo e;
    (void)state;
    ANSWER(200, 404, 200);
    for (int i = 0; i < 3; i++)
        happen();
    for (int pass = 0; pass < 2; pass++) {
        hr_buf_init(&out, 4096);
        hr_expo_init(&e, &out);
        hr_webhook_collect(&e, webhook);
        assert_int_equal(hr_expo_finish(&e), 0);
        assert_null(e.misuse);
        const char *text = hr_buf_str(&out);
        if (pass == 0) {
            assert_non_null(strstr(text, "handrail_webhook_queue_length 3\n"));
            assert_null(strstr(text, "last_success"));
            wait_status("delivered", 2);
        } else {
            assert_non_null(strstr(text, "events_total{result=\"delivered\"} 2\n"));
            assert_non_null(strstr(text, "events_total{result=\"failed\"} 1\n"));
            assert_non_null(strstr(text, "events_total{result=\"dropped\"} 0\n"));
            assert_non_null(strstr(text, "handrail_webhook_last_success_timestamp_seconds 1"));
        }
        hr_buf_free(&out);
    }
}

static void a_scheme_that_cannot_be(void **state)
{
    struct hr_webhook_config cfg = {
        .loop = loop, .board = board, .url = "gopherx://host/path", .crash = crash};
    (void)state;
    hr_webhook_free(webhook);
    webhook = NULL;
    assert_int_equal(hr_webhook_new(&cfg, &webhook), 0);
    hr_webhook_board_changed(webhook);
    happen();
    is_text("state", "off");
    is_text("error", "this handrail's libcurl cannot do gopherx");
    assert_int_equal(status("queued"), 0);
    draining(1);
    assert_false(hr_webhook_end(webhook, on_end, &ended));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_one),
        TEST(events_arrive_in_order),
        TEST(one_that_asks_for_more_gets_the_same_again),
        TEST(a_refusal_is_final),
        TEST(one_event_cannot_hold_up_the_others_for_ever),
        TEST(one_that_is_not_there_is_waited_for),
        TEST(retry_after_is_heeded),
        TEST(how_long_to_wait),
        TEST(crashes_come_from_the_board),
        TEST(the_end_is_told),
        TEST(an_end_without_news),
        TEST(the_end_does_not_wait_long),
        TEST(its_process_dies),
        TEST(metrics),
        TEST(a_scheme_that_cannot_be),
    };
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGCHLD, &ignore, NULL); /* as in the sidecar */
    hr_log_init("test", HR_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
