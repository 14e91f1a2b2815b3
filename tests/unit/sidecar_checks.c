/* SPDX-License-Identifier: MIT
 * The checks on a board of our own and a clock that we turn: what each gate makes of a death, a
 * hang, a stop, a stale result; the format of the answers; and the timers against a real port. */
#include "sidecar/checks/checks.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "http_fixture.h"
#include "said.h"
#include "sidecar/checks/registry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { T0 = 1000000 };

static int64_t fake_now;
static struct hr_board *board;
static int board_fd = -1;
static struct hr_board_head head;
static struct hr_board_service server;
static struct hr_client *client;
static struct hr_checks *checks;
static struct fixture fix;
static uint32_t ready_calls;
static uint32_t ready_life;
static int plugin_err;
static int init_err;
static unsigned untaken; /* heartbeats */

static int64_t clock_now(void)
{
    return fake_now;
}

static void on_ready(uint32_t starts, void *arg)
{
    (void)arg;
    ready_calls++;
    ready_life = starts;
}

static int plugin_ok(const char *id, char *reason, size_t size, void *arg)
{
    (void)arg;
    if (plugin_err)
        (void)snprintf(reason, size, "%s is\nn\xf6t connected\xc3", id);
    return plugin_err;
}

static int init_ok(uint32_t starts, char *reason, size_t size, void *arg)
{
    (void)arg;
    if (init_err)
        (void)snprintf(reason, size, "life %u waits", starts);
    return init_err;
}

/* The server: whoever holds the port, which is this process. */
static void put(uint32_t state, uint32_t starts, bool lives)
{
    server.state = state;
    server.starts = starts;
    server.pid = lives ? (int)getpid() : 0;
    server.started_ms = fake_now;
    hr_board_put_service(board, 0, &server);
    hr_board_put_head(board, &head);
}

static unsigned untaken_now(void *arg)
{
    (void)arg;
    return untaken;
}

static int set_up(void **state)
{
    (void)state;
    untaken = 0;
    fake_now = T0;
    ready_calls = 0;
    plugin_err = 0;
    init_err = 0;
    head = (struct hr_board_head){.supervisor_pid = getppid(), .nservices = 1};
    server = (struct hr_board_service){.name = "server", .last_status = -1};
    if (hr_board_create(&board, &board_fd) || fixture_open(&fix, &fixture_limits) ||
        hr_client_new(fix.loop, &client))
        return -1;
    put(HR_DOWN, 0, false);
    struct hr_checks_config cfg = {.loop = fix.loop,
                                   .board = board,
                                   .client = client,
                                   .host = "127.0.0.1",
                                   .port = fix.port,
                                   .on_ready = on_ready,
                                   .init_ok = init_ok,
                                   .plugin_ok = plugin_ok,
                                   .untaken = untaken_now,
                                   .now_ms = clock_now};
    return hr_checks_new(&cfg, &checks);
}

static int tear_down(void **state)
{
    (void)state;
    hr_checks_free(checks);
    checks = NULL;
    hr_client_free(client);
    fixture_close(&fix);
    hr_board_unmap(board);
    hr_close(&board_fd);
    return 0;
}

/* An answer to the probe at the fake time: a status, or -errno. */
static void note(struct hr_probe *p, int status)
{
    struct hr_life life = hr_life_read(board);
    struct hr_finding f = {.found = status == 200             ? HR_FOUND_GOOD
                                    : status == -ECONNREFUSED ? HR_FOUND_DOWN
                                                              : HR_FOUND_BAD};
    (void)snprintf(f.message, sizeof(f.message), "answer %s",
                   status > 0 ? "of the server" : strerror(-status));
    (void)hr_measure_new_life(&p->m, &life);
    hr_measure_note(&p->m, &f, fake_now);
}

static void set_plugins(const char *text, int wanted)
{
    json_t *plugins = json_loads(text, 0, NULL);
    assert_non_null(plugins);
    assert_int_equal(hr_checks_set_plugins(checks, plugins), wanted);
    json_decref(plugins);
}

