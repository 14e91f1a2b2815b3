/* SPDX-License-Identifier: MIT
 * Tool calls through a toolhost that behaves: answers, deadlines, limits, what is counted. */
#include "mcp_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const hosts[] = {
    TOOLS("p0", ECHO_TOOL("echo", "") "," ECHO_TOOL("quick", ",\"timeoutMs\":60") "," ECHO_TOOL(
                    "shape", ",\"outputSchema\":{\"type\":\"object\"}")),
    TOOLS("p1", ECHO_TOOL("other", "")),
};

#define LIST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"

static int setup(void **state)
{
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, 2, hosts);
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up && f->mcp->plugins[1]->worker.conn.is_up);
    *state = f;
    return 0;
}

/* Two toolhosts, the second of which says nothing yet. */
static int setup_silent(void **state)
{
    const char *const silent[] = {hosts[0], NULL};
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, 2, silent);
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up && f->hosts[1].hellos == 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

/* The answer to a call: its first text.  The request is done with afterwards. */
static char *said(struct fixture *f, struct hr_http_req *r, int is_error)
{
    UNTIL(f, r->dead);
    assert_int_equal(r->status, 200);
    json_t *json = req_json(r);
    assert_int_equal(json_is_true(at(json, "result.isError")), is_error);
    assert_string_equal(text_at(json, "result.content.0.type"), "text");
    char *text = strdup(text_at(json, "result.content.0.text"));
    json_decref(json);
    req_free(r);
    return text;
}

static void expect(struct fixture *f, struct hr_http_req *r, int is_error, const char *part)
{
    char *text = said(f, r, is_error);
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in: %s", part, text);
    free(text);
}

static uint64_t calls_counted(struct fixture *f, const char *tool, enum hr_mcp_outcome outcome)
{
    return hr_mcp_stats_tool(&f->mcp->plugins[0]->stats, tool)->calls[outcome];
}

static void test_echo_utf8(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    f->hosts[0].echo = 1;
    call(f, &r, "\"\\u00fc\"", "echo",
         "{\"t\":\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \\u2028 \\ud83d\\ude00\"}");
    UNTIL(f, r.dead);
    json_t *json = req_json(&r); /* which checks that it is ASCII */
    assert_string_equal(text_at(json, "id"), "\xc3\xbc");
    assert_string_equal(
        text_at(json, "result.content.0.text"),
        "{\"t\":\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \xe2\x80\xa8 \xf0\x9f\x98\x80\"}");
    json_decref(json);
    req_free(&r);
    assert_int_equal(f->hosts[0].calls[0].head.tool, 0);
    assert_in_range(f->hosts[0].calls[0].head.timeout_ms, 59000, 60000);
    assert_int_equal(calls_counted(f, "echo", HR_MCP_OK), 1);
}

static void test_any_order(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req r[3];
    /* The same id from three sessions: they have nothing to do with each other. */
    for (int i = 0; i < 3; i++) {
        char arguments[32];
        (void)snprintf(arguments, sizeof(arguments), "{\"n\":%d}", i);
        call(f, &r[i], "1", "echo", arguments);
    }
    UNTIL(f, h->ncalls == 3);
    assert_int_not_equal(h->calls[0].id, h->calls[1].id);
    json_t *json = ask(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}");
    assert_non_null(json); /* answered while the calls run */
    json_decref(json);
    for (int i = 2; i >= 0; i--)
        host_answer(h, h->calls[i].id, 0, HR_PART_TEXT, h->calls[i].arguments);
    for (int i = 0; i < 3; i++) {
        char want[32];
        (void)snprintf(want, sizeof(want), "{\"n\":%d}", i);
        expect(f, &r[i], 0, want);
    }
}

static void test_which_plugin(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    f->hosts[1].echo = 1;
    call(f, &r, "1", "other", "{\"x\":1}");
    expect(f, &r, 0, "{\"x\":1}");
    assert_int_equal(f->hosts[0].ncalls, 0);
    assert_int_equal(f->hosts[1].ncalls, 1);
}

