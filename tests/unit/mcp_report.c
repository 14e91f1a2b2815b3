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

int main(void)
{
#define UP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        UP(test_health),
        UP(test_its_tools_can_be_called),
        UP(test_a_new_life),
        UP(test_odd_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
