/* SPDX-License-Identifier: MIT
 * The parts of the MCP endpoint that need neither a client nor a toolhost: messages, lists of
 * tools, results. */
#include "check.h"
#include "common/buf.h"
#include "common/frame.h"
#include "common/json_values.h"
#include "sidecar/mcp/json.h"
#include "sidecar/mcp/result.h"
#include "sidecar/mcp/rpc.h"
#include "sidecar/mcp/stats.h"
#include "sidecar/mcp/tools.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- messages --- */

static void test_message_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum hr_mcp_kind kind;
        int code;
        int has_id;
    } cases[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"ping\"}", HR_MCP_REQUEST, 0, 1},
        {"{\"jsonrpc\":\"2.0\",\"id\":\"\",\"method\":\"ping\"}", HR_MCP_REQUEST, 0, 1},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}", HR_MCP_NOTIFY, 0, 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", HR_MCP_REPLY, 0, 1},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}", HR_MCP_REPLY, 0, 1},
        {"{\"jsonrpc\":\"2.0\",\"id\":1}", HR_MCP_INVALID, -32600, 1},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", HR_MCP_INVALID, -32600, 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", HR_MCP_INVALID, -32600, 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}", HR_MCP_INVALID, -32600, 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}", HR_MCP_INVALID, -32600, 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", HR_MCP_INVALID, -32600, 1},
        {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", HR_MCP_INVALID, -32600, 1},
        {"{\"id\":1,\"method\":\"ping\"}", HR_MCP_INVALID, -32600, 1},
        {"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", HR_MCP_INVALID, -32600, 0},
        {"[]", HR_MCP_INVALID, -32600, 0},
        {"{}", HR_MCP_INVALID, -32600, 0},
        {"7", HR_MCP_INVALID, -32600, 0},
        {"null", HR_MCP_INVALID, -32600, 0},
        {"\"x\"", HR_MCP_INVALID, -32600, 0},
        {"", HR_MCP_INVALID, -32700, 0},
        {"{\"a\":1,\"a\":2}", HR_MCP_INVALID, -32700, 0},
        {"{\"a\":\"\xff\"}", HR_MCP_INVALID, -32700, 0},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} x", HR_MCP_INVALID, -32700, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct hr_mcp_message m;
        hr_mcp_message_parse(cases[i].body, strlen(cases[i].body), &m);
        if (m.kind != cases[i].kind)
            fail_msg("case %zu: kind %d: %s", i, (int)m.kind, cases[i].body);
        assert_int_equal(m.id != NULL, cases[i].has_id);
        if (m.kind == HR_MCP_INVALID) {
            assert_int_equal(m.code, cases[i].code);
            assert_true(m.why[0]);
        }
        hr_mcp_message_free(&m);
    }
}

static void test_message_deep(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    char *body = malloc(DEEP);
    assert_non_null(body);
    memset(body, '[', DEEP);
    struct hr_mcp_message m;
    hr_mcp_message_parse(body, DEEP, &m);
    assert_int_equal(m.kind, HR_MCP_INVALID);
    assert_int_equal(m.code, -32700);
    hr_mcp_message_free(&m);
    free(body);
}

static void test_message_big_integers(void **state)
{
    (void)state;
    struct hr_mcp_message m;
    const char *body = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\","
                       "\"params\":{\"arguments\":{\"n\":123456789012345678901234567890}}}";
    hr_mcp_message_parse(body, strlen(body), &m);
    assert_int_equal(m.kind, HR_MCP_REQUEST);
    assert_true(m.lossy);
    assert_int_equal(json_integer_value(m.id), 7);
    hr_mcp_message_free(&m);

    /* More digits than any number has; and an id that needs all of its 64 bits. */
    char digits[402];
    char text[1000];
    memset(digits, '9', sizeof(digits) - 1);
    digits[sizeof(digits) - 1] = '\0';
    (void)snprintf(
        text, sizeof(text),
        "{\"id\":9223372036854775807,\"method\":\"m\",\"params\":{\"s\":\"\\\"%.30s\\\\\","
        "\"n\":[-%s,1e999,-9223372036854775808,1.5e-999,9223372036854775808,7]},"
        "\"jsonrpc\":\"2.0\"}",
        digits, digits);
    hr_mcp_message_parse(text, strlen(text), &m);
    assert_int_equal(m.kind, HR_MCP_REQUEST);
    assert_true(m.lossy);
    assert_true(json_integer_value(m.id) == INT64_MAX);
    (void)snprintf(text, sizeof(text), "\"%.30s\\", digits);
    assert_string_equal(json_string_value(json_object_get(m.params, "s")), text);
    const json_t *n = json_object_get(m.params, "n");
    assert_true(json_real_value(json_array_get(n, 0)) == 0 && json_is_real(json_array_get(n, 0)));
    assert_true(json_integer_value(json_array_get(n, 2)) == INT64_MIN);
    assert_true(json_is_real(json_array_get(n, 4)));
    assert_int_equal(json_integer_value(json_array_get(n, 5)), 7);
    hr_mcp_message_free(&m);

    /* An id that cannot be kept exactly cannot be used. */
    body = "{\"jsonrpc\":\"2.0\",\"id\":123456789012345678901234567890,\"method\":\"ping\"}";
    hr_mcp_message_parse(body, strlen(body), &m);
    assert_int_equal(m.kind, HR_MCP_INVALID);
    assert_null(m.id);
    hr_mcp_message_free(&m);
}

