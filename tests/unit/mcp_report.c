/* SPDX-License-Identifier: MIT
 * What the MCP endpoint tells of its plugins: what they say of their own health, and /plugins. */
#include "mcp_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* p0 has a health(), p1 has none. */
static const char *const hosts[] = {
    "{\"plugin\":{\"id\":\"p0\",\"version\":\"1.2.3\",\"health\":true},\"tools\":[" ECHO_TOOL(
        "echo", "") "]}",
    TOOLS("p1", ECHO_TOOL("other", "")),
};

static int setup(void **state)
{
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, 2, hosts);
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up && f->mcp->plugins[1]->worker.conn.is_up);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

/* --- health --- */

static void say(struct fixture *f, int32_t status, const char *reason)
{
    char payload[1024];
    memcpy(payload, &status, sizeof(status));
    memcpy(payload + sizeof(status), reason, strlen(reason));
    host_send(&f->hosts[0], HR_FRAME_HEALTH, 0, payload, sizeof(status) + strlen(reason));
    run_for(f, 10);
}

static void ok(struct fixture *f, const char *id)
{
    char why[300] = "";
    if (hr_mcp_plugin_ok(f->mcp, id, why, sizeof(why)))
        fail_msg("%s is not ok: %s", id, why);
}

static void not_ok(struct fixture *f, const char *reason)
{
    char why[600];
    assert_int_equal(hr_mcp_plugin_ok(f->mcp, "p0", why, sizeof(why)), -EAGAIN);
    assert_string_equal(why, reason);
    json_t *json = hr_mcp_status(f->mcp);
    assert_true(json_is_false(at(json, "0.ok")));
    assert_string_equal(text_at(json, "0.reason"), reason);
    assert_true(json_is_true(at(json, "1.ok")));
    json_decref(json);
}

static void test_health(void **state)
{
    struct fixture *f = *state;
    ok(f, "p1");
    not_ok(f, "its health() has not answered yet");
    say(f, 0, "");
    ok(f, "p0");
    say(f, -8, "the database is away");
    not_ok(f, "it says that it cannot work: the database is away");
    say(f, -9, "");
    not_ok(f, "it says that it cannot work: no reason given");
    say(f, 0, "");
    ok(f, "p0");
    ok(f, "p1");
}

static void test_its_tools_can_be_called(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r;
    say(f, -8, "away");
    f->hosts[0].echo = 1;
    call(f, &r, "1", "echo", "{\"a\":1}");
    UNTIL(f, r.dead);
    json_t *json = req_json(&r);
    assert_string_equal(text_at(json, "result.content.0.text"), "{\"a\":1}");
    json_decref(json);
    req_free(&r);
}

/* What a life has said counts for the next one no more. */
static void test_a_new_life(void **state)
{
    struct fixture *f = *state;
    for (int32_t status = -8; status <= 0; status += 8) {
        unsigned hellos = f->hosts[0].hellos;
        say(f, status, "x");
        host_die(&f->hosts[0]);
        UNTIL(f, f->hosts[0].hellos > hellos && f->mcp->plugins[0]->worker.conn.is_up);
        not_ok(f, "its health() has not answered yet");
        say(f, 0, "");
        ok(f, "p0");
    }
}

static void test_odd_words(void **state)
{
    struct fixture *f = *state;
    char text[600];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    say(f, -8, text);
    text[HR_MCP_AILMENT_MAX] = '\0';
    char want[700];
    (void)snprintf(want, sizeof(want), "it says that it cannot work: %s", text);
    not_ok(f, want);
    say(f, -8, "cut\xff off");
    not_ok(f, "it says that it cannot work: cut");
    say(f, -12345, "unknown status");
    not_ok(f, "it says that it cannot work: unknown status");
    say(f, 7, "positive");
    not_ok(f, "it says that it cannot work: positive");

    host_send(&f->hosts[0], HR_FRAME_HEALTH, 0, "abc", 3);
    UNTIL(f, f->hosts[0].hellos == 2 && f->mcp->plugins[0]->worker.conn.is_up);
    host_die(&f->hosts[0]);
    f->hosts[0].tools = NULL;
    UNTIL(f, f->hosts[0].hellos == 3);
    say(f, 0, ""); /* before its tools */
    assert_non_null(strstr(f->mcp->plugins[0]->worker.fault, "malformed word of its health"));

    /* One that did not announce it may say it all the same. */
    const int32_t bad = -8;
    host_send(&f->hosts[1], HR_FRAME_HEALTH, 0, &bad, sizeof(bad));
    run_for(f, 10);
    ok(f, "p1");
}

/* --- /plugins --- */

