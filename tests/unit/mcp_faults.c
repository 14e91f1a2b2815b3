/* SPDX-License-Identifier: MIT
 * Tool calls through toolhosts that die, stay away, or talk rubbish. */
#include "mcp_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char tools_p0[] =
    TOOLS("p0", ECHO_TOOL("echo", "") "," ECHO_TOOL("quick", ",\"timeoutMs\":60"));
static const char tools_p1[] = TOOLS("p1", ECHO_TOOL("other", ""));

enum { ABORTED = 6, EXIT_3 = 3 << 8 }; /* wait statuses */

static int setup(void **state)
{
    const char *const both[] = {tools_p0, tools_p1};
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, 2, both);
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up && f->mcp->plugins[1]->worker.conn.is_up);
    run_for(f, HR_MCP_RETRY_MIN_MS + 5); /* up for long enough to count as steady */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

static void expect(struct fixture *f, struct hr_http_req *r, int is_error, const char *part)
{
    UNTIL(f, r->dead);
    assert_int_equal(r->status, 200);
    json_t *json = req_json(r);
    const char *text = text_at(json, "result.content.0.text");
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in: %s", part, text);
    assert_int_equal(json_is_true(at(json, "result.isError")), is_error);
    json_decref(json);
    req_free(r);
}

/* A call that reaches the toolhost of p0. */
static void call_running(struct fixture *f, struct hr_http_req *r)
{
    unsigned before = f->hosts[0].ncalls;
    call(f, r, "1", "echo", "{}");
    UNTIL(f, f->hosts[0].ncalls == before + 1);
}

/* p0 dies and stays away: it answers no HELLO until it is given its tools again. */
static void go_away(struct fixture *f)
{
    f->hosts[0].tools = NULL;
    host_die(&f->hosts[0]);
    UNTIL(f, !f->mcp->plugins[0]->worker.conn.is_up);
}

static void come_back(struct fixture *f, const char *tools)
{
    UNTIL(f, f->hosts[0].fd >= 0 && f->hosts[0].hellos >= 2);
    f->hosts[0].tools = tools;
    host_send(&f->hosts[0], HR_FRAME_TOOLS, 0, tools, strlen(tools));
}

static void board(struct fixture *f, enum hr_state state, uint32_t starts, int status,
                  const char *reason)
{
    fixture_board(f, 0, state, starts, status, reason);
    hr_mcp_board_changed(f->mcp);
}

/* --- deaths --- */

static void test_crash_known_at_once(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r[2];
    call_running(f, &r[0]);
    call_running(f, &r[1]);
    board(f, HR_BACKOFF, 1, ABORTED, "killed by signal 6");
    host_die(&f->hosts[0]);
    UNTIL(f, !f->mcp->plugins[0]->worker.conn.is_up);
    assert_true(r[0].dead); /* nothing to wait for */
    expect(f, &r[0], 1,
           "The plugin \"p0\" crashed (killed by signal 6) while running this call; it is being "
           "restarted. Nothing else was affected.");
    expect(f, &r[1], 1, "killed by signal 6");
    assert_int_equal(hr_mcp_stats_tool(&f->mcp->plugins[0]->stats, "echo")->calls[HR_MCP_CRASHED],
                     2);
    /* The next one works, and the other plugin has noticed nothing. */
    f->hosts[0].echo = f->hosts[1].echo = 1;
    struct hr_http_req other;
    call(f, &other, "1", "other", "{}");
    expect(f, &other, 0, "{}");
    board(f, HR_UP, 2, ABORTED, "");
    call(f, &other, "1", "echo", "{}");
    expect(f, &other, 0, "{}");
    assert_int_equal(f->hosts[1].hellos, 1);
    assert_int_equal(f->hosts[0].hellos, 2);
}

static void test_crash_known_later(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r, gone;
    call_running(f, &r);
    call_running(f, &gone);
    go_away(f);
    run_for(f, 200); /* a supervisor may be late */
    assert_false(r.dead);
    req_close(&gone); /* a client may go away meanwhile */
    req_free(&gone);
    board(f, HR_UP, 1, -1, ""); /* something else has changed */
    assert_false(r.dead);
    board(f, HR_STARTING, 2, EXIT_3, "");
    assert_true(r.dead);
    assert_false(ev_is_active(&f->mcp->plugins[0]->worker.death));
    expect(f, &r, 1, "crashed (it ended with code 3) while running this call");
}