/* An array of that many values, itself included, appended. */
static void add_values(struct hr_buf *b, int n)
{
    assert_int_equal(hr_buf_adds(b, "[1"), 0);
    for (int i = 2; i < n; i++)
        assert_int_equal(hr_buf_adds(b, ",1"), 0);
    assert_int_equal(hr_buf_adds(b, "]"), 0);
}

/* How many of them there are in such a piece of a message. */
static int values_in(const char *piece)
{
    int n = 0;
    for (; *piece; piece++)
        n += *piece == ',' || *piece == '{';
    return n;
}

/* A message of HR_JSON_VALUES_MAX values and `more`, most of them between head and tail. */
static struct hr_mcp_message message_of(int more, const char *head, const char *tail)
{
    struct hr_buf b;
    struct hr_mcp_message m;
    hr_buf_init(&b, HR_FRAME_MAX);
    assert_int_equal(hr_buf_adds(&b, head), 0);
    add_values(&b, HR_JSON_VALUES_MAX + more - values_in(head) - values_in(tail));
    assert_int_equal(hr_buf_adds(&b, tail), 0);
    hr_mcp_message_parse(b.data, b.len, &m);
    hr_buf_free(&b);
    return m;
}

#define CALL "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"arguments\","

static void test_message_many_values(void **state)
{
    (void)state;
    static const char tail[] = "},\"_meta\":{\"arguments\":{\"b\":1}}},\"id\":7}";
    static const char *const heads[] = {
        CALL "\"arguments\":{\"a\":",
        CALL "\"x\":{\"arguments\":{\"c\":1}},\"arguments\" : \t{\"arguments\":{},\"a}\":",
    };
    for (size_t i = 0; i < 2; i++) {
        struct hr_mcp_message m = message_of(0, heads[i], tail);
        assert_int_equal(m.kind, HR_MCP_REQUEST);
        assert_null(m.lossy);
        assert_int_equal(json_object_size(json_object_get(m.params, "arguments")), i + 1);
        hr_mcp_message_free(&m);

        m = message_of(1, heads[i], tail); /* everything is there but the arguments */
        assert_int_equal(m.kind, HR_MCP_REQUEST);
        assert_non_null(strstr(m.lossy, "The arguments hold more than 500000 JSON values"));
        assert_int_equal(json_integer_value(m.id), 7);
        assert_string_equal(json_string_value(json_object_get(m.params, "name")), "arguments");
        assert_int_equal(json_object_size(json_object_get(m.params, "arguments")), 0);
        const json_t *meta = json_object_get(m.params, i ? "x" : "_meta");
        assert_int_equal(json_object_size(json_object_get(meta, "arguments")), 1);
        hr_mcp_message_free(&m);
    }

    static const char *const others[][2] = {
        /* they are somewhere else */
        {"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"m\",\"params\":{\"a\":", "}}"},
        {CALL "\"arguments\":{},\"a\":", "},\"id\":7}"},
        {"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"m\",\"params\":[\"arguments\",{\"a\":", "}]}"},
        {CALL "\"arguments\":", "},\"id\":7}"},
        {"", ""},
        /* it does not end */
        {CALL "\"arguments\":{\"a\":", ""},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        struct hr_mcp_message m = message_of(1, others[i][0], others[i][1]);
        assert_int_equal(m.kind, HR_MCP_INVALID);
        assert_int_equal(m.code, -32600);
        assert_string_equal(m.why, "the message holds more than 500000 JSON values");
        hr_mcp_message_free(&m);
    }
}