static void test_tool_error(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    call(f, &r, "1", "echo", "{}");
    UNTIL(f, f->hosts[0].ncalls == 1);
    host_answer(&f->hosts[0], f->hosts[0].calls[0].id, -9, HR_PART_ERROR, "disk on fire");
    expect(f, &r, 1, "disk on fire");
    assert_int_equal(calls_counted(f, "echo", HR_MCP_ERROR), 1);
}

static void test_structured(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    call(f, &r, "1", "shape", "{}");
    UNTIL(f, f->hosts[0].ncalls == 1);
    assert_int_equal(f->hosts[0].calls[0].head.tool, 2);
    host_answer(&f->hosts[0], f->hosts[0].calls[0].id, 0, HR_PART_JSON, "{\"a\":[1]}");
    UNTIL(f, r.dead);
    json_t *json = req_json(&r);
    assert_int_equal(json_integer_value(at(json, "result.structuredContent.a.0")), 1);
    json_decref(json);
    req_free(&r);

    call(f, &r, "1", "shape", "{}");
    UNTIL(f, f->hosts[0].ncalls == 2);
    host_answer(&f->hosts[0], f->hosts[0].calls[1].id, 0, HR_PART_TEXT, "no shape");
    expect(f, &r, 1, "output schema");
}

static void test_deadline(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req r;
    call(f, &r, "1", "quick", "{}");
    UNTIL(f, h->ncalls == 1);
    assert_in_range(h->calls[0].head.timeout_ms, 1, 60);
    expect(f, &r, 1, "The tool \"quick\" did not finish within 0.1 s and was stopped.");
    UNTIL(f, h->ncancels == 1);
    assert_int_equal(h->cancels[0], h->calls[0].id);
    assert_int_equal(calls_counted(f, "quick", HR_MCP_TIMEOUT), 1);
    /* Its answer comes late and must meet nobody, not even the call that has its slot now. */
    host_answer(h, h->calls[0].id, 0, HR_PART_TEXT, "late");
    h->echo = 1;
    call(f, &r, "2", "echo", "{\"next\":1}");
    expect(f, &r, 0, "{\"next\":1}");
    assert_int_equal(f->mcp->plugins[0]->worker.ncalls, 0);
}

/* Its time begins when it comes, and not when the loop last looked at the clock. */
static void test_deadline_of_a_busy_loop(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    run_for(f, 1);
    (void)usleep(100 * 1000); /* what came before took that long */
    int64_t began = hr_now_ms();
    call(f, &r, "1", "quick", "{}");
    expect(f, &r, 1, "did not finish within");
    assert_true(hr_now_ms() - began >= 60);
}

static void test_gone(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req r, stays;
    call(f, &r, "1", "echo", "{}");
    call(f, &stays, "1", "echo", "{}");
    UNTIL(f, h->ncalls == 2);
    req_close(&r);
    assert_int_equal(r.status, 0);
    req_free(&r);
    UNTIL(f, h->ncancels == 1);
    assert_int_equal(h->cancels[0], h->calls[0].id);
    host_answer(h, h->calls[0].id, 0, HR_PART_TEXT, "late");
    host_answer(h, h->calls[1].id, 0, HR_PART_TEXT, "fine");
    expect(f, &stays, 0, "fine");
    assert_int_equal(calls_counted(f, "echo", HR_MCP_CANCELLED), 1);
    assert_int_equal(calls_counted(f, "echo", HR_MCP_OK), 1);
    assert_int_equal(f->mcp->requests[HR_MCP_TOOLS_CALL][HR_MCP_ANSWER_GONE], 1);
}

