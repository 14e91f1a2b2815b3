/* SPDX-License-Identifier: MIT
 * The MCP endpoint by the rules of revision 2026-07-28: headers and _meta, what each method
 * answers, pages of the list, and the streams that tell of changes. */
#include "mcp_fixture.h"
#include "sidecar/mcp/headers.h"
#include "sidecar/mcp/modern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "io.modelcontextprotocol/protocolVersion"
#define CLIENT  "io.modelcontextprotocol/clientCapabilities"
#define META    "\"_meta\":{\"" VERSION "\":\"2026-07-28\",\"" CLIENT "\":{}}"
#define MESSAGE(method, params)                                                                    \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":{" params "}}"

#define PARAMS_TOOL                                                                                \
    "{\"name\":\"where\",\"inputSchema\":{\"type\":\"object\",\"properties\":{"                    \
    "\"region\":{\"type\":\"string\",\"x-mcp-header\":\"Region\"},"                                \
    "\"n\":{\"type\":\"integer\",\"x-mcp-header\":\"N\"},"                                         \
    "\"in\":{\"type\":\"object\",\"properties\":{\"b\":{\"x-mcp-header\":\"B\"}}}}}}"
static const char *const one_host[] = {
    TOOLS("p0", ECHO_TOOL("c", "") "," ECHO_TOOL("a", "") "," PARAMS_TOOL)};
static const char *const two_hosts[] = {TOOLS("p0", ECHO_TOOL("d", "") "," ECHO_TOOL("b", "")),
                                        TOOLS("p1", ECHO_TOOL("c", "") "," ECHO_TOOL("a", ""))};

static int setup(void **state, size_t n, const char *const *tools)
{
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, n, tools);
    for (size_t i = 0; i < n; i++)
        f->hosts[i].echo = 1;
    *state = f;
    return 0;
}

static int setup_one(void **state)
{
    return setup(state, 1, one_host);
}

static int setup_silent(void **state)
{
    static const char *const silent[] = {NULL};
    return setup(state, 1, silent);
}

static int setup_two(void **state)
{
    return setup(state, 2, two_hosts);
}