/* JSON allows half of a pair; jansson does not. */
static void test_message_half_characters(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int lossy, bad;
    } cases[] = {
        {"\"\\ud83d\"", 1, 0},
        {"\"\\uDE00x\"", 1, 0},
        {"\"\\ude00\\ud83d\"", 1, 0},
        {"\"\\ud83d\\ud83d\\ude00\"", 1, 0},
        {"[\"\\\\\\\"\",\"\\udfff\",1e999]", 1, 0},
        {"\"\\ud83d\\ude00\"", 0, 0},
        {"\"\\\\ud83d\"", 0, 0},
        {"\"\\ud7ff\\ue000\"", 0, 0},
        {"{\"\\ud83d\":1}", 0, 1}, /* the name of a member cannot be left out */
        {"\"\\ud83\"", 0, 1},
        {"\"\\ud83x\"", 0, 1},
        {"\"\\ud83d", 0, 1},
        {"\"\\ud83d\\", 0, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[200];
        struct hr_mcp_message m;
        (void)snprintf(
            text, sizeof(text),
            "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"a\":%s}}",
            cases[i].value);
        hr_mcp_message_parse(text, strlen(text), &m);
        if (m.kind != (cases[i].bad ? HR_MCP_INVALID : HR_MCP_REQUEST))
            fail_msg("case %zu: kind %d: %s", i, (int)m.kind, text);
        assert_int_equal(m.lossy != NULL, cases[i].lossy);
        hr_mcp_message_free(&m);
    }

    /* What is left of one is no id. */
    struct hr_mcp_message m;
    const char *body = "{\"jsonrpc\":\"2.0\",\"id\":\"\\ud83d\",\"method\":\"ping\"}";
    hr_mcp_message_parse(body, strlen(body), &m);
    assert_int_equal(m.kind, HR_MCP_INVALID);
    assert_null(m.id);
    hr_mcp_message_free(&m);
}

/* --- lists of tools --- */

static int parse(const char *json, struct hr_mcp_tools **ret, char *why, size_t size)
{
    return hr_mcp_tools_parse(json, strlen(json), ret, why, size);
}

static void test_tools_good(void **state)
{
    (void)state;
    struct hr_mcp_tools *tools = NULL;
    char why[160] = "";
    assert_int_equal(
        parse("{\"plugin\":{\"id\":\"p\",\"version\":\"2.0.1\"},\"tools\":["
              "{\"name\":\"a-B_9\",\"title\":\"A\",\"description\":\"d\",\"inputSchema\":"
              "{\"type\":\"object\",\"$defs\":{}},\"outputSchema\":{\"type\":\"object\"},"
              "\"annotations\":{\"readOnlyHint\":true},\"maxConcurrency\":3,\"timeoutMs\":1500},"
              "{\"name\":\"b\",\"inputSchema\":{\"type\":\"object\"},\"timeoutMs\":0,"
              "\"annotations\":{\"readOnlyHint\":1,\"idempotentHint\":false}},"
              "{\"name\":\"c\",\"inputSchema\":{\"type\":\"object\"},\"timeoutMs\":99999999,"
              "\"annotations\":{\"readOnlyHint\":false,\"idempotentHint\":true}}]}",
              &tools, why, sizeof(why)),
        0);
    assert_int_equal(tools->n, 3);
    assert_string_equal(tools->version, "2.0.1");
    assert_int_equal(tools->tool[0].timeout_ms, 1500);
    assert_int_equal(tools->tool[1].timeout_ms, HR_MCP_TIMEOUT_DEFAULT_MS);
    assert_int_equal(tools->tool[2].timeout_ms, HR_MCP_TIMEOUT_MAX_MS);
    assert_true(tools->tool[0].structured);
    assert_false(tools->tool[1].structured);
    assert_true(tools->tool[0].repeatable);
    assert_false(tools->tool[1].repeatable);
    assert_true(tools->tool[2].repeatable);
    assert_null(json_object_get(tools->tool[0].entry, "timeoutMs"));
    assert_null(json_object_get(tools->tool[0].entry, "maxConcurrency"));
    assert_int_equal(json_object_size(tools->tool[0].entry), 6);
    assert_int_equal(json_object_size(tools->tool[1].entry), 3);
    assert_ptr_equal(hr_mcp_tools_find(tools, "b", 1), &tools->tool[1]);
    assert_null(hr_mcp_tools_find(tools, "bb", 2));
    hr_mcp_tools_free(tools);
}