static void test_cancelled_is_ignored(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r, n;
    call(f, &r, "1", "echo", "{}");
    UNTIL(f, f->hosts[0].ncalls == 1);
    req_init(&n, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                 "\"params\":{\"requestId\":1}}");
    post(f, &n);
    assert_int_equal(n.status, 202);
    req_free(&n);
    run_for(f, 20);
    assert_int_equal(f->hosts[0].ncancels, 0);
    host_answer(&f->hosts[0], f->hosts[0].calls[0].id, 0, HR_PART_TEXT, "done");
    expect(f, &r, 0, "done");
}

/* A RESULT with one text part of n times c. */
static void answer_large(struct host *h, uint64_t id, size_t n, char c)
{
    struct hr_frame_part part = {.kind = HR_PART_TEXT, .len = (uint32_t)n};
    size_t len = sizeof(int32_t) + sizeof(part) + n;
    char *payload = calloc(1, len);
    assert_non_null(payload);
    memcpy(payload + sizeof(int32_t), &part, sizeof(part));
    memset(payload + sizeof(int32_t) + sizeof(part), c, n);
    host_send(h, HR_FRAME_RESULT, id, payload, len);
    free(payload);
}

static void test_large(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req r;
    enum { LARGE = 7 * 1024 * 1024 };
    char *arguments = malloc(LARGE + 16);
    assert_non_null(arguments);
    memcpy(arguments, "{\"a\":\"", 6);
    memset(arguments + 6, 'x', LARGE);
    memcpy(arguments + 6 + LARGE, "\"}", 3);
    call(f, &r, "1", "echo", arguments);
    UNTIL(f, h->ncalls == 1);
    assert_string_equal(h->calls[0].arguments, arguments);
    free(arguments);
    answer_large(h, h->calls[0].id, LARGE, 'y');
    UNTIL(f, r.dead);
    assert_true(r.reply_len > LARGE);
    json_t *json = req_json(&r);
    assert_int_equal(json_string_length(at(json, "result.content.0.text")), LARGE);
    json_decref(json);
    req_free(&r);

    /* Each of these bytes takes six when it is escaped. */
    call(f, &r, "2", "echo", "{}");
    UNTIL(f, h->ncalls == 2);
    answer_large(h, h->calls[1].id, LARGE, '\x01');
    expect(f, &r, 1, "too large");
    assert_null(f->mcp->plugins[0]->worker.conn.in.data); /* the memory is given back */
    assert_int_equal(f->mcp->plugins[0]->worker.conn.out.len, 0);
}

/* Numbers take more when they are written exactly. */
static void test_too_large_for_a_frame(void **state)
{
    enum { N = 450 * 1000 };
    static const char value[] = "0.1,";
    struct fixture *f = *state;
    struct hr_http_req r;
    char *arguments = malloc(N * (sizeof(value) - 1) + 16);
    assert_non_null(arguments);
    char *at = stpcpy(arguments, "{\"a\":[");
    for (int i = 0; i < N; i++)
        at = stpcpy(at, value);
    memcpy(at - 1, "]}", 3);
    call(f, &r, "1", "echo", arguments);
    free(arguments);
    expect(f, &r, 1, "too large");
    assert_int_equal(f->hosts[0].ncalls, 0);
    f->hosts[0].echo = 1;
    call(f, &r, "1", "echo", "{}");
    expect(f, &r, 0, "{}");
}

