/* SPDX-License-Identifier: MIT
 * Sessions: their ids, the stream that tells of changes, cancelling, and how many there are. */
#include "mcp_fixture.h"
#include "sidecar/mcp/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSION    "Mcp-Session-Id"
#define INITIALIZE "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{}}"
#define LIST       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"

static const char *const hosts[] = {TOOLS("p0", ECHO_TOOL("echo", ""))};

static int setup(void **state)
{
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, 1, hosts);
    json_decref(ask(f, LIST)); /* the catalogue is there */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

/* A new session's id. */
static void initialize(struct fixture *f, char *id, size_t size)
{
    struct hr_http_req r;
    req_init(&r, INITIALIZE);
    post(f, &r);
    assert_int_equal(r.status, 200);
    (void)snprintf(id, size, "%s", req_reply_header(&r, SESSION));
    req_free(&r);
}

/* A request without a body, of a session. */
static void plain(struct fixture *f, struct hr_http_req *r, const char *method, const char *id)
{
    req_init(r, "");
    r->method = method;
    req_set(r, SESSION, id);
    post(f, r);
}

static unsigned quick(struct fixture *f, const char *method, const char *id)
{
    struct hr_http_req r;
    plain(f, &r, method, id);
    unsigned status = r.status;
    if (!r.dead)
        req_close(&r);
    req_free(&r);
    return status;
}

static void change_tools(struct fixture *f, const char *tools)
{
    unsigned hellos = f->hosts[0].hellos;
    uint64_t catalogue = f->mcp->catalogue;
    f->hosts[0].tools = tools;
    host_die(&f->hosts[0]);
    UNTIL(f, f->hosts[0].hellos == hellos + 1 && f->mcp->catalogue != catalogue);
}

static void list_of(struct fixture *f, const char *id)
{
    struct hr_http_req r;
    req_init(&r, LIST);
    req_set(&r, SESSION, id);
    post(f, &r);
    UNTIL(f, r.dead);
    req_free(&r);
}

static void expect_changes(const struct hr_http_req *r, int n)
{
    assert_int_equal(req_events(r), n);
    for (int i = 0; i < n; i++) {
        json_t *json = req_event(r, i);
        assert_string_equal(text_at(json, "method"), "notifications/tools/list_changed");
        json_decref(json);
    }
}

static void test_ids(void **state)
{
    char a[64], b[64];
    initialize(*state, a, sizeof(a));
    initialize(*state, b, sizeof(b));
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
}

/* A stream hears of what its client does not know: of a change while it is open, of one between two
 * streams, and, in a session of another life of ours, of what may have changed meanwhile. */
static void test_changes(void **state)
{
    struct fixture *f = *state;
    char id[64];
    struct hr_http_req r, old;
    initialize(f, id, sizeof(id));
    plain(f, &r, "GET", id);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.type, "text/event-stream");
    expect_changes(&r, 0);
    change_tools(f, TOOLS("p0", ECHO_TOOL("new", "")));
    expect_changes(&r, 1);
    change_tools(f, TOOLS("p0", ECHO_TOOL("newer", "")));
    expect_changes(&r, 2);
    req_close(&r);
    req_free(&r);

    plain(f, &r, "GET", id);
    expect_changes(&r, 0);
    req_close(&r);
    req_free(&r);
    change_tools(f, TOOLS("p0", ECHO_TOOL("newest", "")));
    plain(f, &r, "GET", id);
    expect_changes(&r, 1);
    req_close(&r);
    req_free(&r);
    change_tools(f, TOOLS("p0", ECHO_TOOL("last", "")));
    list_of(f, id); /* it has seen that itself */
    plain(f, &r, "GET", id);
    expect_changes(&r, 0);

    plain(f, &old, "GET", "of-another-life");
    expect_changes(&old, 1);
    req_close(&old);
    req_free(&old);

    /* The newest stream wins. */
    plain(f, &old, "GET", id);
    assert_true(r.dead && !old.dead);
    req_free(&r);
    assert_int_equal(f->mcp->nstreams, 1);
    req_close(&old);
    req_free(&old);
    assert_int_equal(f->mcp->nstreams, 0);
}

/* While a toolhost is starting nothing is said: it would be said again a moment later. */
static void test_no_word_before_the_catalogue_is_whole(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    hr_mcp_free(f->mcp);
    f->mcp = NULL;
    fixture_stop(f);
    fixture_start(f, 1, (const char *const[]){NULL});
    plain(f, &r, "GET", "of-another-life");
    UNTIL(f, f->hosts[0].hellos == 1);
    run_for(f, 20);
    expect_changes(&r, 0);
    host_send(&f->hosts[0], HR_FRAME_TOOLS, 0, hosts[0], strlen(hosts[0]));
    UNTIL(f, req_events(&r) == 1);
    run_for(f, 20);
    expect_changes(&r, 1);
    req_close(&r);
    req_free(&r);

    /* Nor is more needed when it is clear that none will come. */
    fixture_stop(f);
    fixture_start(f, 1, (const char *const[]){NULL});
    plain(f, &r, "GET", "of-another-life");
    fixture_board(f, 0, HR_FAILED, 1, -1, "");
    hr_mcp_board_changed(f->mcp);
    expect_changes(&r, 1);
    req_close(&r);
    req_free(&r);
}