static void test_tools_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"tools\":{}}",
        "{\"tools\":[1]}",
        "{\"tools\":[{}]}",
        "{\"tools\":[{\"name\":\"\",\"inputSchema\":{\"type\":\"object\"}}]}",
        "{\"tools\":[{\"name\":\"a.b\",\"inputSchema\":{\"type\":\"object\"}}]}",
        "{\"tools\":[{\"name\":\"\xc3\xa9\",\"inputSchema\":{\"type\":\"object\"}}]}",
        "{\"tools\":[{\"name\":\"a\"}]}",
        "{\"tools\":[{\"name\":\"a\",\"inputSchema\":{}}]}",
        "{\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"type\":\"array\"}}]}",
        "{\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"},\"outputSchema\":{}}]}",
        "{\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"},\"title\":null}]}",
        "{\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"},\"description\":1}]}",
        "{\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"},\"annotations\":[]}]}",
        "{\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"},\"timeoutMs\":\"1\"}]}",
        "{\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"}},"
        "{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"}}]}",
        "{\"tools\":[{\"name\":"
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
        "\"inputSchema\":{\"type\":\"object\"}}]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct hr_mcp_tools *tools = NULL;
        char why[160] = "";
        assert_int_equal(parse(bad[i], &tools, why, sizeof(why)), -EPROTO);
        assert_null(tools);
        assert_true(why[0]);
    }
}

static void test_tools_too_many(void **state)
{
    (void)state;
    struct hr_mcp_tools *tools = NULL;
    struct hr_buf b;
    char why[160];
    hr_buf_init(&b, 1024 * 1024);
    assert_int_equal(hr_buf_adds(&b, "{\"tools\":["), 0);
    for (int i = 0; i <= HR_MCP_MAX_TOOLS; i++)
        assert_int_equal(hr_buf_addf(&b,
                                     "%s{\"name\":\"t%d\",\"inputSchema\":{\"type\":\"object\"}}",
                                     i ? "," : "", i),
                         0);
    assert_int_equal(hr_buf_adds(&b, "]}"), 0);
    assert_int_equal(hr_mcp_tools_parse(b.data, b.len, &tools, why, sizeof(why)), -EPROTO);
    hr_buf_free(&b);
}

static void test_tools_too_large(void **state)
{
    enum { TOOLS = 13, VALUES = 19500 };
    (void)state;
    struct hr_mcp_tools *tools = NULL;
    struct hr_buf b;
    char why[160];
    hr_buf_init(&b, 1024 * 1024);
    assert_int_equal(hr_buf_adds(&b, "{\"tools\":["), 0);
    for (int i = 0; i < TOOLS; i++) {
        assert_int_equal(hr_buf_addf(&b,
                                     "%s{\"name\":\"t%d\",\"inputSchema\":"
                                     "{\"type\":\"object\",\"enum\":[\"[{,\\\",\"",
                                     i ? "," : "", i),
                         0);
        for (int k = 1; k < VALUES - i; k++)
            assert_int_equal(hr_buf_adds(&b, ",0"), 0);
        assert_int_equal(hr_buf_adds(&b, "]}}"), 0);
    }
    assert_int_equal(hr_buf_adds(&b, "]}"), 0);
    assert_int_equal(hr_mcp_tools_parse(b.data, b.len, &tools, why, sizeof(why)), -EPROTO);
    assert_string_equal(why, "more than 250000 JSON values: give it fewer or simpler tools");
    hr_buf_free(&b);
}

/* --- results --- */

struct part {
    enum hr_part_kind kind;
    const char *data;
    size_t len; /* 0: strlen */
};

static json_t *result(int32_t status, const struct part *parts, size_t n, int structured,
                      enum hr_mcp_outcome want)
{
    struct hr_buf b;
    enum hr_mcp_outcome got;
    hr_buf_init(&b, HR_FRAME_MAX);
    assert_int_equal(hr_buf_add(&b, &status, sizeof(status)), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(hr_part_add(&b, parts[i].kind, parts[i].data,
                                     parts[i].len ? parts[i].len : strlen(parts[i].data)),
                         0);
    assert_int_equal(hr_mcp_result_check(b.data, b.len), 0);
    json_t *json = hr_mcp_result("tool", b.data, b.len, structured, &got);
    hr_buf_free(&b);
    assert_non_null(json);
    assert_int_equal(got, want);
    assert_int_equal(json_is_true(json_object_get(json, "isError")), want != HR_MCP_OK);
    /* Whatever happens: there is content, and the first of it is text. */
    const json_t *first = json_array_get(json_object_get(json, "content"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "type")), "text");
    assert_non_null(json_string_value(json_object_get(first, "text")));
    return json;
}

static const char *member(const json_t *json, size_t block, const char *key)
{
    const json_t *b = json_array_get(json_object_get(json, "content"), block);
    const char *text = json_string_value(json_object_get(b, key));
    return text ? text : "";
}

static size_t nblocks(const json_t *json)
{
    return json_array_size(json_object_get(json, "content"));
}

