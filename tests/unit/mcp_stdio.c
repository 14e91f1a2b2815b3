/* SPDX-License-Identifier: MIT
 * MCP over standard streams, which are pipes to this test: what differs from HTTP. */
#include "common/fd.h"
#include "mcp_fixture.h"
#include "sidecar/mcp/rpc.h"
#include "sidecar/mcp/standard_io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIPE_BYTES = 4096 * 16 };

struct stage {
    struct fixture f;
    struct hr_mcp_stdio *stdio;
    int in, out; /* the client's ends; -1: closed */
    int theirs[2];
    bool deaf;          /* the client does not read */
    unsigned ended;     /* on_end */
    struct hr_buf seen; /* what the client has read and not looked at */
};

static const char *const hosts[] = {TOOLS("p0", ECHO_TOOL("echo", "")),
                                    TOOLS("p1", ECHO_TOOL("other", ""))};

static void on_end(void *arg)
{
    struct stage *s = arg;
    s->ended++;
}

static int setup(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));
    int in[2], out[2];
    assert_non_null(s);
    (void)signal(SIGPIPE, SIG_IGN);
    fixture_start(&s->f, 2, hosts);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_true(fcntl(out[0], F_SETPIPE_SZ, PIPE_BYTES) > 0);
    assert_true(fcntl(out[0], F_SETFL, O_NONBLOCK) >= 0);
    assert_true(fcntl(in[1], F_SETFL, O_NONBLOCK) >= 0);
    s->in = in[1];
    s->out = out[0];
    s->theirs[0] = in[0];
    s->theirs[1] = out[1];
    hr_buf_init(&s->seen, (size_t)256 * 1024 * 1024);
    assert_int_equal(hr_mcp_stdio_new(s->f.mcp, s->theirs[0], s->theirs[1], on_end, s, &s->stdio),
                     0);
    UNTIL(&s->f,
          s->f.mcp->plugins[0]->worker.conn.is_up && s->f.mcp->plugins[1]->worker.conn.is_up);
    *state = s;
    return 0;
}

/* Read what is there. */
static void listen_to(struct stage *s)
{
    char piece[65536];
    ssize_t n = 0;
    while (!s->deaf && s->out >= 0 && (n = read(s->out, piece, sizeof(piece))) > 0)
        assert_int_equal(hr_buf_add(&s->seen, piece, (size_t)n), 0);
}