static unsigned ask(const char *path)
{
    struct hr_checks_query q = {.nexclude = 0};
    struct hr_buf out;
    hr_buf_init(&out, 65536);
    unsigned status = hr_checks_answer(checks, path, &q, &out);
    hr_buf_free(&out);
    return status;
}

static void assert_says(const char *path, struct hr_checks_query q, unsigned status,
                        const char *want)
{
    struct hr_buf out;
    hr_buf_init(&out, 65536);
    assert_int_equal(hr_checks_answer(checks, path, &q, &out), status);
    assert_string_equal(hr_buf_str(&out), want);
    hr_buf_free(&out);
}

static struct hr_checks_query excluding(bool verbose, const char *const names[])
{
    struct hr_checks_query q = {.verbose = verbose};
    for (; *names; names++)
        hr_checks_exclude(&q, *names);
    return q;
}

static void nothing_is_ready_before_it_is_measured(void **state)
{
    (void)state;
    assert_int_equal(ask("/startupz"), 503);
    assert_int_equal(ask("/readyz"), 503);
    assert_int_equal(ask("/livez"), 200);
    put(HR_STARTING, 1, true);
    assert_says("/readyz/ready", (struct hr_checks_query){0}, 503,
                "internal server error: not measured yet\n");
    assert_int_equal(ask("/startupz"), 503);
    note(&checks->ready, 200);
    assert_int_equal(ask("/startupz"), 200);
    assert_int_equal(ask("/readyz"), 200);
}

/* A stop takes back that the server was given up. */
static void only_a_recovery_is_one(void **state)
{
    (void)state;
    put(HR_STARTING, 1, true);
    hear_begin();
    hr_checks_refresh(checks);
    put(HR_FAILED, 1, false);
    hr_checks_refresh(checks);
    put(HR_STARTING, 2, true);
    hr_checks_refresh(checks);
    hear_end();
    assert_non_null(strstr(said, "the pod is no longer live: process: server is in state failed"));
    assert_non_null(strstr(said, "the pod is live again\n"));
    put(HR_FAILED, 2, false);
    hear_begin();
    hr_checks_refresh(checks);
    head.draining = HR_DRAINING_STOP;
    put(HR_DOWN, 2, false);
    hr_checks_refresh(checks);
    hear_end();
    assert_non_null(strstr(said, "the pod is no longer live"));
    assert_null(strstr(said, "live again"));
}

static void a_result_dies_with_its_life(void **state)
{
    (void)state;
    put(HR_STARTING, 1, true);
    note(&checks->ready, 200);
    assert_int_equal(ask("/readyz"), 200);
    server.ready_once = 1;
    put(HR_BACKOFF, 1, false); /* nobody has told the checks: they look */
    assert_int_equal(ask("/readyz"), 503);
    assert_int_equal(ask("/livez"), 200);
    assert_int_equal(ask("/startupz"), 200);
    put(HR_STARTING, 2, true);
    assert_says("/readyz/ready", (struct hr_checks_query){0}, 503,
                "internal server error: server restarted, not measured yet\n");
    note(&checks->ready, -ECONNREFUSED);
    assert_int_equal(ask("/readyz"), 503);
    note(&checks->ready, 200);
    assert_int_equal(ask("/readyz"), 200);
}

static void one_slow_answer_is_forgiven_a_closed_port_is_not(void **state)
{
    (void)state;
    put(HR_UP, 1, true);
    note(&checks->ready, 200);
    note(&checks->ready, -ETIMEDOUT);
    note(&checks->ready, 503);
    assert_int_equal(ask("/readyz"), 200);
    note(&checks->ready, -ETIMEDOUT);
    assert_says("/readyz/ready", (struct hr_checks_query){0}, 503,
                "internal server error: answer Connection timed out\n");
    note(&checks->ready, 200);
    assert_int_equal(ask("/readyz"), 200);
    note(&checks->ready, -ETIMEDOUT);
    note(&checks->ready, 200); /* the count begins anew */
    note(&checks->ready, 500);
    note(&checks->ready, 500);
    assert_int_equal(ask("/readyz"), 200);
    note(&checks->ready, -ECONNREFUSED);
    assert_int_equal(ask("/readyz"), 503);
}

