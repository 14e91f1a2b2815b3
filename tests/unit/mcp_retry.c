/* SPDX-License-Identifier: MIT
 * Calls that are run again because their toolhost was lost: which, how often, and what their
 * callers see of it. */
#include "mcp_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `safe` may be repeated, `reads` too, `echo` not; `brief` has little time. */
static const char tools[] =
    TOOLS("p0", HINTED_TOOL("safe", "idempotentHint", "") "," HINTED_TOOL(
                    "reads", "readOnlyHint",
                    "") "," ECHO_TOOL("echo", "") "," HINTED_TOOL("brief", "idempotentHint",
                                                                  ",\"timeoutMs\":300"));

enum { ABORTED = 6, EXIT_75 = 75 << 8 }; /* wait statuses */

static int setup(void **state)
{
    const char *const one[] = {tools};
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, 1, one);
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up);
    run_for(f, HR_MCP_RETRY_MIN_MS + 5); /* up for long enough to count as steady */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->mcp->plugins[0]->worker.ncalls, 0);
    assert_int_equal(f->mcp->plugins[0]->worker.kept_bytes, 0);
    for (int i = 0; i < HR_MCP_CALLS_MAX; i++)
        assert_null(f->mcp->plugins[0]->worker.slots[i]);
    fixture_stop(f);
    free(f);
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

static void board(struct fixture *f, enum hr_state state, uint32_t starts, int status,
                  const char *reason)
{
    fixture_board(f, 0, state, starts, status, reason);
    hr_mcp_board_changed(f->mcp);
}

static const struct hr_mcp_tool_stats *stats(struct fixture *f, const char *tool)
{
    return hr_mcp_stats_tool(&f->mcp->plugins[0]->stats, tool);
}

/* A call that is with the toolhost. */
static void begin(struct fixture *f, struct hr_http_req *r, const char *tool, const char *arguments)
{
    unsigned before = f->hosts[0].ncalls;
    call(f, r, "1", tool, arguments);
    UNTIL(f, f->hosts[0].ncalls == before + 1);
}

/* The toolhost dies with all that it has, and its next life comes up. */
static void die(struct fixture *f)
{
    unsigned hellos = f->hosts[0].hellos;
    host_die(&f->hosts[0]);
    UNTIL(f, f->hosts[0].hellos == hellos + 1 && f->mcp->plugins[0]->worker.conn.is_up);
}

static void answer_last(struct fixture *f, const char *text)
{
    host_answer(&f->hosts[0], f->hosts[0].calls[f->hosts[0].ncalls - 1].id, 0, HR_PART_TEXT, text);
}

static void test_retried(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    static const char *const names[] = {"safe", "reads"};
    for (size_t i = 0; i < 2; i++) {
        struct hr_http_req r;
        begin(f, &r, names[i], "{\"n\":[1,\"\\u00fc\"]}");
        uint64_t first = h->calls[h->ncalls - 1].id;
        die(f);
        UNTIL(f, h->ncalls == 2 * (i + 1));
        assert_int_not_equal(h->calls[h->ncalls - 1].id, first);
        assert_string_equal(h->calls[h->ncalls - 1].arguments, h->calls[h->ncalls - 2].arguments);
        assert_int_equal(h->calls[h->ncalls - 1].head.tool, i);
        assert_false(r.dead);
        host_answer(h, first, 0, HR_PART_TEXT, "of the dead"); /* meets nobody */
        answer_last(f, "the right one");
        expect(f, &r, 0, "the right one");
        assert_int_equal(stats(f, names[i])->retried, 1);
        assert_int_equal(stats(f, names[i])->calls[HR_MCP_OK], 1);
        assert_int_equal(stats(f, names[i])->calls[HR_MCP_CRASHED], 0);
        run_for(f, HR_MCP_RETRY_MIN_MS + 5);
    }
}

static void test_others_never(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req safe, plain;
    begin(f, &plain, "echo", "{}");
    begin(f, &safe, "safe", "{}");
    board(f, HR_STARTING, 2, ABORTED, "");
    die(f);
    expect(f, &plain, 1, "crashed (killed by signal 6) while running this call; it is being");
    UNTIL(f, f->hosts[0].ncalls == 3);
    answer_last(f, "done");
    expect(f, &safe, 0, "done");
    assert_int_equal(stats(f, "echo")->retried, 0);
    assert_int_equal(stats(f, "echo")->calls[HR_MCP_CRASHED], 1);
}