static void test_result_text(void **state)
{
    (void)state;
    const struct part two[] = {{HR_PART_TEXT, "one", 0}, {HR_PART_TEXT, "zw\xc3\xb6lf", 0}};
    json_t *json = result(0, two, 2, 0, HR_MCP_OK);
    assert_int_equal(nblocks(json), 2);
    assert_string_equal(member(json, 0, "text"), "one");
    assert_string_equal(member(json, 1, "text"), "zw\xc3\xb6lf");
    assert_null(json_object_get(json, "structuredContent"));
    json_decref(json);

    const struct part dirty[] = {{HR_PART_TEXT, "a\xff\x62", 0}};
    json = result(0, dirty, 1, 0, HR_MCP_OK);
    assert_string_equal(member(json, 0, "text"), "a\xef\xbf\xbd\x62");
    json_decref(json);

    const struct part nul[] = {{HR_PART_TEXT, "a\0b", 3}};
    json = result(0, nul, 1, 0, HR_MCP_OK);
    const json_t *block = json_array_get(json_object_get(json, "content"), 0);
    assert_int_equal(json_string_length(json_object_get(block, "text")), 3);
    json_decref(json);

    json = result(0, NULL, 0, 0, HR_MCP_OK);
    assert_int_equal(nblocks(json), 1);
    assert_string_equal(member(json, 0, "text"), "The tool \"tool\" finished without output.");
    json_decref(json);
}

static void test_result_blobs(void **state)
{
    (void)state;
    const struct part parts[] = {
        {HR_PART_BLOB, "image/png\0\x89PNG", 14}, {HR_PART_BLOB, "Audio/wav\0ab", 12},
        {HR_PART_BLOB, "application/pdf\0f", 17}, {HR_PART_BLOB, "\0\xfb\xff\xfe", 4},
        {HR_PART_BLOB, "text/plain\0", 11},
    };
    json_t *json = result(0, parts, 5, 0, HR_MCP_OK);
    assert_int_equal(nblocks(json), 6);
    assert_string_equal(member(json, 1, "type"), "image");
    assert_string_equal(member(json, 1, "data"), "iVBORw==");
    assert_string_equal(member(json, 1, "mimeType"), "image/png");
    assert_string_equal(member(json, 2, "type"), "audio");
    assert_string_equal(member(json, 2, "data"), "YWI=");
    const json_t *resource =
        json_object_get(json_array_get(json_object_get(json, "content"), 3), "resource");
    assert_string_equal(member(json, 3, "type"), "resource");
    assert_string_equal(json_string_value(json_object_get(resource, "mimeType")),
                        "application/pdf");
    assert_string_equal(json_string_value(json_object_get(resource, "blob")), "Zg==");
    assert_string_equal(json_string_value(json_object_get(resource, "uri")),
                        "handrail://tools/tool/3");
    resource = json_object_get(json_array_get(json_object_get(json, "content"), 4), "resource");
    assert_string_equal(json_string_value(json_object_get(resource, "mimeType")),
                        "application/octet-stream");
    assert_string_equal(json_string_value(json_object_get(resource, "blob")), "+//+");
    resource = json_object_get(json_array_get(json_object_get(json, "content"), 5), "resource");
    assert_string_equal(json_string_value(json_object_get(resource, "blob")), "");
    json_decref(json);
}