static void a_hang_is_told_apart_from_slowness_and_death(void **state)
{
    (void)state;
    put(HR_STARTING, 1, true);
    for (int i = 0; i < 100; i++, fake_now += 2000)
        note(&checks->alive, -ECONNREFUSED);
    assert_int_equal(ask("/livez"), 200); /* slow to start: not ours to judge */
    note(&checks->alive, 200);
    note(&checks->alive, -ETIMEDOUT);
    fake_now += HR_HANG_LIMIT_MS;
    assert_int_equal(ask("/livez"), 200);
    fake_now += 1;
    assert_int_equal(ask("/livez"), 503);
    assert_int_equal(ask("/livez/alive"), 503);
    head.draining = HR_DRAINING_STOP;
    put(HR_STOPPING, 1, true);
    assert_int_equal(ask("/livez"), 200); /* it is ending anyway */
    head.draining = 0;
    put(HR_UP, 1, true);
    assert_int_equal(ask("/livez"), 503);
    note(&checks->alive, 200);
    assert_int_equal(ask("/livez"), 200);
    note(&checks->alive, -ETIMEDOUT);
    fake_now += HR_HANG_LIMIT_MS + 1;
    put(HR_BACKOFF, 1, false);
    assert_int_equal(ask("/livez"), 200); /* the hanging process is no more */
    put(HR_STARTING, 2, true);
    assert_int_equal(ask("/livez"), 200);
}

/* A sidecar that was restarted has never seen the server well, but the board says it was. */
static void a_hang_from_before_our_time_is_seen(void **state)
{
    (void)state;
    put(HR_UP, 3, true);
    note(&checks->alive, -ETIMEDOUT);
    fake_now += HR_HANG_LIMIT_MS + 1;
    assert_int_equal(ask("/livez"), 503);
}

static void a_server_given_up_is_not_live(void **state)
{
    (void)state;
    (void)snprintf(server.reason, sizeof(server.reason), "10 deaths in 10 minutes");
    put(HR_FAILED, 10, false);
    assert_says("/livez", (struct hr_checks_query){0}, 503,
                "[+]supervisor ok\n"
                "[-]process failed: server is in state failed: 10 deaths in 10 minutes\n"
                "[+]alive ok\n"
                "livez check failed\n");
}

static const char *why_draining(void)
{
    static char why[HR_CHECK_REASON_MAX];
    size_t i = 0;
    const json_t *check = NULL;
    json_t *all = hr_checks_status(checks);
    why[0] = '\0';
    json_array_foreach (all, i, check)
        if (strcmp(json_string_value(json_object_get(check, "name")), "draining") == 0)
            (void)snprintf(why, sizeof(why), "%s",
                           json_string_value(json_object_get(check, "message")));
    json_decref(all);
    return why;
}

static void a_stop_turns_readiness_off(void **state)
{
    (void)state;
    put(HR_UP, 1, true);
    note(&checks->ready, 200);
    assert_int_equal(ask("/readyz"), 200);
    head.draining = HR_DRAINING_STOP;
    put(HR_UP, 1, true);
    assert_int_equal(ask("/readyz"), 503);
    assert_int_equal(ask("/readyz/draining"), 503);
    assert_string_equal(why_draining(), "a stop has begun");
    assert_int_equal(ask("/livez"), 200);
    head.draining = HR_DRAINING_ORDER;
    put(HR_UP, 1, true);
    assert_int_equal(ask("/readyz/draining"), 503);
    assert_string_equal(why_draining(), "held off by handrail drain");
}

/* It lives, and a board that it has written is still there to be read. */
static void a_supervisor_that_hangs_is_noticed(void **state)
{
    (void)state;
    put(HR_UP, 1, true);
    untaken = HR_UNTAKEN_MAX;
    assert_int_equal(ask("/livez"), 200);
    untaken = HR_UNTAKEN_MAX + 1;
    assert_int_equal(ask("/livez"), 503);
    assert_int_equal(ask("/readyz/supervisor"), 503);
    untaken = 1;
    assert_int_equal(ask("/livez"), 200);
}