static void test_comments(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    char id[64];
    initialize(f, id, sizeof(id));
    plain(f, &r, "GET", id);
    assert_int_equal(r.reply_len, 0);
    struct hr_mcp_session *s = hr_link_owner(f->mcp->sessions.prev, struct hr_mcp_session, link);
    assert_string_equal(s->id, id);
    assert_true(ev_timer_remaining(f->loop, &s->stream.stream.comment) <= 15);
    ev_feed_event(f->loop, &s->stream.stream.comment, EV_TIMER);
    UNTIL(f, r.reply_len);
    assert_true(r.reply[0] == ':' && strstr(r.reply, "\n\n"));
    /* None for who does not read; and who cannot be told of a change is told when it is back. */
    size_t n = r.reply_len;
    r.backlog = 1;
    ev_feed_event(f->loop, &s->stream.stream.comment, EV_TIMER);
    run_for(f, 10);
    assert_int_equal(r.reply_len, n);
    change_tools(f, TOOLS("p0", ECHO_TOOL("new", "")));
    assert_true(r.dead);
    req_free(&r);
    plain(f, &r, "GET", id);
    expect_changes(&r, 1);
    /* It ends with us. */
    hr_mcp_free(f->mcp);
    f->mcp = NULL;
    assert_true(r.dead);
    req_free(&r);
}

static void cancel(struct fixture *f, const char *id, const char *request)
{
    struct hr_http_req r;
    char body[200];
    (void)snprintf(body, sizeof(body),
                   "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                   "\"requestId\":%s}}",
                   request);
    req_init(&r, body);
    req_set(&r, SESSION, id);
    post(f, &r);
    assert_int_equal(r.status, 202);
    req_free(&r);
}

static void begin(struct fixture *f, struct hr_http_req *r, const char *id)
{
    unsigned n = f->hosts[0].ncalls;
    req_init(r, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"name\":"
                "\"echo\"}}");
    req_set(r, SESSION, id);
    post(f, r);
    UNTIL(f, f->hosts[0].ncalls == n + 1);
}

static void expect_cancelled(struct fixture *f, struct hr_http_req *r, unsigned ncancels)
{
    assert_true(r->dead);
    json_t *json = req_json(r);
    assert_non_null(strstr(text_at(json, "error.message"), "cancelled"));
    assert_int_equal(json_integer_value(at(json, "id")), 5);
    json_decref(json);
    req_free(r);
    UNTIL(f, f->hosts[0].ncancels == ncancels);
}

/* Two sessions use the same id; a cancellation means the request of its own. */
static void test_cancelled(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req mine, theirs, nobodys;
    begin(f, &mine, "mine");
    begin(f, &theirs, "theirs");
    begin(f, &nobodys, NULL);
    cancel(f, "others", "5");
    cancel(f, NULL, "5");
    cancel(f, "mine", "\"5\"");
    cancel(f, "mine", "6");
    cancel(f, "mine", "null");
    assert_false(mine.dead || theirs.dead || nobodys.dead);
    cancel(f, "mine", "5");
    expect_cancelled(f, &mine, 1);
    cancel(f, "mine", "5");
    assert_false(theirs.dead || nobodys.dead);

    /* A session's end is the end of its calls and of its stream. */
    struct hr_http_req stream;
    plain(f, &stream, "GET", "theirs");
    assert_int_equal(quick(f, "DELETE", "theirs"), 200);
    expect_cancelled(f, &theirs, 2);
    assert_true(stream.dead);
    req_free(&stream);
    assert_int_equal(quick(f, "DELETE", "theirs"), 200);
    assert_int_equal(quick(f, "DELETE", NULL), 200);
    assert_false(nobodys.dead);
    req_close(&nobodys);
    req_free(&nobodys);
}

/* Ids that can be none are no session, and no error. */
static void test_odd_ids(void **state)
{
    struct fixture *f = *state;
    char longest[HR_MCP_SESSION_ID_MAX + 2];
    memset(longest, '~', sizeof(longest)); /* what is visible is from ! to ~ */
    longest[0] = '!';
    longest[HR_MCP_SESSION_ID_MAX + 1] = '\0';
    const char *const odd[] = {"", "a b", "\x7f", "\xc3\xa9", NULL};
    unsigned n = f->mcp->nsessions;
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        assert_int_equal(quick(f, "GET", odd[i]), 405);
        list_of(f, odd[i]);
    }
    assert_int_equal(f->mcp->nsessions, n);
    longest[HR_MCP_SESSION_ID_MAX - 1] = '\0'; /* as long as a header of the fixture can be */
    assert_int_equal(quick(f, "GET", longest), 200);
    assert_int_equal(f->mcp->nsessions, n + 1);
}