static void test_once_only(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    begin(f, &r, "safe", "{}");
    die(f);
    UNTIL(f, f->hosts[0].ncalls == 2);
    assert_false(r.dead);
    board(f, HR_STARTING, 3, ABORTED, "");
    die(f);
    expect(f, &r, 1,
           "The plugin \"p0\" crashed (killed by signal 6) while running this call, and so did the "
           "process before it: the call was tried twice, and may be what the plugin dies of. "
           "Change it before you call again; it is being restarted. Nothing else was affected.");
    run_for(f, 100);
    assert_int_equal(f->hosts[0].ncalls, 2);
    assert_int_equal(stats(f, "safe")->retried, 1);
    assert_int_equal(stats(f, "safe")->calls[HR_MCP_CRASHED], 1);
}

/* Its own deadline ended it; that the toolhost is then killed for not letting go of it is nothing
 * to do with it any more. */
static void test_not_after_its_own_deadline(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req late, other;
    begin(f, &late, "brief", "{}");
    begin(f, &other, "safe", "{}");
    expect(f, &late, 1, "\"brief\" did not finish within 0.3 s and was stopped");
    board(f, HR_STARTING, 2, EXIT_75, "");
    die(f);
    UNTIL(f, f->hosts[0].ncalls == 3);
    assert_int_equal(f->hosts[0].calls[2].head.tool, 0);
    answer_last(f, "innocent");
    expect(f, &other, 0, "innocent");
    run_for(f, 50);
    assert_int_equal(f->hosts[0].ncalls, 3);
    assert_int_equal(stats(f, "brief")->retried, 0);
    assert_int_equal(stats(f, "brief")->calls[HR_MCP_TIMEOUT], 1);
}

static void test_not_after_a_cancellation(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req before, during;
    begin(f, &before, "safe", "{}");
    req_close(&before);
    req_free(&before);
    begin(f, &during, "safe", "{}");
    f->hosts[0].tools = NULL; /* comes back, but says nothing yet */
    host_die(&f->hosts[0]);
    UNTIL(f, f->hosts[0].hellos == 2);
    req_close(&during);
    req_free(&during);
    host_send(&f->hosts[0], HR_FRAME_TOOLS, 0, tools, strlen(tools));
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up);
    run_for(f, 100);
    assert_int_equal(f->hosts[0].ncalls, 2);
    assert_int_equal(stats(f, "safe")->calls[HR_MCP_CANCELLED], 2);
}

/* What is left of its time is all that it gets. */
static void test_within_its_deadline(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req again, away;
    begin(f, &again, "brief", "{}");
    run_for(f, 100);
    die(f);
    UNTIL(f, f->hosts[0].ncalls == 2);
    assert_in_range(f->hosts[0].calls[1].head.timeout_ms, 1, 200);
    expect(f, &again, 1, "crashed while running this call. The tool \"brief\" did not finish");
    UNTIL(f, f->hosts[0].ncancels == 1);
    assert_int_equal(f->hosts[0].cancels[0], f->hosts[0].calls[1].id);
    assert_int_equal(stats(f, "brief")->retried, 1);
    assert_int_equal(stats(f, "brief")->calls[HR_MCP_TIMEOUT], 1);

    run_for(f, HR_MCP_RETRY_MIN_MS + 5);
    begin(f, &away, "brief", "{}");
    f->hosts[0].tools = NULL;
    host_die(&f->hosts[0]);
    expect(f, &away, 1, "crashed while running this call. The tool \"brief\" did not finish");
    assert_int_equal(stats(f, "brief")->retried, 1); /* it was not */
}