static void a_lost_supervisor_is_noticed(void **state)
{
    (void)state;
    put(HR_UP, 1, true);
    note(&checks->ready, 200);
    head.supervisor_pid = getpid();
    put(HR_UP, 1, true);
    assert_int_equal(ask("/livez"), 503);
    assert_int_equal(ask("/readyz/supervisor"), 503);
}

static void only_required_plugins_gate(void **state)
{
    (void)state;
    put(HR_UP, 1, true);
    note(&checks->ready, 200);
    set_plugins("[{\"id\":\"nice\"}]", 0);
    plugin_err = -EAGAIN;
    assert_int_equal(ask("/readyz"), 200);
    assert_int_equal(ask("/readyz/plugin/nice"), 503);
    assert_int_equal(ask("/livez/plugin/nice"), 404);
    set_plugins("[{\"id\":\"nice\"},{\"id\":\"need\",\"required\":true}]", 0);
    assert_int_equal(ask("/readyz"), 503);
    assert_says("/readyz/plugin/need", (struct hr_checks_query){0}, 503,
                "internal server error: need is n?t connected?\n");
    plugin_err = 0;
    assert_int_equal(ask("/readyz"), 200);
    assert_says("/readyz/plugin/need", (struct hr_checks_query){0}, 200, "ok");
}

static void a_server_to_be_initialised_again_is_not_ready(void **state)
{
    (void)state;
    struct hr_board_server own = {.replay_life = 2};
    put(HR_UP, 1, true);
    note(&checks->ready, 200);
    hr_board_put_server(board, &own);
    assert_int_equal(ask("/readyz"), 200); /* another life */
    put(HR_STARTING, 2, true);
    note(&checks->ready, 200);
    init_err = -EAGAIN;
    assert_says("/readyz", (struct hr_checks_query){0}, 503,
                "[+]supervisor ok\n[+]process ok\n[+]ready ok\n[-]init failed: life 2 waits\n"
                "[+]agent-module ok\n[+]draining ok\nreadyz check failed\n");
    assert_int_equal(ask("/readyz/ready"), 200);
    assert_int_equal(ask("/livez"), 200);
    assert_int_equal(ask("/startupz"), 200);
    init_err = 0; /* the board is behind what we know */
    assert_int_equal(ask("/readyz"), 200);
    checks->cfg.init_ok = NULL;
    assert_says("/readyz/init", (struct hr_checks_query){0}, 503,
                "internal server error: initialisation not replayed yet\n");
    own.replay_life = 0;
    hr_board_put_server(board, &own);
    assert_int_equal(ask("/readyz"), 200);
}

static void a_wrong_agent_class_is_not_ready(void **state)
{
    (void)state;
    struct hr_board_server own = {.status = "starting"};
    put(HR_STARTING, 1, true);
    note(&checks->ready, 200);
    hr_board_put_server(board, &own);
    assert_int_equal(ask("/readyz/agent-module"), 503);
    put(HR_UP, 1, true); /* without a word of its agent: there is none to check */
    assert_int_equal(ask("/readyz"), 200);
    put(HR_STARTING, 1, true);
    own.agent = HR_AGENT_OK;
    hr_board_put_server(board, &own);
    assert_int_equal(ask("/readyz"), 200);
    own.agent = HR_AGENT_WRONG;
    memset(own.agent_error, 'x', sizeof(own.agent_error)); /* not ended */
    hr_board_put_server(board, &own);
    assert_int_equal(ask("/readyz"), 503);
    (void)snprintf(own.agent_error, sizeof(own.agent_error), "module m: no class\tC");
    hr_board_put_server(board, &own);
    assert_says("/readyz/agent-module", (struct hr_checks_query){0}, 503,
                "internal server error: module m: no class C\n");
    assert_int_equal(ask("/livez"), 200);
}

