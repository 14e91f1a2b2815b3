/* SPDX-License-Identifier: MIT
 * Calls whose answer becomes a stream: when it does, what is told on it, and how it ends. */
#include "mcp_fixture.h"
#include "sidecar/mcp/rpc.h"
#include "sidecar/mcp/sse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSION "Mcp-Session-Id"

static const char *const hosts[] = {TOOLS("p0", ECHO_TOOL("echo", ""))};

static int setup(void **state)
{
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, 1, hosts);
    json_decref(ask(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

static void tell(struct host *h, uint64_t id, int32_t level, const char *text)
{
    char payload[8192];
    memcpy(payload, &level, sizeof(level));
    memcpy(payload + sizeof(level), text, strlen(text));
    host_send(h, HR_FRAME_TELL, id, payload, sizeof(level) + strlen(text));
}

static void progress(struct host *h, uint64_t id, double done, double total, const char *text)
{
    char payload[256];
    struct hr_frame_progress p = {.done = done, .total = total};
    memcpy(payload, &p, sizeof(p));
    memcpy(payload + sizeof(p), text, strlen(text));
    host_send(h, HR_FRAME_PROGRESS, id, payload, sizeof(p) + strlen(text));
}

/* Begin a call, with other headers and other params than usual; it is with the toolhost then. */
static uint64_t begin(struct fixture *f, struct hr_http_req *r, const char *accept,
                      const char *more, const char *id)
{
    char body[HR_RPC_ID_MAX + 256];
    unsigned n = f->hosts[0].ncalls;
    (void)snprintf(body, sizeof(body),
                   "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"tools/call\","
                   "\"params\":{\"name\":\"echo\"%s}}",
                   id, more);
    req_init(r, body);
    req_set(r, "Accept", accept);
    req_set(r, SESSION, "s");
    req_set(r, "MCP-Protocol-Version", "2025-11-25");
    post(f, r);
    UNTIL(f, f->hosts[0].ncalls == n + 1);
    return f->hosts[0].calls[n].id;
}

#define BOTH    "application/json, text/event-stream"
#define TOKEN_A ",\"_meta\":{\"progressToken\":\"a\"}"

static void finish(struct fixture *f, struct hr_http_req *r, uint64_t id)
{
    host_answer(&f->hosts[0], id, 0, HR_PART_TEXT, "done");
    UNTIL(f, r->dead);
}

/* The last message is the result, and there is no other. */
static void expect_result(const struct hr_http_req *r, int nevents)
{
    assert_int_equal(req_events(r), nevents);
    for (int i = 0; i < nevents; i++) {
        json_t *json = req_event(r, i);
        assert_int_equal(at(json, "result") != NULL, i == nevents - 1);
        if (i == nevents - 1)
            assert_string_equal(text_at(json, "result.content.0.text"), "done");
        json_decref(json);
    }
}

static void test_a_token_alone_makes_no_stream(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    finish(f, &r, begin(f, &r, BOTH, TOKEN_A, "7"));
    json_t *json = req_json(&r);
    assert_string_equal(text_at(json, "result.content.0.text"), "done");
    json_decref(json);
    req_free(&r);
}

static void test_progress(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req r;
    uint64_t id = begin(f, &r, BOTH, TOKEN_A, "7");
    progress(h, id, 1, 4, "first");
    UNTIL(f, r.streaming);
    progress(h, id, 1, 4, "again");
    progress(h, id, 0.5, 4, "back");
    progress(h, id, 2.5, -1, "");
    UNTIL(f, req_events(&r) == 2);
    assert_false(r.dead);
    finish(f, &r, id);
    progress(h, id, 3, 4, "after the end");
    run_for(f, 20);
    expect_result(&r, 3);
    json_t *json = req_event(&r, 0);
    assert_string_equal(text_at(json, "method"), "notifications/progress");
    assert_string_equal(text_at(json, "params.progressToken"), "a");
    assert_true(json_number_value(at(json, "params.progress")) == 1);
    assert_true(json_number_value(at(json, "params.total")) == 4);
    assert_string_equal(text_at(json, "params.message"), "first");
    json_decref(json);
    json = req_event(&r, 1);
    assert_true(json_number_value(at(json, "params.progress")) == 2.5);
    assert_null(at(json, "params.total"));
    assert_null(at(json, "params.message"));
    json_decref(json);
    /* The first thing is an id to come back with. */
    assert_ptr_equal(strstr(r.reply, "event: message\nid: call:7\ndata: \n\n"), r.reply);
    assert_string_equal(req_reply_header(&r, "Cache-Control"), "no-cache");
    req_free(&r);
}

/* Who takes no stream gets JSON; who gave no token hears of no progress; who names an older
 * revision gets no event without a message. */
static void expect_progress(struct fixture *f, const char *accept, const char *more, int stream)
{
    struct hr_http_req r;
    uint64_t id = begin(f, &r, accept, more, "7");
    progress(&f->hosts[0], id, 1, 4, "");
    run_for(f, 20);
    assert_int_equal(r.streaming, stream);
    finish(f, &r, id);
    if (!stream)
        json_decref(req_json(&r));
    else
        expect_result(&r, 2);
    req_free(&r);
}

static void test_who_hears_of_progress(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *accept, *more, *version;
        int stream;
    } cases[] = {
        {"application/json", TOKEN_A, "2025-11-25", 0},
        {"*/*", TOKEN_A, "2025-11-25", 0},
        {NULL, TOKEN_A, "2025-11-25", 0},
        {BOTH, "", "2025-11-25", 0},
        {BOTH, ",\"_meta\":{\"progressToken\":1.5}", "2025-11-25", 0},
        {"Text/Event-Stream", ",\"_meta\":{\"progressToken\":0}", "2025-11-25", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        expect_progress(f, cases[i].accept, cases[i].more, cases[i].stream);
    }
    /* A token is kept as long as its call runs. */
    for (int n = HR_RPC_ID_MAX; n <= HR_RPC_ID_MAX + 1; n++) {
        char more[HR_RPC_ID_MAX + 64];
        (void)snprintf(more, sizeof(more), ",\"_meta\":{\"progressToken\":\"%0*d\"}", n, 0);
        expect_progress(f, BOTH, more, n == HR_RPC_ID_MAX);
    }
}

static void set_level(struct fixture *f, const char *level, int code)
{
    struct hr_http_req r;
    char body[128];
    (void)snprintf(body, sizeof(body),
                   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\","
                   "\"params\":{\"level\":%s}}",
                   level);
    req_init(&r, body);
    req_set(&r, SESSION, "s");
    post(f, &r);
    json_t *json = req_json(&r);
    assert_int_equal(json_integer_value(at(json, "error.code")), code);
    json_decref(json);
    req_free(&r);
}

static void test_messages(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req r;
    uint64_t id = begin(f, &r, BOTH, "", "7");
    set_level(f, "\"verbose\"", -32602);
    set_level(f, "7", -32602);
    tell(h, id, 70, "debug is not wanted");
    tell(h, id, 60, "info is");
    UNTIL(f, r.streaming);
    set_level(f, "\"error\"", 0);
    tell(h, id, 40, "no longer a warning");
    tell(h, id, 30, "an error");
    tell(h, id, -5, "what nobody knows is severe");
    UNTIL(f, req_events(&r) == 3);
    set_level(f, "\"emergency\"", 0);
    tell(h, id, 30, "no longer an error");
    tell(h, id, -5, "what is worst");
    UNTIL(f, req_events(&r) == 4);
    set_level(f, "\"debug\"", 0);
    tell(h, id, 99, "\xff");
    finish(f, &r, id);
    expect_result(&r, 6);
    static const char *const levels[] = {"info", "error", "emergency", "emergency", "debug"};
    static const char *const texts[] = {"info is", "an error", "what nobody knows is severe",
                                        "what is worst", "\xef\xbf\xbd"};
    for (int i = 0; i < 5; i++) {
        json_t *json = req_event(&r, i);
        assert_string_equal(text_at(json, "method"), "notifications/message");
        assert_string_equal(text_at(json, "params.level"), levels[i]);
        assert_string_equal(text_at(json, "params.logger"), "p0");
        assert_string_equal(text_at(json, "params.data.msg"), texts[i]);
        json_decref(json);
    }
    req_free(&r);
}

/* A long text is cut, and a client that does not read hears no news, but the answer. */
static void test_bounds(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req r;
    char text[8000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    uint64_t id = begin(f, &r, BOTH, "", "7");
    tell(h, id, 60, text);
    UNTIL(f, req_events(&r) == 1);
    json_t *json = req_event(&r, 0);
    assert_int_equal(json_string_length(at(json, "params.data.msg")), 4096);
    json_decref(json);
    r.backlog = 1024 * 1024;
    tell(h, id, 60, "unheard");
    run_for(f, 20);
    r.backlog = 0;
    finish(f, &r, id);
    expect_result(&r, 2);
    req_free(&r);
}

static void test_long_calls_become_streams(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req stream, json_only;
    f->mcp->stream_after_ms = 50;
    uint64_t a = begin(f, &stream, BOTH, "", "\"b\"");
    uint64_t b = begin(f, &json_only, "application/json", "", "8");
    UNTIL(f, stream.streaming);
    assert_string_equal(stream.reply, "event: message\nid: call:\"b\"\ndata: \n\n");
    run_for(f, 60);
    assert_false(json_only.streaming);
    finish(f, &stream, a);
    finish(f, &json_only, b);
    expect_result(&stream, 1);
    json_decref(req_json(&json_only));
    req_free(&stream);
    req_free(&json_only);
}

/* Closing the stream ends the call. */
static void test_closing(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    uint64_t id = begin(f, &r, BOTH, TOKEN_A, "7");
    progress(&f->hosts[0], id, 1, 4, "");
    UNTIL(f, r.streaming);
    req_close(&r);
    UNTIL(f, f->hosts[0].ncancels == 1);
    assert_int_equal(f->hosts[0].cancels[0], id);
    host_answer(&f->hosts[0], id, 0, HR_PART_TEXT, "late");
    run_for(f, 20);
    req_free(&r);
}

/* A toolhost that dies, and then we ourselves: each stream ends with a result. */
/* What has ended, or has been left, gets no comment. */
static void test_no_comment_after_the_end(void **state)
{
    struct fixture *f = *state;
    void (*const ends[])(struct hr_mcp_sse *) = {hr_mcp_sse_end, hr_mcp_sse_gone};
    for (size_t i = 0; i < 2; i++) {
        struct hr_http_req r;
        struct hr_mcp_sse s;
        req_init(&r, "{}");
        hr_mcp_sse_begin(&s, f->loop, &r);
        assert_true(ev_is_active(&s.comment));
        if (i == 1)
            req_close(&r);
        ends[i](&s);
        assert_false(ev_is_active(&s.comment));
        assert_null(s.http);
        req_free(&r);
    }
}

static void test_ends(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r, last;
    uint64_t id = begin(f, &r, BOTH, TOKEN_A, "7");
    progress(&f->hosts[0], id, 1, 4, "");
    UNTIL(f, r.streaming);
    host_die(&f->hosts[0]);
    UNTIL(f, r.dead);
    json_t *json = req_event(&r, 1);
    assert_true(json_is_true(at(json, "result.isError")));
    json_decref(json);
    req_free(&r);

    id = begin(f, &last, BOTH, TOKEN_A, "8");
    progress(&f->hosts[0], id, 1, 4, "");
    UNTIL(f, last.streaming);
    hr_mcp_free(f->mcp);
    f->mcp = NULL;
    assert_true(last.dead);
    json = req_event(&last, 1);
    assert_true(json_is_true(at(json, "result.isError")));
    json_decref(json);
    req_free(&last);
}

/* A client that was cut off is told so, and nothing else is taken for one. */
static void test_coming_back(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *event, *id;
    } cases[] = {{"call:7", "7"},    {"call:\"b\"", "\"b\""},
                 {"call:-3", "-3"},  {"call:\"\\u00e9 x\"", NULL},
                 {"call:", NULL},    {"call:1.5", NULL},
                 {"call:{}", NULL},  {"call:[1]", NULL},
                 {"call:7 8", NULL}, {"cal", NULL},
                 {"", NULL},         {"x:7", NULL},
                 {"call:null", NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct hr_http_req r;
        int is_call = cases[i].id || i == 3;
        req_init(&r, "");
        r.method = "GET";
        req_set(&r, "Last-Event-ID", cases[i].event);
        post(f, &r);
        assert_int_equal(r.status, is_call ? 200 : 405); /* there is no session either */
        assert_true(r.dead);
        if (is_call) {
            json_t *json = req_event(&r, 0);
            json_t *id = json_loads(cases[i].event + 5, JSON_DECODE_ANY, NULL);
            assert_true(json_equal(at(json, "id"), id));
            assert_true(json_is_true(at(json, "result.isError")));
            json_decref(json);
            json_decref(id);
        }
        req_free(&r);
    }
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_a_token_alone_makes_no_stream),
        T(test_progress),
        T(test_who_hears_of_progress),
        T(test_messages),
        T(test_bounds),
        T(test_long_calls_become_streams),
        T(test_closing),
        T(test_no_comment_after_the_end),
        T(test_ends),
        T(test_coming_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