static void test_crash_never_known(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    f->mcp->plugins[0]->worker.start_wait_ms = 100;
    board(f, HR_UP, 1, ABORTED, ""); /* which is how the life before ended */
    call_running(f, &r);
    go_away(f);
    expect(f, &r, 1, "The plugin \"p0\" crashed while running this call; it is being restarted.");
}

/* Its own time is over before anybody has said how its toolhost died. */
static void test_crash_not_known_in_time(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req late, other;
    call_running(f, &late);
    call_running(f, &other);
    go_away(f);
    struct hr_link *first = f->mcp->plugins[0]->worker.dying.next;
    struct hr_mcp_call *c = hr_link_owner(first, struct hr_mcp_call, link);
    assert_true(ev_is_active(&c->timer));
    ev_feed_event(f->loop, &c->timer, EV_TIMER); /* now, and not in a minute */
    expect(f, &late, 1,
           "The plugin \"p0\" crashed while running this call. The tool \"echo\" did not finish "
           "within 60 s and was stopped.");
    assert_false(other.dead);
    board(f, HR_STARTING, 2, ABORTED, "");
    expect(f, &other, 1, "crashed (killed by signal 6) while running this call");
    assert_int_equal(f->mcp->plugins[0]->worker.ncalls, 0);
}

static void test_crash_for_good(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    call_running(f, &r);
    go_away(f);
    board(f, HR_FAILED, 1, ABORTED, "crashed 10 times in 10 minutes");
    expect(f, &r, 1, "it is not started again: crashed 10 times in 10 minutes.");
    call(f, &r, "1", "echo", "{}");
    assert_true(r.dead); /* at once */
    expect(
        f, &r, 1,
        "The plugin \"p0\" has failed and is not started again: crashed 10 times in 10 minutes.");
}

static void test_crash_for_good_without_a_reason(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    call_running(f, &r);
    go_away(f);
    board(f, HR_FAILED, 1, ABORTED, "");
    expect(f, &r, 1, "it is not started again. Nothing else was affected.");
}

static void test_shutdown(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    call_running(f, &r);
    struct hr_board_head head = {.nservices = SERVICE_OF(2), .draining = 1};
    hr_board_put_head(f->board, &head);
    board(f, HR_STOPPING, 1, -1, "");
    go_away(f);
    expect(f, &r, 1, "was stopped while running this call: the container is shutting down");
    call(f, &r, "1", "echo", "{}");
    expect(f, &r, 1, "the container is shutting down");
}

/* Of the calls that a toolhost had when it died, the one whose frame it had not read did not run.
 */
static void test_death_before_a_call_is_read(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req running, unread;
    call_running(f, &running);
    f->hosts[0].deaf = 1;
    call(f, &unread, "2", "echo", "{\"a\":1}");
    run_for(f, 10);
    board(f, HR_STARTING, 2, ABORTED, "");
    host_die(&f->hosts[0]);
    f->hosts[0].deaf = 0;
    f->hosts[0].echo = 1;
    expect(f, &running, 1, "killed by signal 6");
    expect(f, &unread, 0, "{\"a\":1}");
    assert_int_equal(f->mcp->plugins[0]->worker.ncalls, 0);
}

static void test_death_after_a_cancel_that_is_not_read(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req running, gone;
    call_running(f, &gone);
    call_running(f, &running);
    f->hosts[0].deaf = 1;
    req_close(&gone);
    req_free(&gone);
    run_for(f, 10);
    host_die(&f->hosts[0]);
    f->hosts[0].deaf = 0;
    f->hosts[0].echo = 1;
    expect(f, &running, 1, "crashed");
    assert_int_equal(f->hosts[0].ncalls, 2);
}

/* What was not read may be the phase: the call before it may have had its effect. */
static void test_death_after_a_phase_that_is_not_read(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req running;
    call_running(f, &running);
    f->hosts[0].deaf = 1;
    assert_int_equal(hr_mcp_phase(f->mcp, "warm", "{\"n\":1}"), 0);
    run_for(f, 10);
    host_die(&f->hosts[0]);
    f->hosts[0].deaf = 0;
    f->hosts[0].echo = 1;
    expect(f, &running, 1, "crashed");
    assert_int_equal(f->hosts[0].ncalls, 1);
}