/* There is no second try when the time is over, however little it was that was missed. */
static void test_its_time_is_over(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    begin(f, &r, "safe", "{}");
    f->hosts[0].tools = NULL;
    host_die(&f->hosts[0]);
    UNTIL(f, f->hosts[0].hellos == 2);
    const struct hr_link *dying = &f->mcp->plugins[0]->worker.dying;
    hr_link_owner(dying->next, struct hr_mcp_call, link)->deadline_ms = hr_now_ms();
    host_send(&f->hosts[0], HR_FRAME_TOOLS, 0, tools, strlen(tools));
    expect(f, &r, 1, "crashed while running this call; it is being restarted");
    run_for(f, 20);
    assert_int_equal(f->hosts[0].ncalls, 1);
}

static void test_no_next_life(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    begin(f, &r, "safe", "{}");
    board(f, HR_FAILED, 1, ABORTED, "crashed 10 times");
    host_die(&f->hosts[0]); /* known at once: it ends like any other */
    expect(f, &r, 1, "crashed (killed by signal 6) while running this call; it is not started");
    f->hosts[0].tools = NULL;
    UNTIL(f, f->hosts[0].hellos == 2);
    board(f, HR_UP, 2, -1, "");
    host_send(&f->hosts[0], HR_FRAME_TOOLS, 0, tools, strlen(tools));
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up);

    begin(f, &r, "safe", "{}");
    board(f, HR_STARTING, 3, ABORTED, "");
    host_die(&f->hosts[0]);
    UNTIL(f, f->hosts[0].hellos == 3);
    assert_false(r.dead); /* it waits */
    board(f, HR_FAILED, 3, ABORTED, "crashed 10 times");
    assert_true(r.dead);
    expect(f, &r, 1,
           "The plugin \"p0\" crashed while running this call. The plugin \"p0\" has failed and is "
           "not started again: crashed 10 times.");
    assert_int_equal(stats(f, "safe")->calls[HR_MCP_CRASHED], 2);
    assert_int_equal(stats(f, "safe")->calls[HR_MCP_REJECTED], 0);
    assert_int_equal(stats(f, "safe")->retried, 0);
}

static void test_not_in_a_shutdown(void **state)
{
    struct fixture *f = *state;
    static const char why[] = "was stopped while running this call: the container is shutting down";
    struct hr_http_req once, twice;
    begin(f, &twice, "safe", "{}");
    die(f);
    UNTIL(f, f->hosts[0].ncalls == 2);
    begin(f, &once, "safe", "{}");
    struct hr_board_head head = {.nservices = SERVICE_OF(1), .draining = 1};
    hr_board_put_head(f->board, &head);
    die(f);
    expect(f, &once, 1, why);
    expect(f, &twice, 1, why); /* nor is it said to be what the plugin dies of */
    assert_int_equal(f->hosts[0].ncalls, 3);
}

static void test_start_takes_too_long(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    f->mcp->plugins[0]->worker.start_wait_ms = 200;
    begin(f, &r, "safe", "{}");
    f->hosts[0].tools = NULL;
    host_die(&f->hosts[0]);
    expect(f, &r, 1, "crashed while running this call. The plugin \"p0\" did not become ready");
    assert_int_equal(stats(f, "safe")->calls[HR_MCP_CRASHED], 1);
}

/* The deadline comes first: it is that which ends the call, and not the start. */
static void test_start_takes_all_that_is_left(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    f->mcp->plugins[0]->worker.start_wait_ms = 250; /* `brief` has 300 */
    begin(f, &r, "brief", "{}");
    run_for(f, 150);
    f->hosts[0].tools = NULL;
    host_die(&f->hosts[0]);
    expect(f, &r, 1, "crashed while running this call. The tool \"brief\" did not finish");
    assert_int_equal(stats(f, "brief")->calls[HR_MCP_TIMEOUT], 1);
}

static void test_tool_is_gone(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    begin(f, &r, "safe", "{}");
    f->hosts[0].tools = TOOLS("p0", ECHO_TOOL("echo", ""));
    die(f);
    expect(f, &r, 1, "crashed while running this call. The plugin \"p0\" was started again and no");
}