static void plugins_are_bounded(void **state)
{
    (void)state;
    char text[HR_PLUGIN_ID_MAX + 32] = "[{\"id\":\"";
    size_t n = strlen(text);
    memset(text + n, 'x', HR_PLUGIN_ID_MAX + 1);
    (void)snprintf(text + n + HR_PLUGIN_ID_MAX + 1, 8, "\"}]");
    set_plugins(text, -EPROTO);
    set_plugins("[{\"id\":\"\"}]", -EPROTO);
    set_plugins("[{\"id\":3}]", -EPROTO);
    set_plugins("{}", -EPROTO);
    json_t *many = json_array();
    for (int i = 0; i < HR_MAX_PLUGINS; i++)
        (void)json_array_append_new(many, json_pack("{s:s}", "id", "a"));
    assert_int_equal(hr_checks_set_plugins(checks, many), 0);
    (void)json_array_append_new(many, json_pack("{s:s}", "id", "b"));
    assert_int_equal(hr_checks_set_plugins(checks, many), -ENOSPC);
    json_decref(many);
}

static void plugins_that_stay_keep_what_is_known(void **state)
{
    (void)state;
    put(HR_UP, 1, true);
    note(&checks->ready, 200);
    set_plugins("[{\"id\":\"a\"},{\"id\":\"b\",\"required\":true}]", 0);
    json_decref(hr_checks_status(checks));
    fake_now += 9000;
    set_plugins("[{\"id\":\"c\"},{\"id\":\"b\"}]", 0);
    assert_int_equal(ask("/readyz/plugin/a"), 404);
    assert_int_equal(ask("/readyz/plugin/c"), 200);
    json_t *all = hr_checks_status(checks);
    size_t n = json_array_size(all);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(all, n - 1), "since_seconds")), 9);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(all, n - 2), "since_seconds")), 0);
    json_decref(all);
    plugin_err = -EAGAIN;
    assert_int_equal(ask("/readyz"), 200); /* b is not required any more */
    set_plugins("[]", 0);
    assert_int_equal(ask("/readyz/plugin/b"), 404);
}

static void the_format_is_that_of_kubernetes(void **state)
{
    (void)state;
    put(HR_UP, 1, true);
    note(&checks->ready, 200);
    assert_says("/readyz", (struct hr_checks_query){0}, 200, "ok");
    assert_says("/readyz", (struct hr_checks_query){.verbose = true}, 200,
                "[+]supervisor ok\n[+]process ok\n[+]ready ok\n[+]init ok\n"
                "[+]agent-module ok\n[+]draining ok\n"
                "readyz check passed\n");
    assert_says("/startupz", (struct hr_checks_query){.verbose = true}, 200,
                "[+]started ok\nstartupz check passed\n");
    assert_says("/readyz/process", (struct hr_checks_query){0}, 200, "ok");
    note(&checks->ready, -ECONNREFUSED);
    assert_says("/readyz", (struct hr_checks_query){0}, 503,
                "[+]supervisor ok\n[+]process ok\n[-]ready failed: answer Connection refused\n"
                "[+]init ok\n[+]agent-module ok\n[+]draining ok\nreadyz check failed\n");
    assert_says("/readyz", excluding(false, (const char *[]){"ready", "ready", NULL}), 200, "ok");
    assert_says("/readyz",
                excluding(true, (const char *[]){"no\"such\n\xff\x1b", "ready", "alive", "", NULL}),
                200,
                "[+]supervisor ok\n[+]process ok\n[+]ready excluded: ok\n[+]init ok\n"
                "[+]agent-module ok\n[+]draining ok\n"
                "warn: some health checks cannot be excluded: no matches for "
                "\"\",\"alive\",\"no\\\"such\\n\\xff\\x1b\"\nreadyz check passed\n");
}

/* More different words than there can be checks: the first ones count, the rest are said. */
static void excludes_have_a_limit(void **state)
{
    static char words[HR_EXCLUDES_MAX + 1][8];
    struct hr_checks_query q = {.verbose = true};
    struct hr_buf out;
    (void)state;
    hr_checks_exclude(&q, "ready");
    for (int i = 0; i <= HR_EXCLUDES_MAX; i++) {
        (void)snprintf(words[i], sizeof(words[i]), "x%d", i);
        hr_checks_exclude(&q, words[i]);
        hr_checks_exclude(&q, "ready"); /* again, and without a place of its own */
    }
    assert_int_equal(q.nexclude, HR_EXCLUDES_MAX);
    assert_int_equal(q.ignored, 2);
    hr_buf_init(&out, 65536);
    put(HR_UP, 1, true);
    note(&checks->ready, -ECONNREFUSED);
    assert_int_equal(hr_checks_answer(checks, "/readyz", &q, &out), 200);
    assert_non_null(strstr(hr_buf_str(&out), "\n[+]ready excluded: ok\n"));
    assert_non_null(strstr(hr_buf_str(&out), ": no matches for \"x0\",\"x1\",\"x10\","));
    assert_non_null(strstr(hr_buf_str(&out), "\nwarn: 2 more of exclude were not looked at: there "
                                             "are 128 at most\nreadyz check passed\n"));
    hr_buf_free(&out);
}