/* busy runs one at a time. */
#define BUSY                                                                                       \
    "{\"name\":\"busy\",\"inputSchema\":{\"type\":\"object\"},\"maxConcurrency\":1,\"timeoutMs\":" \
    "1500,\"annotations\":{\"readOnlyHint\":false}}"

static int setup_busy(void **state)
{
    const char *const lists[] = {
        "{\"plugin\":{\"id\":\"p0\",\"version\":\"1.2.3\",\"sha256\":\"00ff\",\"health\":true,"
        "\"confinement\":{\"enforced\":[\"files\"],\"missing\":{}}},\"tools\":[" BUSY
        "," ECHO_TOOL("echo", "") "]}",
        NULL};
    struct fixture *f = malloc(sizeof(*f));
    assert_non_null(f);
    fixture_start(f, 2, lists);
    UNTIL(f, f->mcp->plugins[0]->worker.conn.is_up && f->hosts[1].hellos == 1);
    *state = f;
    return 0;
}

/* This member of the page, as JSON text. */
static void member(struct fixture *f, const char *path, const char *want)
{
    json_t *page = hr_mcp_plugins(f->mcp, SIZE_MAX);
    assert_non_null(page);
    json_t *value = at(page, path);
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("nothing");
    if (strcmp(text, want) != 0)
        fail_msg("%s is %s, not %s", path, text, want);
    free(text);
    json_decref(page);
}

static void test_plugins(void **state)
{
    struct fixture *f = *state;
    json_t *page = hr_mcp_plugins(f->mcp, SIZE_MAX);
    assert_int_equal(json_object_size(page), 1);
    assert_int_equal(json_array_size(at(page, "plugins")), 2);
    assert_int_equal(json_object_size(at(page, "plugins.0")), 12);
    assert_int_equal(json_object_size(at(page, "plugins.1")), 12);
    assert_int_equal(json_object_size(at(page, "plugins.0.tools.0")), 9);
    json_decref(page);
    member(f, "plugins.0.id", "\"p0\"");
    member(f, "plugins.0.version", "\"1.2.3\"");
    member(f, "plugins.0.sha256", "\"00ff\"");
    member(f, "plugins.0.state", "\"up\"");
    member(f, "plugins.0.starts", "1");
    member(f, "plugins.0.ok", "false");
    member(f, "plugins.0.reason", "\"its health() has not answered yet\"");
    member(f, "plugins.0.health", "{\"ok\":null,\"reason\":null}");
    member(f, "plugins.0.confinement.enforced", "[\"files\"]");
    member(f, "plugins.0.tools.0.name", "\"busy\"");
    member(f, "plugins.0.tools.0.max_concurrency", "1");
    member(f, "plugins.0.tools.0.timeout_ms", "1500");
    member(f, "plugins.0.tools.0.annotations", "{\"readOnlyHint\":false}");
    member(f, "plugins.0.tools.1.max_concurrency", "null");
    say(f, -8, "gr\xc3\xbc\xc3\x9f");
    member(f, "plugins.0.health", "{\"ok\":false,\"reason\":\"gr\xc3\xbc\xc3\x9f\"}");
    say(f, 0, "");
    member(f, "plugins.0.health", "{\"ok\":true,\"reason\":null}");
    member(f, "plugins.0.ok", "true");
    member(f, "plugins.0.reason", "null");
    /* one that has told nothing yet */
    static const char *const unknown[] = {"version", "sha256", "health", "confinement"};
    for (size_t i = 0; i < 4; i++) {
        char path[40];
        (void)snprintf(path, sizeof(path), "plugins.1.%s", unknown[i]);
        member(f, path, "null");
    }
    member(f, "plugins.1.tools", "[]");
    member(f, "plugins.1.reason", "\"its toolhost is up but has not told its tools yet\"");
    fixture_board(f, 1, HR_FAILED, 3, 256, "ended with code 78: no such thing");
    member(f, "plugins.1.state", "\"failed\"");
    member(f, "plugins.1.starts", "3");
    member(f, "plugins.1.reason",
           "\"its toolhost is not up (failed): ended with code 78: no such thing\"");
}

static void metric(struct fixture *f, const char *line)
{
    struct hr_buf page;
    struct hr_expo e;
    hr_buf_init(&page, 1024 * 1024);
    hr_expo_init(&e, &page);
    hr_mcp_collect(&e, f->mcp);
    assert_int_equal(hr_expo_finish(&e), 0);
    if (!strstr(page.data, line))
        fail_msg("not on the page: %s", line);
    hr_buf_free(&page);
}