static int teardown(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

/* A modern request with these headers (NULL: without). */
static void prepare(struct hr_http_req *r, const char *body, const char *version,
                    const char *method, const char *name)
{
    req_init(r, body);
    req_set(r, "Accept", NULL);
    req_set(r, "MCP-Protocol-Version", version);
    req_set(r, "Mcp-Method", method);
    req_set(r, "Mcp-Name", name);
}

/* The answer to it, and its status. */
static json_t *answer(struct fixture *f, struct hr_http_req *r, unsigned *ret_status)
{
    post(f, r);
    UNTIL(f, r->status);
    *ret_status = r->status;
    json_t *json = req_json(r);
    req_free(r);
    return json;
}

static void test_rules(void **state)
{
    static const struct {
        const char *body, *version, *method, *name;
        unsigned status;
        int code; /* 0: a result */
    } cases[] = {
        {MESSAGE("tools/list", META), "2026-07-28", "tools/list", NULL, 200, 0},
        {MESSAGE("tools/list", META), " 2026-07-28 ", "\ttools/list ", NULL, 200, 0},
        {MESSAGE("server/discover", META), "2026-07-28", "server/discover", NULL, 200, 0},
        {MESSAGE("tools/call", META ",\"name\":\"a\""), "2026-07-28", "tools/call", "a", 200, 0},
        {MESSAGE("tools/call", META ",\"name\":\"a\""), "2026-07-28", "tools/call", "  a  ", 200,
         0},
        {MESSAGE("tools/call", META ",\"name\":\"a\""), "2026-07-28", "tools/call",
         "=?base64?YQ==?=", 200, 0},
        /* _meta */
        {MESSAGE("tools/list", ""), "2026-07-28", "tools/list", NULL, 400, -32602},
        {MESSAGE("tools/list", "\"_meta\":7"), "2026-07-28", "tools/list", NULL, 400, -32602},
        {MESSAGE("tools/list", "\"_meta\":{\"" CLIENT "\":{}}"), "2026-07-28", "tools/list", NULL,
         400, -32602},
        {MESSAGE("tools/list", "\"_meta\":{\"" VERSION "\":\"2026-07-28\"}"), "2026-07-28",
         "tools/list", NULL, 400, -32602},
        {MESSAGE("tools/list", "\"_meta\":{\"" VERSION "\":7,\"" CLIENT "\":{}}"), "2026-07-28",
         "tools/list", NULL, 400, -32602},
        /* the version */
        {MESSAGE("tools/list", META), NULL, "tools/list", NULL, 400, -32020},
        {MESSAGE("tools/list", META), "2025-11-25", "tools/list", NULL, 400, -32020},
        {MESSAGE("tools/list", META), "9", "tools/list", NULL, 400, -32020},
        {MESSAGE("tools/list", "\"_meta\":{\"" VERSION "\":\"9\",\"" CLIENT "\":{}}"), "2026-07-28",
         "tools/list", NULL, 400, -32020},
        {MESSAGE("tools/list", "\"_meta\":{\"" VERSION "\":\"9\",\"" CLIENT "\":{}}"), "9",
         "tools/list", NULL, 400, -32022},
        /* the method */
        {MESSAGE("tools/list", META), "2026-07-28", NULL, NULL, 400, -32020},
        {MESSAGE("tools/list", META), "2026-07-28", "tools/call", NULL, 400, -32020},
        {MESSAGE("tools/list", META), "2026-07-28", "TOOLS/LIST", NULL, 400, -32020},
        /* the name */
        {MESSAGE("tools/call", META ",\"name\":\"a\""), "2026-07-28", "tools/call", NULL, 400,
         -32020},
        {MESSAGE("tools/call", META ",\"name\":\"a\""), "2026-07-28", "tools/call", "b", 400,
         -32020},
        {MESSAGE("tools/call", META), "2026-07-28", "tools/call", "a", 400, -32020},
        {MESSAGE("tools/call", META ",\"name\":\"a\""), "2026-07-28", "tools/call",
         "=?base64?YQ=?=", 400, -32020},
        {MESSAGE("tools/call", META ",\"name\":\"x\""), "2026-07-28", "tools/call", "x", 200,
         -32602},
        /* methods that are gone, or never were */
        {MESSAGE("ping", META), "2026-07-28", "ping", NULL, 404, -32601},
        {MESSAGE("initialize", META), "2026-07-28", "initialize", NULL, 404, -32601},
        {MESSAGE("logging/setLevel", META), "2026-07-28", "logging/setLevel", NULL, 404, -32601},
        {MESSAGE("prompts/list", META), "2026-07-28", "prompts/list", NULL, 404, -32601},
        /* legacy */
        {MESSAGE("initialize", ""), "2026-07-28", NULL, NULL, 200, 0},
        {MESSAGE("ping", ""), "2026-07-28", "ping", NULL, 200, 0},
        {MESSAGE("server/discover", ""), NULL, NULL, NULL, 200, -32601},
        {MESSAGE("subscriptions/listen", ""), "2025-11-25", NULL, NULL, 200, -32601},
        {MESSAGE("ping", "\"_meta\":{\"progressToken\":1}"), "2025-11-25", NULL, NULL, 200, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct hr_http_req r;
        unsigned status;
        prepare(&r, cases[i].body, cases[i].version, cases[i].method, cases[i].name);
        json_t *json = answer(*state, &r, &status);
        int code = (int)json_integer_value(at(json, "error.code"));
        if (status != cases[i].status || code != cases[i].code)
            fail_msg("case %zu: %u, code %d", i, status, code);
        assert_int_equal(json_integer_value(at(json, "id")), 1);
        if (code == -32022) {
            assert_string_equal(text_at(json, "error.data.requested"), "9");
            assert_string_equal(text_at(json, "error.data.supported.0"), "2026-07-28");
            assert_int_equal(json_array_size(at(json, "error.data.supported")), 1);
        }
        json_decref(json);
    }
}

/* The same by the headers of parameters. */
static void test_params(void **state)
{
    static const struct {
        const char *arguments, *name, *value;
        int code;
    } cases[] = {
        {"", NULL, NULL, 0},
        {"\"region\":null", NULL, NULL, 0},
        {"\"region\":\"eu\"", "mcp-param-region", "eu", 0},
        {"\"region\":\"eu\"", "Mcp-Param-Region", "=?base64?ZXU=?=", 0},
        {"\"region\":\"eu\"", NULL, NULL, -32020},
        {"\"region\":\"eu\"", "Mcp-Param-Region", "us", -32020},
        {"\"region\":\"eu\"", "Mcp-Param-Region", "=?base64?ZXU?=", -32020},
        {"", "Mcp-Param-Region", "eu", -32020},
        {"\"region\":null", "Mcp-Param-Region", "eu", -32020},
        {"\"n\":-7", "Mcp-Param-N", "-7", 0},
        {"\"n\":7", "Mcp-Param-N", "8", -32020},
        {"\"in\":{\"b\":true}", "Mcp-Param-B", "true", 0},
        {"\"in\":{\"b\":true}", "Mcp-Param-B", "false", -32020},
        {"\"in\":{\"b\":true}", NULL, NULL, -32020},
        {"\"in\":{}", NULL, NULL, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char body[512];
        struct hr_http_req r;
        unsigned status;
        (void)snprintf(body, sizeof(body),
                       MESSAGE("tools/call", META ",\"name\":\"where\",\"arguments\":{%s}"),
                       cases[i].arguments);
        prepare(&r, body, "2026-07-28", "tools/call", "where");
        if (cases[i].name)
            req_set(&r, cases[i].name, cases[i].value);
        json_t *json = answer(*state, &r, &status);
        int code = (int)json_integer_value(at(json, "error.code"));
        if (code != cases[i].code || status != (code ? 400u : 200u))
            fail_msg("case %zu: %u, code %d", i, status, code);
        json_decref(json);
    }
}

static void test_header_values(void **state)
{
    (void)state;
    static const struct {
        const char *header, *value;
        int says;
    } cases[] = {
        {"", "\"\"", 1},
        {" \t", "\"\"", 1},
        {"Hello", "\"Hello\"", 1},
        {"hello", "\"Hello\"", 0},
        {"Hello", "\"Hello\\u0000\"", 0},
        {"=?base64?SGVsbG8=?=", "\"Hello\"", 1},
        {"  =?base64?SGVsbG8=?= ", "\"Hello\"", 1},
        {"=?base64?SGVsbG8?=", "\"Hello\"", 0},
        {"=?base64?SGVs!!!bG8=?=", "\"Hello\"", 0},
        {"=?base64?SGVsbG9=?=", "\"Hello\"", 0}, /* bits beyond the last byte */
        {"=?base64?SGVsbG8==?=", "\"Hello\"", 0},
        {"=?base64?SGVs=G8=?=", "\"Hello\"", 0},
        {"=?base64?SGVsbG8h?=", "\"Hello\"", 0},
        {"=?base64?SGVs?=", "\"Hello\"", 0},
        {"=?base64?SGVs?=", "\"Hel\"", 1},
        {"=?base64?YQ==?=", "\"a\"", 1},
        {"=?base64?YR==?=", "\"a\"", 0},
        {"=?base64?AA==?=", "\"\\u0000\"", 1},
        {"=?base64?w6k=?=", "\"\\u00e9\"", 1},
        {"=?base64?PXdKfWI5L0NQUzE1eGlFbTcyOmZnak9AS3gjM2orJDtVYiRxPHhBWCs8bX4qM3p7WiwvI116X2ouZn"
         "E+LHQ/?=", /* each digit */
         "\"=wJ}b9/CPS15xiEm72:fgjO@Kx#3j+$;Ub$q<xAX+<m~*3z{Z,/#]z_j.fq>,t?\"", 1},
        {"\xc3\xa9", "\"\\u00e9\"", 0}, /* must be in Base64 */
        {"a\tb", "\"a\\tb\"", 1},
        {"a\x01", "\"a\\u0001\"", 0},
        {"a\x7f", "\"a\\u007f\"", 0},
        {"=?base64?\?=", "\"\"", 1},
        {"=?base64?====?=", "\"\"", 0},
        {"=?base64?=", "\"=?base64?=\"", 1}, /* too short to be the sentinel */
        {"SGVsbG8=", "\"SGVsbG8=\"", 1},
        {"=?base64?SGVsbG8=", "\"=?base64?SGVsbG8=\"", 1},
        {"SGVsbG8=?=", "\"SGVsbG8=?=\"", 1},
        {"true", "true", 1},
        {"True", "true", 0},
        {"false", "false", 1},
        {"7", "7", 1},
        {"07", "7", 0},
        {"7.0", "7", 1},
        {"7", "7.0", 1},
        {"0x7", "7", 0},
        {"0x7", "7.5", 0},
        {"9223372036854775806", "9223372036854775807", 0},
        {"inf", "1e308", 0},
        {"9223372036854775807", "9223372036854775807", 1},
        {"1.5", "1.5", 1},
        {"1.50", "1.5", 1},
        {"1.5x", "1.5", 0},
        {"", "1.5", 0},
        {"anything", "[1]", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *value = json_loads(cases[i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(value);
        if (hr_mcp_header_says(cases[i].header, value) != cases[i].says)
            fail_msg("case %zu: %s and %s", i, cases[i].header, cases[i].value);
        json_decref(value);
    }
}

static json_t *modern(struct fixture *f, const char *body, const char *method, const char *name)
{
    struct hr_http_req r;
    unsigned status;
    prepare(&r, body, "2026-07-28", method, name);
    json_t *json = answer(f, &r, &status);
    assert_int_equal(status, 200);
    json_t *meta = at(json, "result._meta");
    assert_string_equal(text_at(json, "result.resultType"), "complete");
    json_t *server = json_object_get(meta, "io.modelcontextprotocol/serverInfo");
    assert_string_equal(json_string_value(json_object_get(server, "name")), "handrail");
    return json;
}

static void test_results(void **state)
{
    json_t *json = modern(*state, MESSAGE("server/discover", META), "server/discover", NULL);
    assert_string_equal(text_at(json, "result.supportedVersions.0"), "2026-07-28");
    assert_true(json_is_true(at(json, "result.capabilities.tools.listChanged")));
    assert_true(text_at(json, "result.instructions")[0]);
    assert_true(json_is_integer(at(json, "result.ttlMs")));
    assert_string_equal(text_at(json, "result.cacheScope"), "private");
    json_decref(json);

    json = modern(*state, MESSAGE("tools/list", META), "tools/list", NULL);
    assert_string_equal(text_at(json, "result.tools.0.name"), "a");
    assert_string_equal(text_at(json, "result.tools.2.name"), "where");
    assert_int_equal(json_integer_value(at(json, "result.ttlMs")), 60000);
    assert_string_equal(text_at(json, "result.cacheScope"), "private");
    json_decref(json);

    json = modern(*state, MESSAGE("tools/call", META ",\"name\":\"a\",\"arguments\":{\"x\":1}"),
                  "tools/call", "a");
    assert_string_equal(text_at(json, "result.content.0.text"), "{\"x\":1}");
    json_decref(json);
    json = modern(*state, MESSAGE("tools/call", META ",\"name\":\"a\",\"arguments\":[]"),
                  "tools/call", "a");
    assert_true(json_is_true(at(json, "result.isError")));
    json_decref(json);

    /* A legacy client sees nothing of all this. */
    json = ask(*state, MESSAGE("tools/list", ""));
    assert_int_equal(json_object_size(at(json, "result")), 1);
    json_decref(json);
}

/* Eight mebibytes of binary text would grow sixfold. */
static void test_result_too_large(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    enum { SIZE = 7 * 1024 * 1024 };
    char *text = malloc(SIZE + 1);
    assert_non_null(text);
    memset(text, 1, SIZE);
    text[SIZE] = '\0';
    f->hosts[0].echo = 0;
    prepare(&r, MESSAGE("tools/call", META ",\"name\":\"a\""), "2026-07-28", "tools/call", "a");
    post(f, &r);
    UNTIL(f, f->hosts[0].ncalls == 1);
    host_answer(&f->hosts[0], f->hosts[0].calls[0].id, 0, HR_PART_TEXT, text);
    free(text);
    UNTIL(f, r.status);
    assert_int_equal(r.status, 200);
    json_t *json = req_json(&r);
    req_free(&r);
    assert_non_null(strstr(text_at(json, "result.content.0.text"), "too large"));
    assert_string_equal(text_at(json, "result.resultType"), "complete");
    json_decref(json);
}

/* While a plugin has not told its tools, the list is not worth keeping. */
static void test_unsettled(void **state)
{
    struct fixture *f = *state;
    f->mcp->catalogue_wait_ms = 1;
    json_t *json = modern(f, MESSAGE("tools/list", META), "tools/list", NULL);
    assert_int_equal(json_array_size(at(json, "result.tools")), 0);
    assert_int_equal(json_integer_value(at(json, "result.ttlMs")), 0);
    json_decref(json);
}

/* The page after this cursor (NULL: the first) must show these names; its own cursor or NULL. */
static char *page(struct fixture *f, const char *cursor, const char *names)
{
    char body[200], seen[64] = "";
    (void)snprintf(body, sizeof(body), MESSAGE("tools/list", "%s%s%s"),
                   cursor ? "\"cursor\":\"" : "", cursor ? cursor : "", cursor ? "\"" : "");
    json_t *json = ask(f, body);
    size_t i;
    json_t *tool;
    json_array_foreach (at(json, "result.tools"), i, tool) {
        size_t n = strlen(seen);
        (void)snprintf(seen + n, sizeof(seen) - n, "%s", text_at(tool, "name"));
    }
    assert_string_equal(seen, names);
    char *next = at(json, "result.nextCursor") ? strdup(text_at(json, "result.nextCursor")) : NULL;
    json_decref(json);
    return next;
}

static void test_pages(void **state)
{
    struct fixture *f = *state;
    f->mcp->page_tools = 3;
    char *next = page(f, NULL, "abc");
    assert_non_null(next);
    assert_null(page(f, next, "d"));
    /* Its tool is gone meanwhile, and there are fewer on a page. */
    f->hosts[1].tools = TOOLS("p1", ECHO_TOOL("cc", "") "," ECHO_TOOL("a", ""));
    host_die(&f->hosts[1]);
    unsigned hellos = f->hosts[1].hellos;
    UNTIL(f, f->hosts[1].hellos > hellos);
    run_for(f, 50);
    f->mcp->page_tools = 1;
    char *last = page(f, next, "cc");
    assert_non_null(last);
    free(next);
    assert_null(page(f, "after:cd", "d"));
    assert_null(page(f, "after:zz", ""));
    free(last);

    static const char *const bad[] = {"\"\"", "\"x\"", "\"after:\"",
                                      "7",    "{}",    "\"after:a\\u0000\""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char body[200];
        (void)snprintf(body, sizeof(body), MESSAGE("tools/list", "\"cursor\":%s"), bad[i]);
        json_t *json = ask(f, body);
        assert_int_equal(json_integer_value(at(json, "error.code")), -32602);
        json_decref(json);
    }
}

static void expect_event(const struct hr_http_req *r, int n, const char *method, int id)
{
    json_t *json = req_event(r, n);
    assert_string_equal(text_at(json, "method"), method);
    assert_int_equal(json_integer_value(json_object_get(at(json, "params._meta"),
                                                        "io.modelcontextprotocol/subscriptionId")),
                     id);
    json_decref(json);
}

static void listen_for(struct fixture *f, struct hr_http_req *r, const char *wishes)
{
    char body[300];
    (void)snprintf(body, sizeof(body),
                   MESSAGE("subscriptions/listen", META ",\"notifications\":%s"), wishes);
    prepare(r, body, "2026-07-28", "subscriptions/listen", NULL);
    post(f, r);
    assert_int_equal(r->status, 200);
}

static void test_listen(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req wants, other, deaf, gone, bad;
    json_decref(ask(f, MESSAGE("tools/list", ""))); /* the catalogue is there */
    listen_for(f, &bad, "[]");
    assert_false(bad.streaming);
    req_free(&bad);
    listen_for(f, &wants, "{\"toolsListChanged\":true,\"promptsListChanged\":true}");
    listen_for(f, &other, "{\"promptsListChanged\":true,\"toolsListChanged\":false}");
    listen_for(f, &deaf, "{\"toolsListChanged\":true}");
    listen_for(f, &gone, "{\"toolsListChanged\":true}");
    req_close(&gone);
    assert_int_equal(f->mcp->requests[HR_MCP_SUBSCRIPTIONS_LISTEN][HR_MCP_ANSWER_GONE], 1);
    assert_string_equal(wants.type, "text/event-stream");
    assert_string_equal(req_reply_header(&wants, "X-Accel-Buffering"), "no");
    expect_event(&wants, 0, "notifications/subscriptions/acknowledged", 1);
    expect_event(&other, 0, "notifications/subscriptions/acknowledged", 1);
    json_t *json = req_event(&wants, 0);
    assert_true(json_is_true(at(json, "params.notifications.toolsListChanged")));
    assert_int_equal(json_object_size(at(json, "params.notifications")), 1);
    json_decref(json);
    json = req_event(&other, 0);
    assert_int_equal(json_object_size(at(json, "params.notifications")), 0);
    json_decref(json);

    /* A toolhost that comes back with the same tools is no news. */
    unsigned hellos = f->hosts[0].hellos;
    host_die(&f->hosts[0]);
    UNTIL(f, f->hosts[0].hellos == hellos + 1);
    run_for(f, 50);
    assert_int_equal(req_events(&wants), 1);

    deaf.backlog = 1;
    f->hosts[0].tools = TOOLS("p0", ECHO_TOOL("new", ""));
    host_die(&f->hosts[0]);
    UNTIL(f, req_events(&wants) == 2);
    expect_event(&wants, 1, "notifications/tools/list_changed", 1);
    assert_int_equal(req_events(&other), 1);
    assert_true(deaf.dead); /* it cannot be told, so it must not believe that nothing happened */

    /* Going is said with a result. */
    hr_mcp_free(f->mcp);
    f->mcp = NULL;
    assert_true(wants.dead && other.dead);
    json = req_event(&wants, 2);
    assert_int_equal(json_integer_value(at(json, "id")), 1);
    assert_string_equal(text_at(json, "result.resultType"), "complete");
    assert_int_equal(json_integer_value(json_object_get(at(json, "result._meta"),
                                                        "io.modelcontextprotocol/subscriptionId")),
                     1);
    json_decref(json);
    req_free(&wants);
    req_free(&other);
    req_free(&deaf);
    req_free(&gone);
}

static void test_no_session_to_end(void **state)
{
    struct hr_http_req r;
    req_init(&r, "");
    r.method = "DELETE";
    req_set(&r, "MCP-Protocol-Version", "2026-07-28");
    post(*state, &r);
    assert_int_equal(r.status, 405);
    req_free(&r);
}

int main(void)
{
#define ONE(t) cmocka_unit_test_setup_teardown(t, setup_one, teardown)
    const struct CMUnitTest tests[] = {
        ONE(test_rules),
        ONE(test_params),
        cmocka_unit_test(test_header_values),
        ONE(test_results),
        ONE(test_result_too_large),
        cmocka_unit_test_setup_teardown(test_unsettled, setup_silent, teardown),
        ONE(test_no_session_to_end),
        cmocka_unit_test_setup_teardown(test_pages, setup_two, teardown),
        ONE(test_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