static void test_too_many(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req *r = calloc(HR_MCP_CALLS_MAX, sizeof(*r)), more;
    assert_non_null(r);
    for (int i = 0; i < HR_MCP_CALLS_MAX; i++)
        call(f, &r[i], "1", "echo", "{}");
    UNTIL(f, h->ncalls == HR_MCP_CALLS_MAX);
    call(f, &more, "1", "echo", "{}");
    expect(f, &more, 1, "has 256 calls open already");
    assert_int_equal(calls_counted(f, "echo", HR_MCP_REJECTED), 1);
    /* One goes, one may come.  It has the place of the one that went, but not its id. */
    host_answer(h, h->calls[17].id, 0, HR_PART_TEXT, "seventeen");
    expect(f, &r[17], 0, "seventeen");
    call(f, &more, "1", "echo", "{\"fits\":1}");
    UNTIL(f, h->ncalls == HR_MCP_CALLS_MAX + 1);
    host_answer(h, h->calls[17].id, 0, HR_PART_TEXT, "seventeen again");
    run_for(f, 10);
    assert_false(more.dead);
    host_answer(h, h->calls[HR_MCP_CALLS_MAX].id, 0, HR_PART_TEXT, "fits");
    expect(f, &more, 0, "fits");
    for (int i = 0; i < HR_MCP_CALLS_MAX; i++) {
        if (i == 17)
            continue;
        host_answer(h, h->calls[i].id, 0, HR_PART_TEXT, "done");
        expect(f, &r[i], 0, "done");
    }
    free(r);
}

/* More than may wait to be sent: the rest waits for its turn, and nothing overtakes it. */
static void test_toolhost_does_not_read(void **state)
{
    enum { LARGE = 6 * 1024 * 1024, N = 6 };
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req r[N], small;
    h->deaf = 1;
    char *arguments = malloc(LARGE + 16);
    assert_non_null(arguments);
    memcpy(arguments, "{\"a\":\"", 6);
    memset(arguments + 6, 'x', LARGE);
    memcpy(arguments + 6 + LARGE, "\"}", 3);
    for (int i = 0; i < N; i++)
        call(f, &r[i], "1", "echo", arguments);
    free(arguments);
    call(f, &small, "1", "echo", "{}");
    run_for(f, 50);
    assert_int_equal(h->ncalls, 0);
    req_close(&r[1]);     /* being sent */
    req_close(&r[N - 2]); /* waiting */
    h->deaf = 0;
    h->echo = 1;
    for (int i = 0; i < N; i++) {
        UNTIL(f, r[i].dead);
        assert_true(i == 1 || i == N - 2 || strstr(r[i].reply, "\"isError\":false"));
        req_free(&r[i]);
    }
    expect(f, &small, 0, "{}");
    assert_int_equal(h->ncalls, N); /* N - 1 large ones and the small one, which came last */
    assert_string_equal(h->calls[N - 1].arguments, "{}");
}

static void test_no_room_until_the_deadline(void **state)
{
    enum { LARGE = 6 * 1024 * 1024, N = 4 };
    struct fixture *f = *state;
    struct hr_http_req r[N], quick;
    char *arguments = malloc(LARGE + 16);
    assert_non_null(arguments);
    memcpy(arguments, "{\"a\":\"", 6);
    memset(arguments + 6, 'x', LARGE);
    memcpy(arguments + 6 + LARGE, "\"}", 3);
    f->hosts[0].deaf = 1;
    for (int i = 0; i < N; i++)
        call(f, &r[i], "1", "echo", arguments);
    free(arguments);
    call(f, &quick, "1", "quick", "{}");
    expect(f, &quick, 1, "did not finish within");
    for (int i = 0; i < N; i++) {
        req_close(&r[i]);
        req_free(&r[i]);
    }
}

/* {"a":"xxx..."}, of so many bytes; the caller's. */
static char *large(size_t size)
{
    char *arguments = malloc(size + 1);
    assert_non_null(arguments);
    memset(arguments, 'x', size);
    memcpy(arguments, "{\"a\":\"", 6);
    memcpy(arguments + size - 2, "\"}", 3);
    return arguments;
}

