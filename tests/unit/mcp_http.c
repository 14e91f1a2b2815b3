/* SPDX-License-Identifier: MIT
 * The MCP endpoint from the client's side: who gets in, what each method answers. */
#include "mcp_fixture.h"
#include "sidecar/mcp/rpc.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PING "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"

static const char *const one_host[] = {TOOLS("p0", ECHO_TOOL("echo", ""))};

static int setup_none(void **state)
{
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, 0, NULL);
    *state = f;
    return 0;
}

static int setup_one(void **state)
{
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, 1, one_host);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

/* Post a ping with one header changed; the status. */
static unsigned with_header(struct fixture *f, const char *name, const char *value)
{
    struct hr_http_req r;
    req_init(&r, PING);
    req_set(&r, name, value);
    post(f, &r);
    unsigned status = r.status;
    json_t *json = req_json(&r);
    if (status != 200) {
        assert_non_null(at(json, "error.code"));
        /* What is refused from the head of a request is refused before its id is read. */
        assert_int_equal(at(json, "id") != NULL, status == 400);
    }
    json_decref(json);
    req_free(&r);
    return status;
}

static void test_host(void **state)
{
    static const struct {
        const char *host;
        unsigned status;
    } cases[] = {
        {"127.0.0.1", 200},
        {"127.0.0.1:60011", 200},
        {"localhost", 200},
        {"LocalHost:1", 200},
        {"[::1]", 200},
        {"[::1]:60011", 200},
        {NULL, 403},
        {"", 403},
        {"evil.example", 403},
        {"127.0.0.1.evil", 403},
        {"localhost.evil", 403},
        {"127.0.0.1:", 403},
        {"127.0.0.1:60011x", 403},
        {"127.0.0.1:123456", 403},
        {"127.0.0.1@evil", 403},
        {"10.0.0.1:60011", 403},
        {"::1", 403},
        {"localhost:60011/evil", 403},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(with_header(*state, "Host", cases[i].host), cases[i].status);
}

static void test_origin(void **state)
{
    static const struct {
        const char *origin;
        unsigned status;
    } cases[] = {
        {"http://localhost", 200},
        {"http://127.0.0.1:3000", 200},
        {"https://[::1]:8443", 200},
        {"null", 403},
        {"http://evil.example", 403},
        {"http://localhost.evil.example", 403},
        {"ftp://localhost", 403},
        {"localhost", 403},
        {"http://", 403},
        {"http://localhost@evil.example", 403},
        {"", 403},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(with_header(*state, "Origin", cases[i].origin), cases[i].status);
}

static void test_token(void **state)
{
    static const struct {
        const char *authorization;
        unsigned status;
    } cases[] = {
        {"Bearer " TOKEN, 200},
        {"bearer " TOKEN, 200},
        {"Bearer  " TOKEN, 200},
        {NULL, 401},
        {"", 401},
        {"Bearer", 401},
        {"Bearer ", 401},
        {"Bearer x", 401},
        {TOKEN, 401},
        {"Basic " TOKEN, 401},
        {"Bearer " TOKEN "0", 401},
        {"Bearer 0123456789abcde", 401},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(with_header(*state, "Authorization", cases[i].authorization),
                         cases[i].status);
    struct hr_http_req r;
    req_init(&r, PING);
    req_set(&r, "Authorization", NULL);
    post(*state, &r);
    assert_string_equal(req_reply_header(&r, "WWW-Authenticate"), "Bearer");
    req_free(&r);
}

static void test_content_type_and_accept(void **state)
{
    assert_int_equal(with_header(*state, "Content-Type", "application/json; charset=utf-8"), 200);
    assert_int_equal(with_header(*state, "Content-Type", "Application/JSON"), 200);
    assert_int_equal(with_header(*state, "Content-Type", NULL), 415);
    assert_int_equal(with_header(*state, "Content-Type", "text/plain"), 415);
    assert_int_equal(with_header(*state, "Content-Type", "application/jsonp"), 415);
    assert_int_equal(with_header(*state, "Accept", NULL), 200);
    assert_int_equal(with_header(*state, "Accept", "*/*"), 200);
    assert_int_equal(with_header(*state, "Accept", "text/event-stream"), 200);
    assert_int_equal(with_header(*state, "Accept", "text/html"), 200);
    assert_int_equal(with_header(*state, "Mcp-Session-Id", "whatever"), 200);
}

static void test_version_header(void **state)
{
    assert_int_equal(with_header(*state, "MCP-Protocol-Version", "2025-11-25"), 200);
    assert_int_equal(with_header(*state, "MCP-Protocol-Version", "2025-06-18"), 200);
    assert_int_equal(with_header(*state, "MCP-Protocol-Version", "2025-03-26"), 200);
    assert_int_equal(with_header(*state, "MCP-Protocol-Version", "2024-11-05"), 200);
    assert_int_equal(with_header(*state, "MCP-Protocol-Version", "2024-01-01"), 400);
    struct hr_http_req r;
    req_init(&r, PING);
    req_set(&r, "MCP-Protocol-Version", "2099-\xff");
    post(*state, &r);
    assert_int_equal(r.status, 400);
    json_t *json = req_json(&r);
    assert_string_equal(text_at(json, "error.data.supported.0"), "2026-07-28");
    assert_string_equal(text_at(json, "error.data.supported.4"), "2024-11-05");
    json_decref(json);
    req_free(&r);
}

static void test_paths_and_methods(void **state)
{
    static const struct {
        const char *method, *path;
        unsigned status;
    } cases[] = {
        {"POST", "/mcp", 200},    {"POST", "/", 404},
        {"POST", "/mcp/x", 404},  {"GET", "/mcp", 405} /* without a session */,
        {"PUT", "/mcp", 405},     {"HEAD", "/mcp", 405},
        {"OPTIONS", "/mcp", 405}, {"DELETE", "/mcp", 200},
        {"GET", "/other", 404},   {"DELETE", "/other", 404},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct hr_http_req r;
        req_init(&r, PING);
        r.method = cases[i].method;
        r.path = cases[i].path;
        post(*state, &r);
        assert_int_equal(r.status, cases[i].status);
        if (r.status == 405)
            assert_string_equal(req_reply_header(&r, "Allow"), strcmp(cases[i].method, "GET") == 0
                                                                   ? "POST, DELETE"
                                                                   : "POST, GET, DELETE");
        assert_null(req_reply_header(&r, "Access-Control-Allow-Origin"));
        req_free(&r);
    }
    struct hr_http_req r;
    req_init(&r, "");
    r.method = "DELETE";
    req_set(&r, "Authorization", "Bearer nonsense");
    post(*state, &r);
    assert_int_equal(r.status, 401);
    assert_non_null(strstr(r.reply, "/.agents/plugins/handrail/.mcp.json"));
    req_free(&r);
}

static void test_accepted(void **state)
{
    static const char *const bodies[] = {
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"never/heard/of\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":1,\"message\":\"\"}}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        struct hr_http_req r;
        req_init(&r, bodies[i]);
        post(*state, &r);
        assert_int_equal(r.status, 202);
        assert_int_equal(r.reply_len, 0);
        assert_string_equal(r.type, "");
        req_free(&r);
    }
}

static void test_invalid(void **state)
{
    static const struct {
        const char *body;
        int code;
        int has_id;
    } cases[] = {
        {"", -32700, 0},
        {"{", -32700, 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"method\":\"ping\"}", -32700, 0},
        {"[]", -32600, 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600, 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":4}", -32600, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct hr_http_req r;
        req_init(&r, cases[i].body);
        post(*state, &r);
        assert_int_equal(r.status, 400);
        json_t *json = req_json(&r);
        assert_int_equal(json_integer_value(at(json, "error.code")), cases[i].code);
        assert_int_equal(at(json, "id") != NULL, cases[i].has_id);
        json_decref(json);
        req_free(&r);
    }
}

/* jansson alone takes it for nothing. */
static void test_nul_byte(void **state)
{
    static const char body[] = "{\"jsonrpc\":\"2.0\",\"id\":1\0,\"method\":\"ping\"}";
    struct hr_http_req r;
    req_init_n(&r, body, sizeof(body) - 1);
    post(*state, &r);
    assert_int_equal(r.status, 400);
    req_free(&r);
}

static void test_initialize(void **state)
{
    static const struct {
        const char *params, *version;
    } cases[] = {
        {"{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}}", "2025-11-25"},
        {"{\"protocolVersion\":\"2025-06-18\"}", "2025-06-18"},
        {"{\"protocolVersion\":\"2025-03-26\"}", "2025-03-26"},
        {"{\"protocolVersion\":\"2024-11-05\"}", "2024-11-05"},
        {"{\"protocolVersion\":\"2024-10-07\"}", "2025-11-25"},
        {"{\"protocolVersion\":\"2026-07-28\"}", "2025-11-25"},
        {"{\"protocolVersion\":7}", "2025-11-25"},
        {"{}", "2025-11-25"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char body[256];
        (void)snprintf(body, sizeof(body),
                       "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":%s}",
                       cases[i].params);
        json_t *json = ask(*state, body);
        assert_string_equal(text_at(json, "result.protocolVersion"), cases[i].version);
        assert_true(json_is_true(at(json, "result.capabilities.tools.listChanged")));
        assert_true(json_is_object(at(json, "result.capabilities.logging")));
        assert_string_equal(text_at(json, "result.serverInfo.name"), "handrail");
        assert_string_equal(text_at(json, "result.serverInfo.version"), HR_VERSION);
        assert_true(text_at(json, "result.instructions")[0]);
        json_decref(json);
    }
}

static void test_ping_and_unknown(void **state)
{
    json_t *json = ask(*state, PING);
    assert_true(json_is_object(at(json, "result")));
    assert_int_equal(json_object_size(at(json, "result")), 0);
    json_decref(json);

    json = ask(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/list\"}");
    assert_int_equal(json_integer_value(at(json, "error.code")), -32601);
    assert_non_null(strstr(text_at(json, "error.message"), "resources/list"));
    json_decref(json);

    json = ask(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[1]}");
    assert_int_equal(json_integer_value(at(json, "error.code")), -32602);
    json_decref(json);
}

static void test_ids(void **state)
{
    static const char *const ids[] = {"0",
                                      "-1",
                                      "9223372036854775807",
                                      "-9223372036854775808",
                                      "\"\"",
                                      "\"a\\u0000\\\"\\u20AC\"",
                                      "\"\\uD83D\\uDE00\""};
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        char body[160], want[160];
        (void)snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"ping\"}",
                       ids[i]);
        (void)snprintf(want, sizeof(want), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}", ids[i]);
        struct hr_http_req r;
        req_init(&r, body);
        post(*state, &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.reply, want);
        req_free(&r);
    }
}

/* An id is kept for as long as its request is open. */
static void test_long_ids(void **state)
{
    for (size_t n = HR_RPC_ID_MAX; n <= HR_RPC_ID_MAX + 1; n++) {
        char body[HR_RPC_ID_MAX + 64], id[HR_RPC_ID_MAX + 2];
        struct hr_http_req r;
        bool fits = n == HR_RPC_ID_MAX;
        memset(id, 'x', n);
        id[n] = '\0';
        (void)snprintf(body, sizeof(body),
                       "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"ping\"}", id);
        req_init(&r, body);
        post(*state, &r);
        assert_int_equal(r.status, fits ? 200 : 400);
        json_t *json = req_json(&r);
        assert_string_equal(text_at(json, "id"), fits ? id : "");
        assert_int_equal(json_integer_value(at(json, "error.code")), fits ? 0 : -32600);
        json_decref(json);
        req_free(&r);
    }
}

static void test_list_of_none(void **state)
{
    json_t *json = ask(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
    assert_true(json_is_array(at(json, "result.tools")));
    assert_int_equal(json_array_size(at(json, "result.tools")), 0);
    json_decref(json);
    json = ask(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                       "\"params\":{\"name\":\"x\"}}");
    assert_int_equal(json_integer_value(at(json, "error.code")), -32602);
    assert_non_null(strstr(text_at(json, "error.message"), "Unknown tool: \"x\""));
    json_decref(json);
}

static void test_list(void **state)
{
    static const char *const bodies[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":null}}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        json_t *json = ask(*state, bodies[i]);
        assert_int_equal(json_array_size(at(json, "result.tools")), 1);
        assert_string_equal(text_at(json, "result.tools.0.name"), "echo");
        assert_string_equal(text_at(json, "result.tools.0.title"), "T");
        assert_true(json_is_true(at(json, "result.tools.0.annotations.openWorldHint")));
        assert_string_equal(text_at(json, "result.tools.0.inputSchema.type"), "object");
        assert_null(at(json, "result.tools.0.maxConcurrency"));
        assert_null(at(json, "result.nextCursor"));
        json_decref(json);
    }
    json_t *json = ask(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
                               "\"params\":{\"cursor\":\"x\"}}");
    assert_int_equal(json_integer_value(at(json, "error.code")), -32602);
    json_decref(json);
}

static void test_call_params(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *params;
        const char *arguments; /* as the toolhost gets them; NULL: it does not */
        int code;              /* of a JSON-RPC error, 0 for a result */
    } cases[] = {
        {"{\"name\":\"echo\"}", "{}", 0},
        {"{\"name\":\"echo\",\"arguments\":{}}", "{}", 0},
        {"{\"name\":\"echo\",\"arguments\":{\"b\":1,\"a\":[1.5,\"\\u00e9\\u0000\"]}}",
         "{\"b\":1,\"a\":[1.5,\"\xc3\xa9\\u0000\"]}", 0},
        {"{\"name\":\"echo\",\"arguments\":null}", NULL, 0},
        {"{\"name\":\"echo\",\"arguments\":[]}", NULL, 0},
        {"{\"name\":\"echo\",\"arguments\":\"x\"}", NULL, 0},
        {"{\"name\":\"echo\",\"arguments\":{\"n\":123456789012345678901}}", NULL, 0},
        {"{\"name\":\"echo\",\"arguments\":{\"s\":\"\\ud83d\"}}", NULL, 0},
        {"{\"name\":\"nope\",\"arguments\":{}}", NULL, -32602},
        {"{\"name\":\"echo\\u0000\"}", NULL, -32602},
        {"{\"name\":7}", NULL, -32602},
        {"{}", NULL, -32602},
        {"[]", NULL, -32602},
    };
    f->hosts[0].echo = 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char body[256];
        (void)snprintf(body, sizeof(body),
                       "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":%s}",
                       cases[i].params);
        unsigned before = f->hosts[0].ncalls;
        json_t *json = ask(f, body);
        assert_int_equal(json_integer_value(at(json, "id")), 5);
        assert_int_equal(json_integer_value(at(json, "error.code")), cases[i].code);
        assert_int_equal(f->hosts[0].ncalls - before, cases[i].arguments != NULL);
        if (cases[i].arguments) {
            assert_string_equal(text_at(json, "result.content.0.text"), cases[i].arguments);
            assert_true(json_is_false(at(json, "result.isError")));
        } else if (!cases[i].code) {
            assert_true(json_is_true(at(json, "result.isError")));
            assert_true(text_at(json, "result.content.0.text")[0]);
        }
        json_decref(json);
    }
}