/* Text where it says so and is; bytes otherwise. */
static void test_result_resources(void **state)
{
    (void)state;
#define BYTES(literal) (literal), sizeof(literal) - 1
    static const struct {
        const char *data;
        size_t len;
        const char *mime, *text, *blob;
    } cases[] = {
        {BYTES("a:b\0text/plain\0hi"), "text/plain", "hi", NULL},
        {BYTES("a:b\0text/plain\0\xff"), "text/plain", NULL, "/w=="},
        {BYTES("a:b\0Application/JSON; x=y\0{}"), "Application/JSON; x=y", "{}", NULL},
        {BYTES("a:b\0application/ld+json\0{}"), "application/ld+json", "{}", NULL},
        {BYTES("a:b\0application/jsonx\0{}"), "application/jsonx", NULL, "e30="},
        {BYTES("a:b\0image/png\0P"), "image/png", NULL, "UA=="},
        {BYTES("a:b\0\0"), "", NULL, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct part part = {HR_PART_RESOURCE, cases[i].data, cases[i].len};
        json_t *json = result(0, &part, 1, 0, HR_MCP_OK);
        const json_t *r =
            json_object_get(json_array_get(json_object_get(json, "content"), 1), "resource");
        assert_string_equal(member(json, 1, "type"), "resource");
        assert_string_equal(json_string_value(json_object_get(r, "uri")), "a:b");
        assert_string_equal(json_string_value(json_object_get(r, "mimeType")), cases[i].mime);
        assert_int_equal(json_object_get(r, "text") != NULL, cases[i].text != NULL);
        assert_int_equal(json_object_get(r, "blob") != NULL, cases[i].blob != NULL);
        if (cases[i].text)
            assert_string_equal(json_string_value(json_object_get(r, "text")), cases[i].text);
        else
            assert_string_equal(json_string_value(json_object_get(r, "blob")), cases[i].blob);
        json_decref(json);
    }
}

static void test_result_json(void **state)
{
    (void)state;
    const struct part only[] = {{HR_PART_JSON, "{\"a\": 1}", 0}};
    json_t *json = result(0, only, 1, 1, HR_MCP_OK);
    assert_string_equal(member(json, 0, "text"), "{\"a\": 1}");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "structuredContent"), "a")), 1);
    json_decref(json);

    const struct part both[] = {{HR_PART_JSON, "{\"a\":1}", 0}, {HR_PART_TEXT, "said", 0}};
    json = result(0, both, 2, 0, HR_MCP_OK);
    assert_int_equal(nblocks(json), 1);
    assert_string_equal(member(json, 0, "text"), "said");
    assert_non_null(json_object_get(json, "structuredContent"));
    json_decref(json);

    /* Not an object: the client could not parse it, so it is text only. */
    const struct part list[] = {{HR_PART_JSON, "[1,2]", 0}};
    json = result(0, list, 1, 0, HR_MCP_OK);
    assert_string_equal(member(json, 0, "text"), "[1,2]");
    assert_null(json_object_get(json, "structuredContent"));
    json_decref(json);

    const struct part big[] = {{HR_PART_JSON, "{\"n\":123456789012345678901}", 0}};
    json = result(0, big, 1, 0, HR_MCP_OK);
    assert_string_equal(member(json, 0, "text"), "{\"n\":123456789012345678901}");
    assert_null(json_object_get(json, "structuredContent"));
    json_decref(json);
}

/* A toolhost sends none; who is in its place is not believed. */
static void test_result_many_values(void **state)
{
    (void)state;
    struct hr_buf b;
    hr_buf_init(&b, HR_FRAME_MAX);
    assert_int_equal(hr_buf_adds(&b, "{\"a\":"), 0);
    add_values(&b, HR_JSON_VALUES_MAX);
    assert_int_equal(hr_buf_adds(&b, "}"), 0);
    const struct part parts[] = {{HR_PART_JSON, b.data, b.len}};
    json_t *json = result(0, parts, 1, 0, HR_MCP_OK);
    assert_string_equal(member(json, 0, "text"), hr_buf_str(&b));
    assert_null(json_object_get(json, "structuredContent"));
    json_decref(json);
    hr_buf_free(&b);
}

static void test_result_broken_promise(void **state)
{
    (void)state;
    const struct part text[] = {{HR_PART_TEXT, "said", 0}};
    json_t *json = result(0, text, 1, 1, HR_MCP_ERROR);
    assert_non_null(strstr(member(json, 0, "text"), "output schema"));
    assert_string_equal(member(json, 1, "text"), "said");
    json_decref(json);

    const struct part list[] = {{HR_PART_JSON, "[1]", 0}};
    json = result(0, list, 1, 1, HR_MCP_ERROR);
    assert_non_null(strstr(member(json, 0, "text"), "output schema"));
    assert_string_equal(member(json, 1, "text"), "[1]");
    json_decref(json);

    const struct part rubbish[] = {{HR_PART_JSON, "{\"a\":", 0}};
    json = result(0, rubbish, 1, 0, HR_MCP_ERROR);
    assert_non_null(strstr(member(json, 0, "text"), "not JSON"));
    assert_null(json_object_get(json, "structuredContent"));
    json_decref(json);
}

static void test_result_failures(void **state)
{
    (void)state;
    const struct part parts[] = {{HR_PART_BLOB, "image/png\0x", 11},
                                 {HR_PART_ERROR, "no such file: /x", 0}};
    json_t *json = result(-9, parts, 2, 1, HR_MCP_ERROR);
    assert_string_equal(member(json, 0, "text"), "no such file: /x");
    assert_string_equal(member(json, 1, "type"), "image");
    json_decref(json);

    const struct part output[] = {{HR_PART_JSON, "{\"half\":1}", 0}};
    json = result(-1, output, 1, 1, HR_MCP_ERROR);
    assert_string_equal(member(json, 0, "text"),
                        "The tool \"tool\" failed: the arguments are not what the tool accepts.");
    assert_string_equal(member(json, 1, "text"), "{\"half\":1}");
    assert_null(json_object_get(json, "structuredContent"));
    json_decref(json);

    static const struct {
        int32_t status;
        enum hr_mcp_outcome outcome;
    } cases[] = {{-2, HR_MCP_ERROR},       {-3, HR_MCP_ERROR},    {-4, HR_MCP_CANCELLED},
                 {-5, HR_MCP_TIMEOUT},     {-6, HR_MCP_ERROR},    {-7, HR_MCP_ERROR},
                 {-8, HR_MCP_ERROR},       {-9, HR_MCP_ERROR},    {-10, HR_MCP_ERROR},
                 {1, HR_MCP_ERROR},        {12345, HR_MCP_ERROR}, {INT32_MIN, HR_MCP_ERROR},
                 {INT32_MAX, HR_MCP_ERROR}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json = result(cases[i].status, NULL, 0, 0, cases[i].outcome);
        assert_int_equal(nblocks(json), 1);
        json_decref(json);
    }
    json = hr_mcp_result_error("because \xff");
    assert_string_equal(member(json, 0, "text"), "because \xef\xbf\xbd");
    assert_true(json_is_true(json_object_get(json, "isError")));
    json_decref(json);
}