/* How much waits is bounded by its bytes, and what still fits is taken. */
static void test_much_waits_for_room(void **state)
{
    enum { LARGE = 3 * 1024 * 1024, N = 32 };
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    const struct hr_mcp_worker *w = &f->mcp->plugins[0]->worker;
    struct hr_http_req r[N], small;
    int n = 0;
    h->deaf = 1;
    char *arguments = large(LARGE);
    do {
        assert_true(n < N);
        call(f, &r[n], "1", "echo", arguments);
    } while (!r[n++].dead);
    free(arguments);
    assert_in_range(w->waiting_bytes, HR_MCP_WAITING_MAX - LARGE + 1, HR_MCP_WAITING_MAX);
    expect(f, &r[--n], 1, "others that wait for it have arguments so large");
    assert_int_equal(calls_counted(f, "echo", HR_MCP_REJECTED), 1);
    call(f, &small, "1", "echo", "{}"); /* for which there is room */
    assert_false(small.dead);
    for (int i = 0; i < n; i++) {
        req_close(&r[i]);
        req_free(&r[i]);
    }
    assert_int_equal(w->waiting_bytes, 2);
    h->deaf = 0;
    h->echo = 1;
    expect(f, &small, 0, "{}");
    assert_int_equal(w->waiting_bytes, 0);
}

/* The same while it is not known yet who has that tool. */
static void test_much_waits_for_the_catalogue(void **state)
{
    enum { LARGE = 3 * 1024 * 1024, N = 2 };
    struct fixture *f = *state;
    struct hr_http_req r[N + 1], list;
    f->mcp->stream_after_ms = 60 * 1000; /* where that much text takes seconds, too */
    char *arguments = large(LARGE);
    for (int i = 0; i <= N; i++)
        call(f, &r[i], "1", "other", arguments);
    free(arguments);
    expect(f, &r[N], 1, "no room for this one");
    assert_int_equal(f->mcp->unsettled_bytes, N * LARGE);
    call(f, &r[N], "1", "other", "{ \"n\" : [ [], 1.5 ] }"); /* for which there is room */
    assert_int_equal(f->mcp->unsettled_bytes, N * LARGE + strlen("{\"n\":[[],1.5]}"));
    req_init(&list, LIST);
    post(f, &list);
    f->hosts[1].echo = 1;
    host_send(&f->hosts[1], HR_FRAME_TOOLS, 0, hosts[1], strlen(hosts[1]));
    for (int i = 0; i < N; i++) {
        UNTIL(f, r[i].dead);
        assert_non_null(strstr(r[i].reply, "\"isError\":false"));
        req_free(&r[i]);
    }
    expect(f, &r[N], 0, "{\"n\":[[],1.5]}");
    assert_int_equal(f->mcp->unsettled_bytes, 0);
    UNTIL(f, list.dead);
    req_free(&list);
}

/* --- the catalogue --- */

/* What is no tool's name is waited for by nobody. */
static void test_no_name(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    char name[HR_MCP_TOOL_NAME_MAX + 2];
    (void)snprintf(name, sizeof(name), "%0*d", (int)sizeof(name) - 1, 0);
    call(f, &r, "1", name, "{}");
    assert_true(r.dead);
    json_t *json = req_json(&r);
    assert_int_equal(json_integer_value(at(json, "error.code")), -32602);
    json_decref(json);
    req_free(&r);
    name[HR_MCP_TOOL_NAME_MAX] = '\0';
    call(f, &r, "1", name, "{}");
    assert_false(r.dead);
    req_close(&r);
    req_free(&r);
}

/* The second plugin comes up: it is in the list, and the call of its tool is answered. */
static void the_second_comes(struct fixture *f, struct hr_http_req *list, struct hr_http_req *other)
{
    host_send(&f->hosts[1], HR_FRAME_TOOLS, 0, hosts[1], strlen(hosts[1]));
    UNTIL(f, list->dead);
    json_t *json = req_json(list);
    assert_int_equal(json_array_size(at(json, "result.tools")), 4);
    json_decref(json);
    req_free(list);
    expect(f, other, 0, "{}");
}

static void test_list_waits(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req list, other, known, gone;
    req_init(&list, LIST);
    req_init(&gone, LIST);
    post(f, &list);
    post(f, &gone);
    call(f, &other, "2", "other", "{}");
    f->hosts[0].echo = f->hosts[1].echo = 1;
    call(f, &known, "3", "echo", "{}"); /* a known tool need not wait */
    expect(f, &known, 0, "{}");
    run_for(f, 30);
    assert_false(list.dead);
    assert_false(other.dead);
    req_close(&gone);
    req_free(&gone);
    the_second_comes(f, &list, &other);
}