static void test_death_for_good_before_a_call_is_read(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    f->hosts[0].deaf = 1;
    call(f, &r, "1", "echo", "{}");
    run_for(f, 10);
    board(f, HR_FAILED, 1, ABORTED, "");
    f->hosts[0].tools = NULL;
    host_die(&f->hosts[0]);
    f->hosts[0].deaf = 0;
    int64_t start = hr_now_ms();
    expect(f, &r, 1, "has failed and is not started again");
    assert_true(hr_now_ms() - start < 1000);
}

/* What the next toolhost has not read says nothing of a call that the one before had. */
static void test_death_of_a_successor_that_reads_nothing(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    call_running(f, &r);
    host_die(&f->hosts[0]);
    f->hosts[0].deaf = 1;
    UNTIL(f, !f->mcp->plugins[0]->worker.conn.is_up);
    UNTIL(f, f->hosts[0].fd >= 0);
    host_die(&f->hosts[0]);
    f->hosts[0].deaf = 0;
    f->hosts[0].echo = 1;
    expect(f, &r, 1, "crashed while running this call; it is being restarted");
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up);
    assert_int_equal(f->hosts[0].ncalls, 1);
}

static void test_two_deaths_in_a_row(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req first, second;
    call_running(f, &first);
    host_die(&f->hosts[0]);
    UNTIL(f, f->hosts[0].hellos == 2 && f->mcp->plugins[0]->worker.conn.is_up);
    assert_true(first.dead); /* its successor is here: there is nothing more to learn */
    call_running(f, &second);
    host_die(&f->hosts[0]);
    expect(f, &first, 1, "crashed");
    expect(f, &second, 1, "crashed");
    assert_int_equal(f->mcp->plugins[0]->worker.ncalls, 0);
}

/* --- calls that wait for a toolhost --- */

static void test_queue(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req a, b, gone;
    go_away(f);
    board(f, HR_STARTING, 2, ABORTED, "");
    call(f, &a, "1", "echo", "{\"n\":1}");
    call(f, &gone, "1", "echo", "{\"n\":2}");
    call(f, &b, "1", "echo", "{\"n\":3}");
    run_for(f, 20);
    assert_false(a.dead);
    req_close(&gone);
    req_free(&gone);
    come_back(f, tools_p0);
    UNTIL(f, f->hosts[0].ncalls == 2);
    assert_int_equal(f->mcp->plugins[0]->worker.waiting_bytes, 0); /* they do not wait any more */
    for (int i = 0; i < 2; i++)
        host_answer(&f->hosts[0], f->hosts[0].calls[i].id, 0, HR_PART_TEXT,
                    f->hosts[0].calls[i].arguments);
    expect(f, &a, 0, "{\"n\":1}");
    expect(f, &b, 0, "{\"n\":3}");
    assert_int_equal(f->hosts[0].ncalls, 2);
    assert_int_equal(f->hosts[0].ncancels, 0);
    /* The time in the queue was part of its own. */
    assert_true(f->hosts[0].calls[0].head.timeout_ms < 60 * 1000);
}

/* Its deadline passes in the moment in which the toolhost comes: there is no such thing as no time,
 * and 0 would break the rules. */
static void test_queue_until_the_deadline(void **state)
{
    struct fixture *f = *state;
    const struct hr_mcp_worker *w = &f->mcp->plugins[0]->worker;
    struct hr_http_req r;
    go_away(f);
    board(f, HR_STARTING, 2, ABORTED, "");
    call(f, &r, "1", "echo", "{}");
    hr_link_owner(w->queued.next, struct hr_mcp_call, link)->deadline_ms = hr_now_ms() - 5;
    come_back(f, tools_p0);
    UNTIL(f, f->hosts[0].ncalls == 1);
    assert_int_equal(f->hosts[0].calls[0].head.timeout_ms, 1);
    expect(f, &r, 1, "did not finish within");
}