static void test_result_malformed(void **state)
{
    (void)state;
    char payload[64] = {0};
    assert_int_equal(hr_mcp_result_check(payload, 0), -EPROTO);
    assert_int_equal(hr_mcp_result_check(payload, 3), -EPROTO);
    assert_int_equal(hr_mcp_result_check(payload, 4), 0);
    assert_int_equal(hr_mcp_result_check(payload, 5), -EPROTO);
    assert_int_equal(hr_mcp_result_check(payload, 12), -EPROTO); /* a part of kind 0 */

    struct hr_frame_part part = {.kind = HR_PART_TEXT, .len = 100};
    memcpy(payload + 4, &part, sizeof(part));
    assert_int_equal(hr_mcp_result_check(payload, 20), -EPROTO); /* longer than the frame */

    part = (struct hr_frame_part){.kind = HR_PART_BLOB, .len = 2};
    memcpy(payload + 4, &part, sizeof(part));
    memcpy(payload + 12, "xy", 2);
    assert_int_equal(hr_mcp_result_check(payload, 14), -EPROTO); /* no media type */

    part = (struct hr_frame_part){.kind = HR_PART_RESOURCE, .len = 4};
    memcpy(payload + 4, &part, sizeof(part));
    memcpy(payload + 12, "a:b", 4);
    assert_int_equal(hr_mcp_result_check(payload, 16), -EPROTO); /* no media type after its URI */
    memcpy(payload + 12, "a:\0\0", 4);
    assert_int_equal(hr_mcp_result_check(payload, 16), 0);

    for (uint32_t kind = HR_PART_JSON; kind <= HR_PART_ERROR; kind++) {
        part = (struct hr_frame_part){.kind = kind, .len = 0};
        memcpy(payload + 4, &part, sizeof(part));
        memcpy(payload + 12, &part, sizeof(part));
        assert_int_equal(hr_mcp_result_check(payload, 12), 0);
        assert_int_equal(hr_mcp_result_check(payload, 20), -EPROTO); /* twice */
    }
}

/* --- answers, counters --- */

/* It must be what jansson would write, wherever there is room for it, and nothing elsewhere. */
static void written_as_by_jansson(const char *text, bool ascii)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(json);
    char *right =
        json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | (ascii ? JSON_ENSURE_ASCII : 0));
    assert_non_null(right);
    for (size_t room = 0; room <= strlen(right); room++) {
        struct hr_buf b;
        hr_buf_init(&b, 1 + room);
        assert_int_equal(hr_buf_adds(&b, "x"), 0);
        int err = hr_mcp_json_add(&b, json, ascii);
        assert_int_equal(err, room == strlen(right) ? 0 : -E2BIG);
        assert_string_equal(b.data + 1, err ? "" : right);
        assert_int_equal(b.len, strlen(b.data));
        hr_buf_free(&b);
    }
    free(right);
    json_decref(json);
}

static void test_json_add(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "{ \"a\" : [ ] , \"b\" : { \"c\" : [ 1 , [ 2 , { } ] , 3 ] } , \"\" : null }",
        "[true, false, null, \"\"]",
        "[0, -0, 7, 10, -1, -10, 9223372036854775807, -9223372036854775808]",
        "[0.0, 1.0, -1.5, 0.1, 1e300, -1e-300, 5e-324, 123456789012345678901.0]",
        "[\"a\\u0000b\", \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f \x7f\"]",
        "{\"\\n\\\"\\u00fc\": \"gr\xc3\xbc\xc3\x9f\"}",
        "[\"\\u0080\\u07ff\\u0800\\ud7ff\\ue000\\uffff\"]",
        "[\"\\ud800\\udc00 \\udbff\\udfff \xf0\x9f\x98\x80\"]",
        "\"a string\"",
        "17",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        written_as_by_jansson(texts[i], false);
        written_as_by_jansson(texts[i], true);
    }
}