static void test_open_calls(void **state)
{
    struct fixture *f = *state;
    struct hr_http_req r[4];
    for (int i = 0; i < 3; i++)
        call(f, &r[i], "1", "busy", "{}");
    UNTIL(f, f->hosts[0].ncalls == 3);
    member(f, "plugins.0.tools.0.in_flight", "3");
    member(f, "plugins.0.tools.0.waiting", "2");
    member(f, "plugins.0.tools.1.in_flight", "0");
    metric(f, "\nhandrail_tool_calls_running{plugin=\"p0\",tool=\"busy\"} 1\n");
    metric(f, "\nhandrail_tool_calls_waiting{plugin=\"p0\",tool=\"busy\"} 2\n");
    metric(f, "\nhandrail_tool_calls_waiting{plugin=\"p0\",tool=\"echo\"} 0\n");
    metric(f, "\nhandrail_tool_max_concurrency{plugin=\"p0\",tool=\"busy\"} 1\n");
    for (int i = 0; i < 2; i++) {
        host_answer(&f->hosts[0], f->hosts[0].calls[i].id, -9 * i, 0, NULL);
        UNTIL(f, r[i].dead);
        req_free(&r[i]);
    }
    req_close(&r[2]);
    req_free(&r[2]);
    member(f, "plugins.0.tools.0.in_flight", "0");
    member(f, "plugins.0.tools.0.calls",
           "{\"ok\":1,\"error\":1,\"timeout\":0,\"cancelled\":1,\"crashed\":0,\"rejected\":0}");
    member(f, "plugins.0.tools.0.latency_seconds.count", "3");
    member(f, "plugins.0.tools.1.latency_seconds",
           "{\"count\":0,\"sum\":0.0,\"p50\":null,\"p90\":null,\"p99\":null}");
    json_t *page = hr_mcp_plugins(f->mcp, SIZE_MAX);
    const json_t *latency = at(page, "plugins.0.tools.0.latency_seconds");
    double p50 = json_real_value(at(latency, "p50"));
    assert_true(p50 > 0 && p50 <= json_real_value(at(latency, "p99")));
    assert_true(json_real_value(at(latency, "sum")) > 0);
    json_decref(page);
    /* While it is down they wait, and its tools are still known. */
    f->hosts[0].tools = NULL;
    host_die(&f->hosts[0]);
    UNTIL(f, !f->mcp->plugins[0]->worker.conn.is_up);
    call(f, &r[3], "1", "echo", "{}");
    member(f, "plugins.0.tools.1.waiting", "1");
    member(f, "plugins.0.tools.1.in_flight", "1");
    member(f, "plugins.0.health", "{\"ok\":null,\"reason\":null}");
    req_close(&r[3]);
    req_free(&r[3]);
    /* With room for one it is the one with more calls. */
    for (int i = 0; i < 3; i++) {
        call(f, &r[3], "1", "echo", "{}");
        req_close(&r[3]);
        req_free(&r[3]);
    }
    member(f, "plugins.0.totals", "{\"calls\":7,\"errors\":6,\"in_flight\":0}");
    page = hr_mcp_plugins(f->mcp, 1);
    assert_int_equal(json_array_size(at(page, "plugins.0.tools")), 1);
    assert_string_equal(json_string_value(at(page, "plugins.0.tools.0.name")), "echo");
    assert_int_equal(json_integer_value(at(page, "plugins.0.tool_count")), 2);
    json_decref(page);
    page = hr_mcp_plugins(f->mcp, 0);
    assert_int_equal(json_array_size(at(page, "plugins.0.tools")), 0);
    json_decref(page);
}

/* A version that has to be cut in the middle of a character. */
static void test_long_version(void **state)
{
    (void)state;
    static struct fixture f;
    static const char *const list[] = {
        "{\"plugin\":{\"id\":\"p0\",\"version\":\"0123456789012345678901234567890123456789"
        "01234567890123456789012\xc3\xbc\"},\"tools\":[]}"};
    fixture_start(&f, 1, list);
    UNTIL(&f, f.mcp->plugins[0]->worker.conn.is_up);
    json_t *status = hr_mcp_status(f.mcp);
    assert_string_equal(text_at(status, "0.id"), "p0");
    assert_int_equal(strlen(text_at(status, "0.version")), 63);
    json_decref(status);
    member(&f, "plugins.0.version",
           "\"012345678901234567890123456789012345678901234567890123456789012\"");
    fixture_stop(&f);
}

int main(void)
{
#define UP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        UP(test_health),
        UP(test_its_tools_can_be_called),
        UP(test_a_new_life),
        UP(test_odd_words),
        cmocka_unit_test_setup_teardown(test_plugins, setup_busy, teardown),
        cmocka_unit_test_setup_teardown(test_open_calls, setup_busy, teardown),
        cmocka_unit_test(test_long_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