/* The next line, waited for; the caller's. */
static json_t *next(struct stage *s)
{
    const char *end = NULL;
    UNTIL(&s->f, (listen_to(s), end = memchr(hr_buf_str(&s->seen), '\n', s->seen.len)));
    size_t n = (size_t)(end - s->seen.data);
    for (size_t i = 0; i < n; i++)
        assert_true((unsigned char)s->seen.data[i] >= 0x20 && s->seen.data[i] > 0);
    json_t *json = json_loadb(s->seen.data, n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    hr_buf_consume(&s->seen, n + 1);
    return json;
}

static void expect_nothing(struct stage *s)
{
    run_for(&s->f, 30);
    listen_to(s);
    assert_int_equal(s->seen.len, 0);
}

static int teardown(void **state)
{
    struct stage *s = *state;
    struct hr_mcp *m = s->f.mcp;
    s->f.mcp = NULL;
    hr_mcp_free(m);
    hr_mcp_stdio_free(s->stdio);
    fixture_stop(&s->f);
    hr_buf_free(&s->seen);
    hr_close(&s->in);
    hr_close(&s->out);
    hr_close(&s->theirs[0]);
    hr_close(&s->theirs[1]);
    free(s);
    return 0;
}

static void send_bytes(struct stage *s, const char *data, size_t n)
{
    while (n) {
        ssize_t w = write(s->in, data, n);
        assert_true(w > 0 || errno == EAGAIN);
        data += w > 0 ? w : 0;
        n -= w > 0 ? (size_t)w : 0;
        ev_run(s->f.loop, EVRUN_NOWAIT);
        listen_to(s);
    }
}

static void say(struct stage *s, const char *line)
{
    send_bytes(s, line, strlen(line));
    send_bytes(s, "\n", 1);
}

static json_t *answer_to(struct stage *s, const char *line)
{
    say(s, line);
    return next(s);
}

static void expect_error(struct stage *s, int code, int has_id)
{
    json_t *json = next(s);
    assert_int_equal(json_integer_value(at(json, "error.code")), code);
    assert_int_equal(at(json, "id") != NULL, has_id);
    json_decref(json);
}

#define META                                                                                       \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                       \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define REQUEST(id, method, params)                                                                \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":{" params "}}"
#define NOTICE(method, params)                                                                     \
    "{\"jsonrpc\":\"2.0\",\"method\":\"" method "\",\"params\":{" params "}}"
#define CALL(id, more) REQUEST(id, "tools/call", "\"name\":\"echo\"" more)
#define LIST           REQUEST("\"list\"", "tools/list", "")
#define INITIALIZE     REQUEST("0", "initialize", "\"protocolVersion\":\"2025-11-25\"")
#define INITIALIZED    NOTICE("notifications/initialized", "")
#define CANCEL(id)     NOTICE("notifications/cancelled", "\"requestId\":" id)
#define TOKEN_T        ",\"_meta\":{\"progressToken\":\"t\"}"
#define SUBSCRIBE(id)                                                                              \
    REQUEST(id, "subscriptions/listen", "\"notifications\":{\"toolsListChanged\":true}," META)

/* Begin a call; the number it has at the toolhost. */
static uint64_t begin(struct stage *s, const char *line)
{
    unsigned n = s->f.hosts[0].ncalls;
    say(s, line);
    UNTIL(&s->f, s->f.hosts[0].ncalls == n + 1);
    return s->f.hosts[0].calls[n].id;
}

/* Send a notice of a call's progress. */
static void progress(struct host *h, uint64_t id, double done)
{
    struct hr_frame_progress p = {.done = done, .total = -1};
    host_send(h, HR_FRAME_PROGRESS, id, &p, sizeof(p));
}

/* Have the list of tools changed: p1 comes back with that one. */
static void change_tools(struct stage *s, const char *tools)
{
    unsigned hellos = s->f.hosts[1].hellos;
    s->f.hosts[1].tools = tools;
    host_die(&s->f.hosts[1]);
    UNTIL(&s->f, s->f.hosts[1].hellos > hellos && s->f.mcp->plugins[1]->worker.conn.is_up);
}

/* ---- messages ---- */

static void test_lines(void **state)
{
    struct stage *s = *state;
    static const char pings[] = REQUEST("1", "ping", "") "\r\n\n  \n" REQUEST("2", "ping", "") "\n";
    for (size_t i = 0; i < sizeof(pings) - 1; i++) /* byte by byte */
        send_bytes(s, pings + i, 1);
    send_bytes(s, pings, sizeof(pings) - 1); /* and as one piece */
    for (int i = 0; i < 4; i++) {
        json_t *json = next(s);
        assert_int_equal(json_integer_value(at(json, "id")), 1 + i % 2);
        assert_int_equal(json_object_size(at(json, "result")), 0);
        json_decref(json);
    }
    expect_nothing(s);
}

static void test_rubbish(void **state)
{
    struct stage *s = *state;
    static const struct {
        const char *line;
        int code, has_id;
    } cases[] = {
        {"rubbish", -32700, 0},
        {"{\"jsonrpc\":\"2.0\"", -32700, 0},
        {"\xff\xfe", -32700, 0},
        {"[]", -32600, 0},
        {"[" REQUEST("1", "ping", "") "]", -32600, 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600, 0},
        {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", -32600, 1},
        {REQUEST("1", "no/such", ""), -32601, 1},
        {REQUEST("1", "ping", META), -32601, 1},
        {REQUEST("1", "tools/list", "\"cursor\":5"), -32602, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        say(s, cases[i].line);
        expect_error(s, cases[i].code, cases[i].has_id);
    }
    say(s, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"); /* we have asked nothing */
    say(s, NOTICE("no/such", ""));
    send_bytes(s, "\0\n", 2);
    expect_error(s, -32700, 0);
    expect_nothing(s);
}

static void test_large_messages(void **state)
{
    struct stage *s = *state;
    char *text = malloc(HR_MCP_MESSAGE_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', HR_MCP_MESSAGE_MAX + 1);
    send_bytes(s, text, HR_MCP_MESSAGE_MAX); /* it may still become a line */
    expect_nothing(s);
    send_bytes(s, "\n", 1);
    expect_error(s, -32700, 0);
    send_bytes(s, text, HR_MCP_MESSAGE_MAX + 1);
    expect_error(s, -32600, 0); /* at once, and only once */
    send_bytes(s, text, 1000000);
    say(s, "");
    json_decref(answer_to(s, REQUEST("1", "ping", "")));
    memset(text, '[', 1000000);
    text[1000000] = '\n';
    send_bytes(s, text, 1000001); /* too many values, whatever they are */
    expect_error(s, -32600, 0);
    send_bytes(s, text + 600000, 400001);
    expect_error(s, -32700, 0);
    s->f.hosts[0].echo = 1;
    (void)memcpy(text,
                 "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"name\":"
                 "\"echo\",\"arguments\":{\"a\":\"",
                 88);
    memset(text + 88, 'y', 3000000);
    (void)memcpy(text + 3000088, "\"}}}\n", 6);
    send_bytes(s, text, strlen(text));
    json_t *json = next(s);
    assert_int_equal(strlen(text_at(json, "result.content.0.text")), 3000008);
    json_decref(json);
    free(text);
}

/* ---- both kinds of clients ---- */

static void test_a_legacy_client_hears_of_changes(void **state)
{
    struct stage *s = *state;
    json_t *json = answer_to(s, INITIALIZE);
    assert_string_equal(text_at(json, "result.protocolVersion"), "2025-11-25");
    json_decref(json);
    say(s, INITIALIZED);
    change_tools(s, TOOLS("p1", ECHO_TOOL("second", "")));
    expect_nothing(s); /* it has seen no list yet */
    json = answer_to(s, LIST);
    assert_string_equal(text_at(json, "result.tools.1.name"), "second");
    assert_null(at(json, "result.resultType"));
    json_decref(json);
    change_tools(s, TOOLS("p1", ECHO_TOOL("second", "")));
    expect_nothing(s);
    change_tools(s, TOOLS("p1", ECHO_TOOL("third", "")));
    json = next(s);
    assert_string_equal(text_at(json, "method"), "notifications/tools/list_changed");
    json_decref(json);
    /* A new client at the other end. */
    json_decref(answer_to(s, INITIALIZE));
    change_tools(s, TOOLS("p1", ECHO_TOOL("fourth", "")));
    expect_nothing(s);
}

static void test_a_modern_client_hears_what_it_asks_for(void **state)
{
    struct stage *s = *state;
    json_t *json = answer_to(s, REQUEST("1", "tools/list", META));
    assert_string_equal(text_at(json, "result.resultType"), "complete");
    json_decref(json);
    change_tools(s, TOOLS("p1", ECHO_TOOL("second", "")));
    expect_nothing(s);
    json = answer_to(s, SUBSCRIBE("7"));
    assert_string_equal(text_at(json, "method"), "notifications/subscriptions/acknowledged");
    json_decref(json);
    json_decref(answer_to(s, SUBSCRIBE("\"x\"")));
    say(s, CANCEL("7"));
    change_tools(s, TOOLS("p1", ECHO_TOOL("third", "")));
    json = next(s);
    assert_string_equal(text_at(json, "method"), "notifications/tools/list_changed");
    assert_string_equal(json_string_value(json_object_get(
                            at(json, "params._meta"), "io.modelcontextprotocol/subscriptionId")),
                        "x");
    json_decref(json);
    expect_nothing(s);
    say(s, CANCEL("\"x\""));
    expect_nothing(s);
    assert_int_equal(s->f.mcp->nstreams, 0);
}

static void test_no_headers_to_agree_with(void **state)
{
    struct stage *s = *state;
    s->f.hosts[0].tools = TOOLS("p0", "{\"name\":\"echo\",\"title\":\"T\",\"description\":\"d\","
                                      "\"inputSchema\":{\"type\":\"object\",\"properties\":{\"r\":"
                                      "{\"type\":\"string\",\"x-mcp-header\":\"R\"}}},"
                                      "\"annotations\":{},\"maxConcurrency\":0}");
    host_die(&s->f.hosts[0]);
    UNTIL(&s->f, s->f.hosts[0].hellos == 2 && s->f.mcp->plugins[0]->worker.conn.is_up);
    s->f.hosts[0].echo = 1;
    json_t *json = answer_to(s, CALL("1", ",\"arguments\":{\"r\":\"a\"}," META));
    assert_string_equal(text_at(json, "result.resultType"), "complete");
    json_decref(json);
    json = answer_to(s, REQUEST("2", "tools/list",
                                "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2030\","
                                "\"io.modelcontextprotocol/clientCapabilities\":{}}"));
    assert_int_equal(json_integer_value(at(json, "error.code")), -32022);
    assert_string_equal(text_at(json, "error.data.supported.0"), "2026-07-28");
    json_decref(json);
}

/* ---- calls ---- */

static void test_news_come_before_the_answer(void **state)
{
    struct stage *s = *state;
    uint64_t id = begin(s, CALL("1", TOKEN_T));
    uint64_t other = begin(s, CALL("2", ""));
    progress(&s->f.hosts[0], id, 1);
    progress(&s->f.hosts[0], other, 1); /* it has no token */
    json_t *json = next(s);
    assert_string_equal(text_at(json, "params.progressToken"), "t");
    json_decref(json);
    host_answer(&s->f.hosts[0], other, 0, HR_PART_TEXT, "b");
    json = next(s);
    assert_int_equal(json_integer_value(at(json, "id")), 2);
    json_decref(json);
    host_answer(&s->f.hosts[0], id, 0, HR_PART_TEXT, "a");
    json = next(s);
    assert_int_equal(json_integer_value(at(json, "id")), 1);
    assert_string_equal(text_at(json, "result.content.0.text"), "a");
    json_decref(json);
}

static void test_what_is_cancelled_is_not_heard_of(void **state)
{
    struct stage *s = *state;
    uint64_t id = begin(s, CALL("1", TOKEN_T));
    uint64_t modern = begin(s, CALL("2", "," META));
    uint64_t text = begin(s, CALL("\"1\"", ""));
    say(s, CANCEL("1"));
    say(s, CANCEL("2"));
    say(s, CANCEL("3"));
    say(s, CANCEL("null"));
    UNTIL(&s->f, s->f.hosts[0].ncancels == 2);
    assert_int_equal(s->f.hosts[0].cancels[0], id);
    assert_int_equal(s->f.hosts[0].cancels[1], modern);
    progress(&s->f.hosts[0], id, 1);
    host_answer(&s->f.hosts[0], id, 0, HR_PART_TEXT, "late");
    expect_nothing(s);
    host_answer(&s->f.hosts[0], text, 0, HR_PART_TEXT, "a");
    json_decref(next(s));
    expect_nothing(s);
}

static void test_too_many_calls(void **state)
{
    struct stage *s = *state;
    char line[128];
    for (int i = 0; i < HR_MCP_STDIO_OPEN_MAX; i++) {
        (void)snprintf(line, sizeof(line), CALL("%d", ""), i);
        (void)begin(s, line);
    }
    say(s, CALL("\"more\"", ""));
    expect_error(s, -32603, 1);
    say(s, SUBSCRIBE("\"more\""));
    expect_error(s, -32603, 1);
    json_decref(answer_to(s, REQUEST("1", "ping", ""))); /* what is answered at once is */
    say(s, CANCEL("17"));
    (void)begin(s, CALL("\"more\"", ""));
}

/* ---- which plugins there are ---- */

static json_t *settings(const struct stage *s, const char *which)
{
    json_t *list = json_array();
    for (; *which; which++) {
        size_t i = (size_t)(*which - '0');
        char id[8], hex[2 * sizeof(s->f.hosts[0].address)] = "";
        (void)snprintf(id, sizeof(id), "p%zu", i);
        for (size_t j = 0; s->f.hosts[i].address[j]; j++)
            (void)snprintf(hex + 2 * j, 3, "%02x", (unsigned char)s->f.hosts[i].address[j]);
        assert_int_equal(
            json_array_append_new(list, json_pack("{s:s, s:s, s:i}", "id", id, "socket", hex,
                                                  "service", (int)SERVICE_OF(i))),
            0);
    }
    return json_pack("{s:o}", "plugins", list);
}

static void update(struct stage *s, const char *which)
{
    json_t *json = settings(s, which);
    assert_int_equal(hr_mcp_update(s->f.mcp, json), 0);
    json_decref(json);
}

static void test_other_plugins(void **state)
{
    struct stage *s = *state;
    json_decref(answer_to(s, INITIALIZE));
    json_decref(answer_to(s, LIST));
    uint64_t id = begin(s, CALL("1", ""));
    unsigned hellos = s->f.hosts[0].hellos;
    update(s, "0"); /* p1 goes, p0 stays with its call */
    json_t *json = next(s);
    assert_string_equal(text_at(json, "method"), "notifications/tools/list_changed");
    json_decref(json);
    host_answer(&s->f.hosts[0], id, 0, HR_PART_TEXT, "a");
    json = next(s);
    assert_string_equal(text_at(json, "result.content.0.text"), "a");
    json_decref(json);
    assert_int_equal(s->f.hosts[0].hellos, hellos);
    json = answer_to(s, LIST);
    assert_int_equal(json_array_size(at(json, "result.tools")), 1);
    json_decref(json);
    (void)begin(s, CALL("2", ""));
    update(s, "1"); /* the other way round */
    json = next(s);
    assert_true(json_is_true(at(json, "result.isError")));
    assert_non_null(strstr(text_at(json, "result.content.0.text"), "taken out"));
    json_decref(json);
    json = next(s);
    assert_string_equal(text_at(json, "method"), "notifications/tools/list_changed");
    json_decref(json);
    json = answer_to(s, LIST);
    assert_string_equal(text_at(json, "result.tools.0.name"), "other");
    json_decref(json);
    update(s, "10");
    json_decref(next(s));
    json = answer_to(s, LIST);
    assert_int_equal(json_array_size(at(json, "result.tools")), 2);
    json_decref(json);
    update(s, "10"); /* no change */
    expect_nothing(s);
}

static void test_wrong_settings_change_nothing(void **state)
{
    struct stage *s = *state;
    static const char *const wrong[] = {"{}", "{\"plugins\":{}}", "{\"plugins\":[{}]}",
                                        "{\"plugins\":[{\"id\":\"p0\",\"service\":2,\"socket\":"
                                        "\"0g\"}]}",
                                        "{\"plugins\":[{\"id\":\"p0\",\"service\":99,\"socket\":"
                                        "\"00\"}]}"};
    json_decref(answer_to(s, LIST));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        json_t *json = json_loads(wrong[i], 0, NULL);
        assert_non_null(json);
        assert_int_equal(hr_mcp_update(s->f.mcp, json), -EPROTO);
        json_decref(json);
    }
    json_t *json = answer_to(s, LIST);
    assert_int_equal(json_array_size(at(json, "result.tools")), 2);
    json_decref(json);
}

/* ---- a client that does not read ---- */

static void test_a_slow_reader(void **state)
{
    struct stage *s = *state;
    char text[20000];
    memset(text, 'z', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    uint64_t id = begin(s, CALL("\"news\"", TOKEN_T));
    for (int i = 0; i < 20; i++)
        (void)begin(s, CALL("1", ""));
    s->deaf = true;
    for (int i = 1; i <= 20; i++)
        host_answer(&s->f.hosts[0], s->f.hosts[0].calls[i].id, 0, HR_PART_TEXT, text);
    run_for(&s->f, 50);
    /* It is not read any more, and told no news. */
    say(s, CALL("\"late\"", ""));
    progress(&s->f.hosts[0], id, 1);
    run_for(&s->f, 50);
    assert_int_equal(s->f.hosts[0].ncalls, 21);
    s->deaf = false;
    for (int i = 0; i < 20; i++) {
        json_t *json = next(s);
        assert_string_equal(text_at(json, "result.content.0.text"), text);
        json_decref(json);
    }
    UNTIL(&s->f, s->f.hosts[0].ncalls == 22);
    progress(&s->f.hosts[0], id, 2);
    json_t *json = next(s);
    assert_true(json_number_value(at(json, "params.progress")) == 2);
    json_decref(json);
}

/* Answers add up to a limit; those that are too much become errors of their requests. */
static void test_no_room_for_an_answer(void **state)
{
    struct stage *s = *state;
    enum { CALLS = 20, BYTES = 7 * 1000 * 1000 };
    uint64_t ids[CALLS];
    char line[128];
    char *text = malloc(BYTES + 1);
    assert_non_null(text);
    memset(text, 'z', BYTES);
    text[BYTES] = '\0';
    for (int i = 0; i < CALLS; i++) {
        (void)snprintf(line, sizeof(line), CALL("%d", ""), i);
        ids[i] = begin(s, line);
    }
    s->deaf = true;
    for (int i = 0; i < CALLS; i++)
        host_answer(&s->f.hosts[0], ids[i], 0, HR_PART_TEXT, text);
    UNTIL(&s->f, s->f.mcp->plugins[0]->worker.ncalls == 0);
    s->deaf = false;
    int whole = 0;
    for (int i = 0; i < CALLS; i++) {
        json_t *json = next(s);
        assert_int_equal(json_integer_value(at(json, "id")), i);
        if (at(json, "result"))
            whole++;
        else
            assert_int_equal(json_integer_value(at(json, "error.code")), -32603);
        json_decref(json);
    }
    assert_int_equal(whole, 2 * HR_MCP_ANSWER_MAX / BYTES);
    free(text);
}

/* What the client has read already takes no room. */
static void test_room_is_made_by_reading(void **state)
{
    struct stage *s = *state;
    enum { CALLS = 10, BYTES = 7 * 1000 * 1000, READ = 4 * BYTES };
    uint64_t ids[CALLS];
    char *text = malloc(BYTES + 1);
    assert_non_null(text);
    memset(text, 'z', BYTES);
    text[BYTES] = '\0';
    for (int i = 0; i < CALLS; i++)
        ids[i] = begin(s, CALL("1", ""));
    s->deaf = true;
    for (int i = 0; i < CALLS - 1; i++)
        host_answer(&s->f.hosts[0], ids[i], 0, HR_PART_TEXT, text);
    UNTIL(&s->f, s->f.mcp->plugins[0]->worker.ncalls == 1);
    s->deaf = false;
    UNTIL(&s->f, (listen_to(s), s->seen.len > READ));
    s->deaf = true;
    host_answer(&s->f.hosts[0], ids[CALLS - 1], 0, HR_PART_TEXT, text);
    UNTIL(&s->f, s->f.mcp->plugins[0]->worker.ncalls == 0);
    s->deaf = false;
    for (int i = 0; i < CALLS; i++) {
        json_t *json = next(s);
        assert_non_null(at(json, "result"));
        json_decref(json);
    }
    free(text);
}

/* A change that could not be told is told when there is room again. */
static void test_a_change_is_told_later(void **state)
{
    struct stage *s = *state;
    char text[100000];
    memset(text, 'z', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    json_decref(answer_to(s, INITIALIZE));
    json_decref(answer_to(s, LIST));
    json_decref(answer_to(s, SUBSCRIBE("\"x\"")));
    s->deaf = true;
    for (int i = 0; i < 3; i++)
        (void)begin(s, CALL("1", ""));
    for (int i = 0; i < 3; i++)
        host_answer(&s->f.hosts[0], s->f.hosts[0].calls[i].id, 0, HR_PART_TEXT, text);
    run_for(&s->f, 50);
    change_tools(s, TOOLS("p1", ECHO_TOOL("second", "")));
    s->deaf = false;
    for (int i = 0; i < 3; i++)
        json_decref(next(s));
    json_t *json = next(s); /* a subscription ends instead */
    assert_string_equal(text_at(json, "id"), "x");
    assert_string_equal(text_at(json, "result.resultType"), "complete");
    json_decref(json);
    json = next(s);
    assert_string_equal(text_at(json, "method"), "notifications/tools/list_changed");
    json_decref(json);
    expect_nothing(s);
}

static void test_nobody_reads(void **state)
{
    struct stage *s = *state;
    uint64_t id = begin(s, CALL("1", ""));
    hr_close(&s->out);
    host_answer(&s->f.hosts[0], id, 0, HR_PART_TEXT, "a");
    UNTIL(&s->f, s->ended == 1);
    assert_int_equal(write(s->in, "x\n", 2), 2);
    run_for(&s->f, 30);
    assert_int_equal(s->ended, 1);
}

/* ---- the end of the input ---- */

static void test_end_of_input(void **state)
{
    struct stage *s = *state;
    uint64_t id = begin(s, CALL("1", ""));
    json_decref(answer_to(s, SUBSCRIBE("\"x\"")));
    send_bytes(s, REQUEST("2", "ping", ""), strlen(REQUEST("2", "ping", "")));
    expect_nothing(s);
    hr_close(&s->in);
    json_t *json = next(s);
    assert_int_equal(json_integer_value(at(json, "id")), 2);
    json_decref(json);
    json = next(s);
    assert_string_equal(text_at(json, "id"), "x");
    json_decref(json);
    run_for(&s->f, 300);
    assert_int_equal(s->ended, 0);
    host_answer(&s->f.hosts[0], id, 0, HR_PART_TEXT, "a");
    json = next(s);
    assert_int_equal(json_integer_value(at(json, "id")), 1);
    json_decref(json);
    assert_int_equal(s->ended, 1);
}

static void test_end_in_the_middle(void **state)
{
    struct stage *s = *state;
    send_bytes(s, "{\"jsonrpc\":\"2.0\",\"id\":", 22);
    hr_close(&s->in);
    expect_error(s, -32700, 0);
    UNTIL(&s->f, s->ended == 1);
}

static void test_end_without_a_reader(void **state)
{
    struct stage *s = *state;
    (void)begin(s, CALL("1", ""));
    hr_close(&s->in);
    hr_close(&s->out);
    UNTIL(&s->f, s->ended == 1);
}

/* What is open when we end by ourselves is answered. */
static void test_our_own_end(void **state)
{
    struct stage *s = *state;
    struct hr_mcp *m = s->f.mcp;
    json_decref(answer_to(s, INITIALIZE));
    (void)begin(s, CALL("1", ""));
    json_decref(answer_to(s, SUBSCRIBE("\"x\"")));
    s->f.mcp = NULL;
    hr_mcp_free(m);
    hr_mcp_stdio_free(s->stdio);
    s->stdio = NULL;
    json_t *json = next(s);
    assert_true(json_is_true(at(json, "result.isError")));
    json_decref(json);
    json = next(s);
    assert_string_equal(text_at(json, "id"), "x");
    json_decref(json);
    expect_nothing(s);
    assert_int_equal(s->ended, 0);
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STAGE(test_lines),
        ON_STAGE(test_rubbish),
        ON_STAGE(test_large_messages),
        ON_STAGE(test_a_legacy_client_hears_of_changes),
        ON_STAGE(test_a_modern_client_hears_what_it_asks_for),
        ON_STAGE(test_no_headers_to_agree_with),
        ON_STAGE(test_news_come_before_the_answer),
        ON_STAGE(test_what_is_cancelled_is_not_heard_of),
        ON_STAGE(test_too_many_calls),
        ON_STAGE(test_other_plugins),
        ON_STAGE(test_wrong_settings_change_nothing),
        ON_STAGE(test_a_slow_reader),
        ON_STAGE(test_no_room_for_an_answer),
        ON_STAGE(test_room_is_made_by_reading),
        ON_STAGE(test_a_change_is_told_later),
        ON_STAGE(test_nobody_reads),
        ON_STAGE(test_end_of_input),
        ON_STAGE(test_end_in_the_middle),
        ON_STAGE(test_end_without_a_reader),
        ON_STAGE(test_our_own_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