static void test_errors(void **state)
{
    (void)state;
    struct hr_buf b;
    hr_buf_init(&b, 4096);
    assert_int_equal(hr_mcp_add_error(&b, NULL, -32700, "sch\xc3\xb6n \xff", NULL), 0);
    assert_string_equal(b.data, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,"
                                "\"message\":\"sch\\u00F6n \\uFFFD\"}}");
    hr_buf_reset(&b);
    json_t *id = json_integer(INT64_MIN);
    assert_int_equal(hr_mcp_add_error(&b, id, -1, "m", json_object()), 0);
    assert_string_equal(b.data, "{\"jsonrpc\":\"2.0\",\"id\":-9223372036854775808,"
                                "\"error\":{\"code\":-1,\"message\":\"m\",\"data\":{}}}");
    json_decref(id);
    hr_buf_free(&b);
}

static void test_stats_bounded(void **state)
{
    (void)state;
    struct hr_mcp_plugin_stats s = {0};
    struct hr_mcp_tool_stats *first = hr_mcp_stats_tool(&s, "t0");
    for (int i = 0; i < 10 * HR_MCP_MAX_TOOL_STATS; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "t%d", i);
        assert_non_null(hr_mcp_stats_tool(&s, name));
    }
    assert_int_equal(s.ntools, HR_MCP_MAX_TOOL_STATS);
    assert_ptr_equal(hr_mcp_stats_tool(&s, "t0"), first);
    assert_string_equal(hr_mcp_stats_tool(&s, "never seen")->name, "other");
    assert_ptr_equal(hr_mcp_stats_tool(&s, "never seen"), hr_mcp_stats_tool(&s, "other"));
    hr_mcp_stats_free(&s);
}

static unsigned named(const struct hr_mcp_plugin_stats *s)
{
    unsigned n = 0;
    for (const struct hr_mcp_tool_stats *t = s->tools; t; t = t->next)
        n += !t->folded;
    return n;
}

static void add_tools(struct hr_mcp_plugin_stats *s, int n)
{
    for (int i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "t%d", i);
        assert_non_null(hr_mcp_stats_tool(s, name));
    }
}

/* Series are shared out: nobody gets none, and what is given back can be had again. */
static void test_series_shared(void **state)
{
    (void)state;
    unsigned shared = 0;
    struct hr_mcp_plugin_stats greedy = {.shared = &shared};
    struct hr_mcp_plugin_stats late = {.shared = &shared};
    struct hr_mcp_plugin_stats alone = {0};
    assert_true(hr_mcp_stats_tool(&greedy, HR_MCP_OTHER_TOOLS)->folded);
    add_tools(&greedy, 2 * HR_MCP_MAX_TOOLS - 1);
    assert_int_equal(named(&greedy), HR_MCP_MAX_TOOLS);
    assert_int_equal(shared, HR_MCP_SHARED_SERIES);
    add_tools(&late, 100);
    assert_int_equal(named(&late), HR_MCP_OWN_SERIES);
    assert_false(hr_mcp_stats_tool(&late, "t0")->folded);
    assert_true(hr_mcp_stats_tool(&late, "t99")->folded);
    hr_mcp_stats_free(&greedy);
    assert_int_equal(shared, 0);
    assert_true(hr_mcp_stats_tool(&late, "t99")->folded); /* it stays what it was */
    assert_false(hr_mcp_stats_tool(&late, "t100")->folded);
    assert_int_equal(shared, 1);
    hr_mcp_stats_free(&late);
    assert_int_equal(shared, 0);
    add_tools(&alone, 20);
    assert_int_equal(named(&alone), HR_MCP_OWN_SERIES);
    hr_mcp_stats_free(&alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_kinds),
        cmocka_unit_test(test_message_deep),
        cmocka_unit_test(test_message_big_integers),
        cmocka_unit_test(test_message_many_values),
        cmocka_unit_test(test_message_half_characters),
        cmocka_unit_test(test_tools_good),
        cmocka_unit_test(test_tools_bad),
        cmocka_unit_test(test_tools_too_many),
        cmocka_unit_test(test_tools_too_large),
        cmocka_unit_test(test_result_text),
        cmocka_unit_test(test_result_blobs),
        cmocka_unit_test(test_result_resources),
        cmocka_unit_test(test_result_json),
        cmocka_unit_test(test_result_many_values),
        cmocka_unit_test(test_result_broken_promise),
        cmocka_unit_test(test_result_failures),
        cmocka_unit_test(test_result_malformed),
        cmocka_unit_test(test_json_add),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_stats_bounded),
        cmocka_unit_test(test_series_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