static void test_queue_short_backoff(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    go_away(f);
    struct hr_board_service s = {.name = "toolhost/p0",
                                 .state = HR_BACKOFF,
                                 .starts = 1,
                                 .last_status = ABORTED,
                                 .retry_at_ms = hr_now_ms() + 500};
    hr_board_put_service(f->board, SERVICE_OF(0), &s);
    hr_mcp_board_changed(f->mcp);
    call(f, &r, "1", "echo", "{}");
    assert_false(r.dead);
    board(f, HR_BACKOFF, 1, ABORTED, "killed by signal 6"); /* now for 20 s: too long to wait */
    expect(f, &r, 1, "is down and is started again in");
    call(f, &r, "1", "echo", "{}");
    assert_true(r.dead);
    expect(f, &r, 1, "killed by signal 6");
    assert_int_equal(hr_mcp_stats_tool(&f->mcp->plugins[0]->stats, "echo")->calls[HR_MCP_REJECTED],
                     2);
}

static void test_queue_start_wait(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r, quick;
    f->mcp->plugins[0]->worker.start_wait_ms = 500;
    go_away(f);
    board(f, HR_STARTING, 2, ABORTED, "");
    call(f, &r, "1", "echo", "{}");
    call(f, &quick, "1", "quick", "{}"); /* whose own time is shorter */
    UNTIL(f, quick.dead);
    assert_false(r.dead);
    expect(f, &quick, 1, "\"quick\" did not finish within 0.1 s");
    expect(f, &r, 1, "did not become ready within");
}