static void unknown_paths_are_not_ours(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/",          "",       "/healthy",     "/readyzz",  "/readyz/",
        "/readyz/no", "readyz", "/livez/ready", "/readyz//", "/livez/draining/x"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_says(paths[i], (struct hr_checks_query){.verbose = true}, 404, "");
}

static void the_pace_follows_what_is_known(void **state)
{
    (void)state;
    const struct hr_measure *p = &checks->ready.m;
    struct hr_life life = hr_life_read(board);
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now), -1);
    put(HR_STARTING, 1, true);
    life = hr_life_read(board);
    note(&checks->ready, -ECONNREFUSED);
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now), 10);
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now + HR_FAST_FOR_MS), 250);
    note(&checks->ready, 503);
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now), 250);
    note(&checks->ready, 200);
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now), 2000);
    note(&checks->ready, 500); /* an answer that came at once: the next in its time */
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now), 2000);
    note(&checks->ready, -ETIMEDOUT); /* asked at fake_now, and it took this long to fail */
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now + 1500), 500);
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now + 2000), 250);
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now + 3600000), 250);
    note(&checks->ready, 503); /* the third in a row */
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now), 250);
    note(&checks->ready, 200);
    note(&checks->ready, -ECONNREFUSED);
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now), 250);
    put(HR_BACKOFF, 1, false);
    life = hr_life_read(board);
    assert_int_equal(hr_measure_delay_ms(p, &life, fake_now), -1);
}

static void status_and_metrics_tell_the_same(void **state)
{
    (void)state;
    struct hr_buf out;
    struct hr_expo e;
    hr_buf_init(&out, 65536);
    put(HR_UP, 1, true);
    note(&checks->ready, 200);
    set_plugins("[{\"id\":\"echo\",\"required\":false}]", 0);
    plugin_err = -EAGAIN;
    json_t *before = hr_checks_status(checks);
    fake_now += 5000;
    json_t *all = hr_checks_status(checks);
    assert_int_equal(json_array_size(all), 14);
    const json_t *ready = json_array_get(all, 4);
    assert_string_equal(json_string_value(json_object_get(ready, "name")), "ready");
    assert_true(json_is_true(json_object_get(ready, "ok")));
    assert_int_equal(json_integer_value(json_object_get(ready, "since_seconds")), 5);
    assert_true(json_real_value(json_object_get(ready, "age_seconds")) >= 5);
    assert_true(json_is_null(json_object_get(json_array_get(all, 0), "age_seconds")));
    const json_t *echo = json_array_get(all, 13);
    assert_true(json_is_false(json_object_get(echo, "ok")));
    assert_string_equal(json_string_value(json_object_get(echo, "message")),
                        "echo is n?t connected?");
    hr_expo_init(&e, &out);
    hr_checks_collect(&e, checks);
    assert_int_equal(hr_expo_finish(&e), 0);
    assert_non_null(strstr(out.data, "handrail_check_ok{check=\"ready\"} 1\n"));
    assert_non_null(strstr(out.data, "handrail_check_ok{check=\"plugin/echo\"} 0\n"));
    assert_non_null(strstr(out.data, "handrail_ready 1\n"));
    assert_non_null(
        strstr(out.data, "handrail_probes_total{check=\"ready\",result=\"success\"} 1\n"));
    json_decref(before);
    json_decref(all);
    hr_buf_free(&out);
}