/* There may come as many as like: the one unused for longest goes, but none that is in use. */
static void test_bounds(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req call_, stream;
    char id[32];
    begin(f, &call_, "with-a-call");
    plain(f, &stream, "GET", "with-a-stream");
    list_of(f, "forgotten");
    for (int i = 0; i < 2 * HR_MCP_SESSIONS_MAX; i++) {
        (void)snprintf(id, sizeof(id), "session-%d", i);
        list_of(f, id);
        list_of(f, "used-often");
    }
    assert_int_equal(f->mcp->nsessions, HR_MCP_SESSIONS_MAX);
    int seen = 0;
    for (struct hr_link *l = f->mcp->sessions.next; l != &f->mcp->sessions; l = l->next) {
        const char *name = hr_link_owner(l, struct hr_mcp_session, link)->id;
        assert_string_not_equal(name, "forgotten");
        seen += strstr(name, "with-a-") || strstr(name, "used-often");
    }
    assert_int_equal(seen, 3);
    /* Each that came has got its place, and would get none while all are in use. */
    const struct hr_link *last = f->mcp->sessions.prev->prev;
    assert_string_equal(hr_link_owner(last, struct hr_mcp_session, link)->id, id);
    (void)snprintf(id, sizeof(id), "session-%d", 2 * HR_MCP_SESSIONS_MAX - 2);
    assert_string_equal(hr_link_owner(last->prev, struct hr_mcp_session, link)->id, id);
    for (struct hr_link *l = f->mcp->sessions.next; l != &f->mcp->sessions; l = l->next)
        hr_mcp_session_hold(hr_link_owner(l, struct hr_mcp_session, link));
    assert_null(hr_mcp_session_new(f->mcp));
    list_of(f, "no-place-left");
    assert_int_equal(f->mcp->nsessions, HR_MCP_SESSIONS_MAX);
    for (struct hr_link *l = f->mcp->sessions.next; l != &f->mcp->sessions; l = l->next)
        hr_mcp_session_drop(hr_link_owner(l, struct hr_mcp_session, link));
    cancel(f, "with-a-call", "5");
    expect_cancelled(f, &call_, 1);
    assert_false(stream.dead);
    req_close(&stream);
    req_free(&stream);
}

static void test_streams_are_bounded(void **state)
{
    enum { N = HR_MCP_STREAMS_MAX };
    struct fixture *f = *state;
    static struct hr_http_req r[N];
    char id[32];
    for (int i = 0; i < N; i++) {
        (void)snprintf(id, sizeof(id), "s%d", i);
        plain(f, &r[i], "GET", id);
        assert_int_equal(r[i].status, 200);
    }
    assert_int_equal(quick(f, "GET", "one-more"), 405);
    struct hr_http_req again;
    plain(f, &again, "GET", "s0"); /* in place of its own */
    assert_true(r[0].dead && !again.dead);
    req_close(&again);
    req_free(&again);
    assert_int_equal(quick(f, "GET", "one-more"), 200);
    req_free(&r[0]);
    for (int i = 1; i < N; i++) {
        req_close(&r[i]);
        req_free(&r[i]);
    }
    assert_int_equal(f->mcp->nstreams, 0);
}

/* A client that calls without end is told to slow down, in a result; others are not. */
static void test_rate(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    f->hosts[0].echo = 1;
    begin(f, &r, "fast");
    UNTIL(f, r.dead);
    req_free(&r);
    struct hr_mcp_session *s = hr_link_owner(f->mcp->sessions.prev, struct hr_mcp_session, link);
    assert_string_equal(s->id, "fast");
    assert_true(s->calls_left <= HR_MCP_CALLS_BURST - 1);
    s->calls_left = -100000;
    req_init(&r, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"name\":"
                 "\"echo\"}}");
    req_set(&r, SESSION, "fast");
    post(f, &r);
    assert_int_equal(r.status, 200);
    json_t *json = req_json(&r);
    assert_true(json_is_true(at(json, "result.isError")));
    assert_non_null(strstr(text_at(json, "result.content.0.text"), "slowly"));
    json_decref(json);
    req_free(&r);
    list_of(f, "fast");
    begin(f, &r, "slow");
    UNTIL(f, r.dead);
    req_free(&r);
    s->calls_left = HR_MCP_CALLS_BURST;
    s->counted_ms -= 1000 * 1000;
    begin(f, &r, "fast");
    UNTIL(f, r.dead);
    req_free(&r);
    assert_true(s->calls_left <= HR_MCP_CALLS_BURST - 1);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_ids),       T(test_changes),
        T(test_comments),  T(test_no_word_before_the_catalogue_is_whole),
        T(test_cancelled), T(test_odd_ids),
        T(test_bounds),    T(test_streams_are_bounded),
        T(test_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