static void test_list_gives_up_waiting(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req list, other;
    f->mcp->catalogue_wait_ms = 40;
    req_init(&list, LIST);
    post(f, &list);
    call(f, &other, "2", "other", "{}");
    UNTIL(f, list.dead && other.dead);
    json_t *json = req_json(&list);
    assert_int_equal(json_array_size(at(json, "result.tools")), 3);
    json_decref(json);
    json = req_json(&other);
    assert_int_equal(json_integer_value(at(json, "error.code")), -32602);
    assert_non_null(strstr(text_at(json, "error.message"), "plugin \"p1\" is not running"));
    json_decref(json);
    req_free(&list);
    req_free(&other);
}

static void test_list_without_a_failed_plugin(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req list;
    req_init(&list, LIST);
    post(f, &list);
    assert_false(list.dead);
    fixture_board(f, 1, HR_FAILED, 3, 256, "ended with code 78");
    hr_mcp_board_changed(f->mcp);
    assert_true(list.dead);
    req_free(&list);
    fixture_board(f, 1, HR_BACKOFF, 3, 256, "");
    json_t *json = ask(f, LIST);
    assert_int_equal(json_array_size(at(json, "result.tools")), 3);
    json_decref(json);
}

/* A sidecar that is new while a toolhost is started again in a moment does not know its tools. */
static void test_list_waits_for_a_short_backoff(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req list, other;
    struct hr_board_service s = {.name = "toolhost/p1",
                                 .state = HR_BACKOFF,
                                 .starts = 1,
                                 .last_status = 9,
                                 .retry_at_ms = hr_now_ms() + 500};
    hr_board_put_service(f->board, SERVICE_OF(1), &s);
    hr_mcp_board_changed(f->mcp);
    req_init(&list, LIST);
    post(f, &list);
    call(f, &other, "2", "other", "{}");
    assert_false(list.dead);
    assert_false(other.dead);
    f->hosts[1].echo = 1;
    the_second_comes(f, &list, &other);
}

/* --- the end --- */

static void test_free_answers_all(void **state)
{
    (void)state;
    const char *const silent[] = {hosts[0], NULL};
    struct fixture f;
    struct hr_http_req r[4];
    fixture_start(&f, 2, silent);
    UNTIL(&f, f.mcp->plugins[0]->worker.conn.is_up);
    call(&f, &r[0], "1", "echo", "{}");
    call(&f, &r[1], "1", "other", "{}");
    req_init(&r[2], LIST);
    post(&f, &r[2]);
    host_die(&f.hosts[0]);
    UNTIL(&f, !f.mcp->plugins[0]->worker.conn.is_up);
    call(&f, &r[3], "1", "echo", "{}");
    fixture_stop(&f);
    for (int i = 0; i < 4; i++) {
        assert_true(r[i].dead);
        assert_int_equal(r[i].status, 200);
        req_free(&r[i]);
    }
}

/* --- what is told --- */