static void test_queue_tool_is_gone(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req lost, kept;
    go_away(f);
    board(f, HR_STARTING, 2, ABORTED, "");
    call(f, &lost, "1", "echo", "{}");
    call(f, &kept, "1", "quick", "{\"k\":1}");
    f->hosts[0].echo = 1;
    come_back(f, TOOLS("p0", ECHO_TOOL("quick", "") "," ECHO_TOOL("fresh", "")));
    expect(f, &lost, 1, "no longer has the tool \"echo\"");
    expect(f, &kept, 0, "{\"k\":1}");
    assert_int_equal(f->hosts[0].calls[0].head.tool, 0); /* its new number */
    json_t *json = ask(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
    assert_string_equal(text_at(json, "result.tools.0.name"), "fresh");
    assert_int_equal(json_array_size(at(json, "result.tools")), 3);
    json_decref(json);
    call(f, &lost, "1", "fresh", "{}");
    expect(f, &lost, 0, "{}");
}

static void test_tools_stay_known(void **state)
{
    struct fixture *f = *state;
    char why[200];
    go_away(f);
    board(f, HR_BACKOFF, 1, ABORTED, "killed by signal 6");
    json_t *json = ask(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
    assert_int_equal(json_array_size(at(json, "result.tools")), 3);
    json_decref(json);
    assert_int_equal(hr_mcp_plugin_ok(f->mcp, "p0", why, sizeof(why)), -EAGAIN);
    assert_string_equal(why, "its toolhost is not up (backoff): killed by signal 6");
    assert_int_equal(hr_mcp_plugin_ok(f->mcp, "p1", why, sizeof(why)), 0);
    assert_int_equal(hr_mcp_plugin_ok(f->mcp, "p9", why, sizeof(why)), -EAGAIN);
    json = hr_mcp_status(f->mcp);
    assert_string_equal(text_at(json, "0.state"), "backoff");
    assert_string_equal(text_at(json, "0.reason"),
                        "its toolhost is not up (backoff): killed by signal 6");
    assert_true(json_is_false(at(json, "0.ok")));
    json_decref(json);
}

/* Its plugin is in the registry no more, wherever the call is. */
static void test_taken_out(void **state)
{
    static const char why[] =
        "The plugin \"p0\" was taken out of the tool registry while this call "
        "was open.";
    struct fixture *f = *state;
    struct hr_http_req dying, queued, running;
    json_t *none = json_pack("{s:[]}", "plugins");
    json_t *both = fixture_settings(f);
    call_running(f, &dying);
    go_away(f);
    call(f, &queued, "1", "echo", "{}");
    f->hosts[0].tools = tools_p0;
    assert_int_equal(hr_mcp_update(f->mcp, none), 0);
    expect(f, &dying, 1, why);
    expect(f, &queued, 1, why);
    assert_int_equal(hr_mcp_update(f->mcp, both), 0);
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up);
    call_running(f, &running);
    assert_int_equal(hr_mcp_update(f->mcp, none), 0);
    expect(f, &running, 1, why);
    json_decref(none);
    json_decref(both);
}

/* --- rubbish --- */

/* p0 sends this while a call runs; the call ends with this in its message, the next one works. */
static void rubbish(struct fixture *f, const void *data, size_t n, const char *part)
{
    struct hr_http_req r;
    unsigned hellos = f->hosts[0].hellos;
    f->hosts[0].echo = 0;
    call_running(f, &r);
    host_send_raw(&f->hosts[0], data, n);
    expect(f, &r, 1, part);
    UNTIL(f, f->hosts[0].hellos == hellos + 1);
    f->hosts[0].echo = 1;
    call(f, &r, "1", "echo", "{\"again\":1}");
    expect(f, &r, 0, "{\"again\":1}");
}

static void test_rubbish(void **state)
{
    struct fixture *f = *state;
    static const char noise[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    rubbish(f, noise, sizeof(noise), "no frame");

    const struct hr_frame huge = {.len = HR_FRAME_MAX + 1, .type = HR_FRAME_RESULT, .id = 1};
    rubbish(f, &huge, sizeof(huge), "no frame");

    const struct hr_frame ours = {.len = 0, .type = HR_FRAME_CALL, .id = 1};
    rubbish(f, &ours, sizeof(ours), "only we may send");

    const struct hr_frame empty = {.len = 0, .type = HR_FRAME_RESULT, .id = 1};
    rubbish(f, &empty, sizeof(empty), "malformed result");

    char twice[sizeof(struct hr_frame) + sizeof(tools_p0) - 1];
    const struct hr_frame tools = {.len = sizeof(tools_p0) - 1, .type = HR_FRAME_TOOLS};
    memcpy(twice, &tools, sizeof(tools));
    memcpy(twice + sizeof(tools), tools_p0, sizeof(tools_p0) - 1);
    rubbish(f, twice, sizeof(twice), "twice");

    /* A result that nobody waits for is no fault. */
    host_answer(&f->hosts[0], 123456, 0, HR_PART_TEXT, "who?");
    run_for(f, 20);
    assert_true(f->mcp->plugins[0]->worker.conn.is_up);
}

static void test_frame_in_pieces(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    struct hr_buf b;
    call_running(f, &r);
    hr_buf_init(&b, 4096);
    const int32_t status = 0;
    char payload[64];
    struct hr_frame_part part = {.kind = HR_PART_TEXT, .len = 5};
    memcpy(payload, &status, sizeof(status));
    memcpy(payload + 4, &part, sizeof(part));
    memcpy(payload + 12, "piece", 5);
    assert_int_equal(hr_frame_add(&b, HR_FRAME_RESULT, f->hosts[0].calls[0].id, payload, 17), 0);
    for (size_t i = 0; i < b.len; i++) {
        assert_false(r.dead);
        host_send_raw(&f->hosts[0], b.data + i, 1);
        ev_run(f->loop, EVRUN_ONCE);
    }
    hr_buf_free(&b);
    expect(f, &r, 0, "piece");
}

/* A toolhost whose list of tools is bad, or that closes before it tells it, is asked again, ever
 * more slowly. */
static void test_bad_lists(void **state)
{
    struct fixture *f = *state;
    char why[300];
    go_away(f);
    board(f, HR_UP, 2, ABORTED, "");
    UNTIL(f, f->hosts[0].hellos == 2);
    f->hosts[0].tools = "{\"tools\":[{\"name\":\"bad name\"}]}";
    host_send(&f->hosts[0], HR_FRAME_TOOLS, 0, f->hosts[0].tools, strlen(f->hosts[0].tools));
    run_for(f, 400);
    assert_in_range(f->hosts[0].hellos, 3, 6);
    assert_int_equal(hr_mcp_plugin_ok(f->mcp, "p0", why, sizeof(why)), -EAGAIN);
    assert_non_null(strstr(why, "tool number 0 has no usable name"));
    f->hosts[0].tools = tools_p0;
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up);
    assert_int_equal(hr_mcp_plugin_ok(f->mcp, "p0", why, sizeof(why)), 0);
}

static void test_no_listener(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    ev_io_stop(f->loop, &f->hosts[0].accepting);
    (void)shutdown(f->hosts[0].listen_fd, SHUT_RD); /* connecting is refused from here on */
    go_away(f);
    board(f, HR_STARTING, 2, ABORTED, "");
    f->mcp->plugins[0]->worker.start_wait_ms = 150;
    call(f, &r, "1", "echo", "{}");
    expect(f, &r, 1, "did not become ready");
    assert_int_equal(f->mcp->plugins[0]->worker.conn.fd, -1);
}

static void test_result_before_tools(void **state)
{
    struct fixture *f = *state;
    go_away(f);
    UNTIL(f, f->hosts[0].hellos == 2);
    host_answer(&f->hosts[0], 1, 0, 0, NULL);
    UNTIL(f, f->hosts[0].hellos == 3);
    assert_non_null(strstr(f->mcp->plugins[0]->worker.fault, "before its list"));
}

/* --- names --- */

static void test_duplicate_names(void **state)
{
    (void)state;
    const char *const clash[] = {NULL, TOOLS("p1", ECHO_TOOL("mine", "") "," ECHO_TOOL("echo", "")),
                                 TOOLS("p2", ECHO_TOOL("third", ""))};
    struct fixture f;
    struct hr_http_req r;
    char why[300];
    fixture_start(&f, 3, clash);
    UNTIL(&f, f.mcp->plugins[1]->worker.conn.is_up && f.mcp->plugins[2]->worker.conn.is_up);
    UNTIL(&f, f.hosts[0].hellos == 1);
    assert_int_equal(hr_mcp_plugin_ok(f.mcp, "p1", why, sizeof(why)), 0);
    /* The one that comes first in the registry comes up last, and still wins. */
    host_send(&f.hosts[0], HR_FRAME_TOOLS, 0, tools_p0, strlen(tools_p0));
    UNTIL(&f, f.mcp->plugins[0]->worker.conn.is_up);
    assert_int_equal(hr_mcp_plugin_ok(f.mcp, "p0", why, sizeof(why)), 0);
    assert_int_equal(hr_mcp_plugin_ok(f.mcp, "p2", why, sizeof(why)), 0);
    assert_int_equal(hr_mcp_plugin_ok(f.mcp, "p1", why, sizeof(why)), -EAGAIN);
    assert_non_null(strstr(why, "its tool \"echo\" has the name of a tool of plugin \"p0\""));
    json_t *json = ask(&f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
    assert_int_equal(json_array_size(at(json, "result.tools")), 3);
    assert_string_equal(text_at(json, "result.tools.2.name"), "third");
    json_decref(json);
    f.hosts[0].echo = 1;
    call(&f, &r, "1", "echo", "{}");
    expect(&f, &r, 0, "{}");
    json = ask(&f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                   "\"params\":{\"name\":\"mine\"}}");
    assert_int_equal(json_integer_value(at(json, "error.code")), -32602);
    json_decref(json);
    /* The clash goes away with the next life of the first. */
    host_die(&f.hosts[0]);
    f.hosts[0].tools = TOOLS("p0", ECHO_TOOL("renamed", ""));
    UNTIL(&f, f.hosts[0].hellos == 2 && f.mcp->plugins[0]->worker.conn.is_up);
    assert_int_equal(hr_mcp_plugin_ok(f.mcp, "p1", why, sizeof(why)), 0);
    fixture_stop(&f);
}

int main(void)
{
#define UP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        UP(test_crash_known_at_once),
        UP(test_crash_known_later),
        UP(test_crash_never_known),
        UP(test_crash_not_known_in_time),
        UP(test_crash_for_good),
        UP(test_crash_for_good_without_a_reason),
        UP(test_shutdown),
        UP(test_death_before_a_call_is_read),
        UP(test_death_after_a_cancel_that_is_not_read),
        UP(test_death_after_a_phase_that_is_not_read),
        UP(test_death_for_good_before_a_call_is_read),
        UP(test_death_of_a_successor_that_reads_nothing),
        UP(test_two_deaths_in_a_row),
        UP(test_queue),
        UP(test_queue_until_the_deadline),
        UP(test_queue_short_backoff),
        UP(test_queue_start_wait),
        UP(test_queue_tool_is_gone),
        UP(test_tools_stay_known),
        UP(test_taken_out),
        UP(test_rubbish),
        UP(test_frame_in_pieces),
        UP(test_bad_lists),
        UP(test_no_listener),
        UP(test_result_before_tools),
        cmocka_unit_test(test_duplicate_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