/* The next life is another version of the plugin. */
static void test_tool_has_changed(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    begin(f, &r, "safe", "{}");
    f->hosts[0].tools = TOOLS("p0", ECHO_TOOL("safe", "") "," ECHO_TOOL("echo", ""));
    die(f);
    expect(f, &r, 1,
           "The plugin \"p0\" crashed while running this call. The plugin \"p0\" was started again "
           "and no longer lets calls be repeated of the tool \"safe\".");
    /* One that has not begun is not repeated. */
    f->hosts[0].tools = NULL;
    host_die(&f->hosts[0]);
    UNTIL(f, !f->mcp->plugins[0]->worker.conn.is_up);
    call(f, &r, "1", "safe", "{}");
    f->hosts[0].tools = tools;
    f->hosts[0].echo = 1;
    host_die(&f->hosts[0]);
    expect(f, &r, 0, "{}");
    assert_int_equal(f->hosts[0].ncalls, 2);
    assert_int_equal(stats(f, "safe")->retried, 0);
}

/* Whoever changes the schema of a tool may rely on it. */
static void test_schema_has_changed(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r[2];
    begin(f, &r[0], "safe", "{\"n\":1}"); /* begun before */
    f->hosts[0].tools = NULL;
    host_die(&f->hosts[0]);
    UNTIL(f, f->hosts[0].hellos == 2);
    call(f, &r[1], "1", "safe", "{\"n\":1}"); /* held against the old one, and not begun */
    static const char other[] =
        TOOLS("p0", "{\"name\":\"safe\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"n\":"
                    "{\"type\":\"string\"}}},\"annotations\":{\"idempotentHint\":true}}");
    host_send(&f->hosts[0], HR_FRAME_TOOLS, 0, other, strlen(other));
    expect(f, &r[0], 1, "has another input schema, which these arguments do not fit, for the tool");
    expect(f, &r[1], 1, "has another input schema, which these arguments do not fit, for the tool");
    assert_int_equal(f->hosts[0].ncalls, 1);
    assert_int_equal(stats(f, "safe")->calls[HR_MCP_CRASHED], 1);
    assert_int_equal(stats(f, "safe")->calls[HR_MCP_REJECTED], 1);
}

/* It spoke rubbish, so we hung up: the call that ran is repeated, once. */
static void test_connection_given_up(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    const struct hr_frame bad = {.len = 0, .type = HR_FRAME_CALL, .id = 1};
    struct hr_http_req safe, plain;
    begin(f, &plain, "echo", "{}");
    begin(f, &safe, "safe", "{}");
    host_send_raw(h, &bad, sizeof(bad));
    expect(f, &plain, 1, "so the connection to it was closed while this call was running. Nothing");
    UNTIL(f, h->ncalls == 3);
    assert_false(safe.dead);
    host_send_raw(h, &bad, sizeof(bad));
    expect(f, &safe, 1, "closed while this call was running, for the second time");
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up);
    assert_int_equal(h->ncalls, 3);
}

static void tell_progress(struct host *h, double done)
{
    struct hr_frame_progress p = {.done = done, .total = 10};
    host_send(h, HR_FRAME_PROGRESS, h->calls[h->ncalls - 1].id, &p, sizeof(p));
}

static void test_progress_goes_on_growing(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req r;
    begin(f, &r, "safe", "{}");
    tell_progress(h, 1);
    tell_progress(h, 5);
    UNTIL(f, r.streaming && req_events(&r) == 2);
    die(f);
    UNTIL(f, h->ncalls == 2);
    tell_progress(h, 1);
    tell_progress(h, 5);
    tell_progress(h, 6);
    answer_last(f, "done");
    UNTIL(f, r.dead);
    assert_int_equal(req_events(&r), 4);
    static const double want[] = {1, 5, 6};
    for (int i = 0; i < 3; i++) {
        json_t *event = req_event(&r, i);
        assert_true(json_number_value(at(event, "params.progress")) == want[i]);
        json_decref(event);
    }
    json_t *last = req_event(&r, 3);
    assert_string_equal(text_at(last, "result.content.0.text"), "done");
    json_decref(last);
    req_free(&r);
}