/* Run the loop until /readyz answers `status`; the milliseconds it took, or -1 after 5 s. */
static int64_t until(unsigned status)
{
    int64_t start = hr_now_ms();
    while (ask("/readyz") != status) {
        if (hr_now_ms() - start > 5000)
            return -1;
        pump(fix.loop, 2);
    }
    return hr_now_ms() - start;
}

static void the_probes_find_a_port_that_opens(void **state)
{
    (void)state;
    hr_http_free(fix.http); /* the port is open, but nobody answers */
    fix.http = NULL;
    hr_checks_start(checks);
    pump(fix.loop, 50);
    assert_int_equal(ask("/readyz"), 503);
    put(HR_STARTING, 1, true);
    hr_checks_board_changed(checks);
    pump(fix.loop, 50);
    assert_int_equal(ready_calls, 0);
    assert_int_equal(fixture_serve(&fix, &fixture_limits), 0);
    assert_in_range(until(200), 0, 5000);
    assert_int_equal(ready_life, 1);
    put(HR_UP, 1, true);
    hr_checks_board_changed(checks);
    uint32_t before = ready_calls; /* one for each answer */
    for (int64_t start = hr_now_ms(); ready_calls == before && hr_now_ms() - start < 20000;)
        pump(fix.loop, 2);
    assert_true(before > 0 && ready_calls > before);
    put(HR_BACKOFF, 1, false);
    hr_checks_board_changed(checks);
    assert_int_equal(ask("/readyz"), 503);
    put(HR_STARTING, 2, true);
    hr_checks_board_changed(checks);
    assert_int_equal(ask("/readyz"), 503); /* not before it is asked anew */
    assert_in_range(until(200), 0, 5000);
    assert_int_equal(ready_life, 2);
}

/* Until a hang turns readiness off: three time-outs, a pause of 250 ms between them. */
static void a_hang_is_known_in_less_than_nine_seconds(void **state)
{
    (void)state;
    put(HR_UP, 1, true);
    hr_checks_start(checks);
    assert_in_range(until(200), 0, 5000);
    hr_http_free(fix.http); /* the port is open, but nobody answers */
    fix.http = NULL;
    int64_t start = hr_now_ms();
    while (ask("/readyz") == 200 && hr_now_ms() - start < 20000) {
        fake_now = T0 + hr_now_ms() - start;
        pump(fix.loop, 10);
    }
    assert_in_range(hr_now_ms() - start, 6400, 9000);
    assert_int_equal(checks->ready.m.failures, 3);
}

static void a_closed_port_is_asked_often(void **state)
{
    (void)state;
    hr_http_free(fix.http);
    fix.http = NULL;
    hr_close(&fix.listen_fd);
    put(HR_STARTING, 1, true);
    hr_checks_start(checks);
    pump(fix.loop, 400);
    assert_true(checks->ready.m.down);
    assert_in_range(checks->ready.m.bad, 5, 45);
    assert_in_range(checks->alive.m.bad, 1, 2);
    assert_int_equal(ask("/livez"), 200);
    assert_int_equal(ready_calls, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(nothing_is_ready_before_it_is_measured),
        T(only_a_recovery_is_one),
        T(a_result_dies_with_its_life),
        T(one_slow_answer_is_forgiven_a_closed_port_is_not),
        T(a_hang_is_told_apart_from_slowness_and_death),
        T(a_hang_from_before_our_time_is_seen),
        T(a_server_given_up_is_not_live),
        T(a_stop_turns_readiness_off),
        T(a_supervisor_that_hangs_is_noticed),
        T(a_lost_supervisor_is_noticed),
        T(only_required_plugins_gate),
        T(a_server_to_be_initialised_again_is_not_ready),
        T(a_wrong_agent_class_is_not_ready),
        T(plugins_are_bounded),
        T(plugins_that_stay_keep_what_is_known),
        T(the_format_is_that_of_kubernetes),
        T(excludes_have_a_limit),
        T(unknown_paths_are_not_ours),
        T(the_pace_follows_what_is_known),
        T(status_and_metrics_tell_the_same),
        T(the_probes_find_a_port_that_opens),
        T(a_hang_is_known_in_less_than_nine_seconds),
        T(a_closed_port_is_asked_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