static void test_metrics(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    struct hr_buf page;
    struct hr_expo e;
    f->hosts[0].echo = 1;
    call(f, &r, "1", "echo", "{}");
    expect(f, &r, 0, "{}");
    f->hosts[0].echo = 0;
    call(f, &r, "1", "echo", "{}");
    hr_buf_init(&page, 1024 * 1024);
    hr_expo_init(&e, &page);
    hr_mcp_collect(&e, f->mcp);
    assert_int_equal(hr_expo_finish(&e), 0);
    static const char *const lines[] = {
        "\nhandrail_mcp_requests_total{method=\"tools/call\",outcome=\"ok\"} 1\n",
        "\nhandrail_tool_calls_total{plugin=\"p0\",tool=\"echo\",outcome=\"ok\"} 1\n",
        "\nhandrail_tool_calls_total{plugin=\"p0\",tool=\"quick\",outcome=\"crashed\"} 0\n",
        "\nhandrail_tool_call_retries_total{plugin=\"p0\",tool=\"echo\"} 0\n",
        "\nhandrail_tool_call_duration_seconds_count{plugin=\"p0\",tool=\"echo\"} 1\n",
        "\nhandrail_tool_calls_in_flight{plugin=\"p0\"} 1\n",
        "\nhandrail_plugin_up{plugin=\"p1\"} 1\n",
        "\nhandrail_plugin_healthy{plugin=\"p1\"} 1\n",
        "\nhandrail_plugin_tools{plugin=\"p0\"} 3\n",
        "\nhandrail_plugin_folded_tools{plugin=\"p0\"} 0\n",
        "\nhandrail_plugin_bytes_total{plugin=\"p0\",direction=\"received\"} ",
        "\nhandrail_plugin_bytes_total{plugin=\"p0\",direction=\"sent\"} ",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        if (!strstr(page.data, lines[i]))
            fail_msg("not on the page: %s", lines[i]);
    /* One HELP per family. */
    int families = 0;
    for (const char *p = page.data; (p = strstr(p, "# HELP ")); p++)
        families++;
    assert_int_equal(families, 13);
    assert_null(
        strstr(page.data, "handrail_plugin_bytes_total{plugin=\"p0\",direction=\"sent\"} 0\n"));
    assert_null(
        strstr(page.data, "handrail_plugin_bytes_total{plugin=\"p0\",direction=\"received\"} 0\n"));
    hr_buf_free(&page);
    req_close(&r);
    req_free(&r);
}

static void test_status(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    call(f, &r, "1", "quick", "{}");
    expect(f, &r, 1, "did not finish");
    json_t *json = hr_mcp_status(f->mcp);
    assert_int_equal(json_array_size(json), 2);
    assert_string_equal(text_at(json, "0.id"), "p0");
    assert_string_equal(text_at(json, "0.version"), "1.2.3");
    assert_string_equal(text_at(json, "0.state"), "up");
    assert_true(json_is_true(at(json, "0.ok")));
    assert_string_equal(text_at(json, "0.tools.1.name"), "quick");
    assert_int_equal(json_integer_value(at(json, "0.tools.1.calls")), 1);
    assert_int_equal(json_integer_value(at(json, "0.tools.1.errors")), 1);
    assert_int_equal(json_integer_value(at(json, "0.tools.1.timeout")), 1);
    assert_true(json_is_integer(at(json, "0.tools.1.retried")));
    assert_null(at(json, "0.reason"));
    json_decref(json);
}

int main(void)
{
#define UP(t)     cmocka_unit_test_setup_teardown(t, setup, teardown)
#define SILENT(t) cmocka_unit_test_setup_teardown(t, setup_silent, teardown)
    const struct CMUnitTest tests[] = {
        UP(test_echo_utf8),
        UP(test_any_order),
        UP(test_which_plugin),
        UP(test_tool_error),
        UP(test_structured),
        UP(test_deadline),
        UP(test_deadline_of_a_busy_loop),
        UP(test_gone),
        UP(test_cancelled_is_ignored),
        UP(test_large),
        UP(test_too_large_for_a_frame),
        UP(test_too_many),
        UP(test_toolhost_does_not_read),
        UP(test_no_room_until_the_deadline),
        UP(test_much_waits_for_room),
        SILENT(test_much_waits_for_the_catalogue),
        SILENT(test_no_name),
        SILENT(test_list_waits),
        SILENT(test_list_gives_up_waiting),
        SILENT(test_list_without_a_failed_plugin),
        SILENT(test_list_waits_for_a_short_backoff),
        cmocka_unit_test(test_free_answers_all),
        UP(test_metrics),
        UP(test_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