/* A call that the toolhost had not read did not run: that is no try. */
static void test_unread_is_no_try(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    f->hosts[0].deaf = 1;
    call(f, &r, "1", "safe", "{}");
    run_for(f, 10);
    host_die(&f->hosts[0]);
    f->hosts[0].deaf = 0;
    UNTIL(f, f->hosts[0].ncalls == 1);
    assert_int_equal(stats(f, "safe")->retried, 0);
    run_for(f, HR_MCP_RETRY_MIN_MS + 5);
    die(f);
    f->hosts[0].deaf = 1; /* the second try is on its way, and is not read either */
    run_for(f, HR_MCP_RETRY_MIN_MS + 5);
    assert_int_equal(f->hosts[0].ncalls, 1);
    host_die(&f->hosts[0]);
    f->hosts[0].deaf = 0;
    UNTIL(f, f->hosts[0].ncalls == 2);
    answer_last(f, "at last");
    expect(f, &r, 0, "at last");
    assert_int_equal(stats(f, "safe")->retried, 1);
}

/* What is kept takes no more than it has as text, however many values that are. */
static void test_kept_as_text(void **state)
{
    struct fixture *f = *state;
    const struct hr_mcp_worker *w = &f->mcp->plugins[0]->worker;
    struct hr_http_req r;
    begin(f, &r, "safe", "{ \"n\" : [ [], [], 1.5, \"\\u0000\" ] }");
    assert_int_equal(w->kept_bytes, strlen("{\"n\":[[],[],1.5,\"\\u0000\"]}"));
    die(f);
    UNTIL(f, f->hosts[0].ncalls == 2);
    assert_string_equal(f->hosts[0].calls[1].arguments, "{\"n\":[[],[],1.5,\"\\u0000\"]}");
    answer_last(f, "done");
    expect(f, &r, 0, "done");
    begin(f, &r, "echo", "{}");
    assert_int_equal(w->kept_bytes, 0);
    answer_last(f, "done");
    expect(f, &r, 0, "done");
}

static const struct hr_mcp_arguments *arguments_of_the_oldest(struct fixture *f)
{
    const struct hr_mcp_worker *w = &f->mcp->plugins[0]->worker;
    return &hr_link_owner(w->running.next, struct hr_mcp_call, link)->arguments;
}

/* Once the frame behind it has gone, there is no use for the arguments of a call that will not be
 * sent again. */
static void test_not_kept_for_nothing(void **state)
{
    struct fixture *f = *state;
    const struct hr_mcp_worker *w = &f->mcp->plugins[0]->worker;
    struct hr_http_req once, other, twice;
    begin(f, &once, "echo", "{\"n\":1}");
    assert_non_null(arguments_of_the_oldest(f)->text);
    begin(f, &other, "echo", "{}");
    assert_null(arguments_of_the_oldest(f)->text);
    die(f);
    expect(f, &once, 1, "crashed");
    expect(f, &other, 1, "crashed");

    begin(f, &twice, "safe", "{\"n\":2}");
    die(f);
    UNTIL(f, f->hosts[0].ncalls == 4);
    begin(f, &other, "echo", "{}");
    assert_null(arguments_of_the_oldest(f)->text);
    assert_int_equal(w->kept_bytes, 0);
    die(f);
    expect(f, &twice, 1, "tried twice");
    expect(f, &other, 1, "crashed");
}

/* A life in which it was not repeatable is the last one that it sees. */
static void test_repeatable_in_another_life(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    f->hosts[0].deaf = 1;
    call(f, &r, "1", "safe", "{}");
    run_for(f, 10);
    f->hosts[0].tools = TOOLS("p0", ECHO_TOOL("safe", ""));
    host_die(&f->hosts[0]);
    f->hosts[0].deaf = 0;
    UNTIL(f, f->hosts[0].ncalls == 1);
    f->hosts[0].tools = tools;
    die(f);
    expect(f, &r, 1, "crashed while running this call; it is being restarted");
    assert_int_equal(f->hosts[0].ncalls, 1);
}