static void test_settings(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "{}",
        "{\"mcp\":{\"token\":\"\"},\"ipc_key\":\"k\",\"plugins\":[]}",
        "{\"mcp\":{\"token\":\"t\"},\"plugins\":[]}",
        "{\"mcp\":{\"token\":\"t\"},\"ipc_key\":\"k\"}",
        "{\"mcp\":{\"token\":\"t\"},\"ipc_key\":\"k\",\"plugins\":[{}]}",
        "{\"mcp\":{\"token\":\"t\"},\"ipc_key\":\"k\",\"plugins\":"
        "[{\"id\":\"a\",\"socket\":\"61\",\"service\":2},"
        "{\"id\":\"b\",\"socket\":\"6\",\"service\":3}]}",
        "{\"mcp\":{\"token\":\"t\"},\"ipc_key\":\"k\",\"plugins\":"
        "[{\"id\":\"a\",\"socket\":\"zz\",\"service\":2}]}",
        "{\"mcp\":{\"token\":\"t\"},\"ipc_key\":\"k\",\"plugins\":"
        "[{\"id\":\"a\",\"socket\":\"61\",\"service\":99}]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct hr_mcp *m = NULL;
        json_t *json = json_loads(bad[i], 0, NULL);
        assert_non_null(json);
        assert_int_not_equal(hr_mcp_new(f->loop, json, f->board, &m), 0);
        assert_null(m);
        json_decref(json);
    }
    hr_mcp_free(NULL);
}

int main(void)
{
#define NONE(t) cmocka_unit_test_setup_teardown(t, setup_none, teardown)
#define ONE(t)  cmocka_unit_test_setup_teardown(t, setup_one, teardown)
    const struct CMUnitTest tests[] = {
        NONE(test_host),
        NONE(test_origin),
        NONE(test_token),
        NONE(test_content_type_and_accept),
        NONE(test_version_header),
        NONE(test_paths_and_methods),
        NONE(test_accepted),
        NONE(test_invalid),
        NONE(test_nul_byte),
        NONE(test_initialize),
        NONE(test_ping_and_unknown),
        NONE(test_ids),
        NONE(test_long_ids),
        NONE(test_list_of_none),
        NONE(test_settings),
        ONE(test_list),
        ONE(test_call_params),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