/* Arguments are kept for a second try up to a limit. */
static void test_large_arguments(void **state)
{
    enum { LARGE = HR_MCP_KEPT_MAX / 2 };
    struct fixture *f = *state;
    struct hr_http_req fits, too_much, small;
    f->mcp->stream_after_ms = 60 * 1000; /* where that much text takes seconds, too */
    char *arguments = malloc(LARGE + 16);
    assert_non_null(arguments);
    memcpy(arguments, "{\"a\":\"", 6);
    memset(arguments + 6, 'x', LARGE);
    memcpy(arguments + 6 + LARGE, "\"}", 3);
    begin(f, &fits, "safe", arguments);
    begin(f, &too_much, "safe", arguments);
    begin(f, &small, "safe", "{}");
    die(f);
    expect(f, &too_much, 1, "crashed while running this call");
    UNTIL(f, f->hosts[0].ncalls == 5);
    assert_string_equal(f->hosts[0].calls[3].arguments, arguments);
    host_answer(&f->hosts[0], f->hosts[0].calls[3].id, 0, HR_PART_TEXT, "large");
    host_answer(&f->hosts[0], f->hosts[0].calls[4].id, 0, HR_PART_TEXT, "small");
    expect(f, &fits, 0, "large");
    expect(f, &small, 0, "small");
    free(arguments);
}

/* A call that is run again needs no room among those that wait. */
static void test_again_without_room(void **state)
{
    enum { LARGE = 4 * 1024 * 1024, N = HR_MCP_WAITING_MAX / LARGE };
    struct fixture *f = *state;
    const struct hr_mcp_worker *w = &f->mcp->plugins[0]->worker;
    struct hr_http_req again, r[N];
    f->mcp->stream_after_ms = 60 * 1000; /* where that much text takes seconds, too */
    char *arguments = malloc(LARGE + 1);
    assert_non_null(arguments);
    memset(arguments, 'x', LARGE);
    memcpy(arguments, "{\"a\":\"", 6);
    memcpy(arguments + LARGE - 2, "\"}", 3);
    begin(f, &again, "safe", "{}");
    f->hosts[0].tools = NULL;
    host_die(&f->hosts[0]);
    UNTIL(f, f->hosts[0].hellos == 2);
    for (int i = 0; i < N; i++)
        call(f, &r[i], "1", "echo", arguments);
    free(arguments);
    assert_int_equal(w->waiting_bytes, HR_MCP_WAITING_MAX);
    board(f, HR_STARTING, 2, ABORTED, "");
    assert_int_equal(w->waiting_bytes, HR_MCP_WAITING_MAX + strlen("{}"));
    for (int i = 0; i < N; i++) {
        req_close(&r[i]);
        req_free(&r[i]);
    }
    f->hosts[0].echo = 1;
    host_send(&f->hosts[0], HR_FRAME_TOOLS, 0, tools, strlen(tools));
    expect(f, &again, 0, "{}");
}

/* As many as there can be, all of them again, each answered once. */
static void test_all_at_once(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req *r = calloc(HR_MCP_CALLS_MAX, sizeof(*r));
    assert_non_null(r);
    for (int i = 0; i < HR_MCP_CALLS_MAX; i++) {
        char arguments[32];
        (void)snprintf(arguments, sizeof(arguments), "{\"n\":%d}", i);
        call(f, &r[i], "1", "safe", arguments);
    }
    UNTIL(f, h->ncalls == HR_MCP_CALLS_MAX);
    h->echo = 1;
    die(f);
    for (int i = 0; i < HR_MCP_CALLS_MAX; i++) {
        char want[32];
        (void)snprintf(want, sizeof(want), "{\"n\":%d}", i);
        expect(f, &r[i], 0, want);
    }
    assert_int_equal(stats(f, "safe")->retried, HR_MCP_CALLS_MAX);
    free(r);
}

int main(void)
{
#define UP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        UP(test_retried),
        UP(test_others_never),
        UP(test_once_only),
        UP(test_not_after_its_own_deadline),
        UP(test_not_after_a_cancellation),
        UP(test_within_its_deadline),
        UP(test_its_time_is_over),
        UP(test_no_next_life),
        UP(test_not_in_a_shutdown),
        UP(test_start_takes_too_long),
        UP(test_start_takes_all_that_is_left),
        UP(test_tool_is_gone),
        UP(test_tool_has_changed),
        UP(test_schema_has_changed),
        UP(test_connection_given_up),
        UP(test_progress_goes_on_growing),
        UP(test_unread_is_no_try),
        UP(test_kept_as_text),
        UP(test_not_kept_for_nothing),
        UP(test_repeatable_in_another_life),
        UP(test_large_arguments),
        UP(test_again_without_room),
        UP(test_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
