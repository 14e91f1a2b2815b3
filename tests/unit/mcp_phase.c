/* SPDX-License-Identifier: MIT
 * The pod's phase on its way to the toolhosts: each is told the present one, once, whatever happens
 * to it or to the connection, and before any call that comes later. */
#include "mcp_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const hosts[] = {TOOLS("p0", ECHO_TOOL("echo", "")),
                                    TOOLS("p1", ECHO_TOOL("other", ""))};

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

static void told(struct fixture *f, size_t host, unsigned times, const char *event)
{
    UNTIL(f, f->hosts[host].nphases >= times);
    run_for(f, 20);
    assert_int_equal(f->hosts[host].nphases, times);
    assert_string_equal(f->hosts[host].phase, event);
}

static void each_is_told(void **state)
{
    struct fixture *f = *state;
    run_for(f, 20);
    assert_int_equal(f->hosts[0].nphases, 0); /* nothing is known: where there is no pod */
    assert_int_equal(hr_mcp_phase(f->mcp, "warm", "{\"n\":1}"), 0);
    told(f, 0, 1, "{\"n\":1}");
    told(f, 1, 1, "{\"n\":1}");
    assert_int_equal(hr_mcp_phase(f->mcp, "claimed", "{\"n\":2}"), 0);
    told(f, 0, 2, "{\"n\":2}");
    told(f, 1, 2, "{\"n\":2}");
}

static void again_after_its_death(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(hr_mcp_phase(f->mcp, "warm", "{\"n\":1}"), 0);
    told(f, 0, 1, "{\"n\":1}");
    host_die(&f->hosts[0]);
    told(f, 0, 2, "{\"n\":1}");
    assert_int_equal(f->hosts[1].nphases, 1);
    host_die(&f->hosts[0]);
    assert_int_equal(hr_mcp_phase(f->mcp, "claimed", "{\"n\":2}"), 0); /* while it is away */
    told(f, 0, 3, "{\"n\":2}");
}

static void before_a_later_call(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    struct hr_http_req r[2];
    h->echo = 1;
    assert_int_equal(hr_mcp_phase(f->mcp, "warm", "{\"n\":1}"), 0);
    call(f, &r[0], "1", "echo", "{}");
    UNTIL(f, r[0].dead);
    assert_int_equal(h->calls_then, 0);
    host_die(h);
    UNTIL(f, !f->mcp->plugins[0]->worker.conn.is_up);
    call(f, &r[1], "2", "echo", "{}"); /* which waits for the next life */
    UNTIL(f, r[1].dead);
    assert_int_equal(h->nphases, 2);
    assert_int_equal(h->calls_then, 1);
    req_free(&r[0]);
    req_free(&r[1]);
}

/* Nor does a call overtake it on its way to one that reads late. */
static void before_a_call_to_one_that_is_slow(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    const struct hr_mcp_worker *w = &f->mcp->plugins[0]->worker;
    struct hr_http_req r[2];
    char event[32000];
    memset(event, 'x', sizeof(event));
    memcpy(event, "{\"fill\":\"", 9);
    memcpy(event + sizeof(event) - 3, "\"}", 3);
    h->echo = h->deaf = 1;
    call(f, &r[0], "1", "echo", "{}");
    do
        assert_int_equal(hr_mcp_phase(f->mcp, "warm", event), 0);
    while (!w->phase_unsent);
    assert_int_equal(hr_mcp_phase(f->mcp, "claimed", "{\"n\":2}"), 0);
    call(f, &r[1], "2", "echo", "{}");
    run_for(f, 20);
    h->deaf = 0;
    UNTIL(f, r[0].dead && r[1].dead);
    assert_string_equal(h->phase, "{\"n\":2}");
    assert_int_equal(h->calls_then, 1);
    assert_int_equal(h->ncalls, 2);
    req_free(&r[0]);
    req_free(&r[1]);
}

/* Frames are not piled up for one that does not read. */
static void only_the_latest(void **state)
{
    struct fixture *f = *state;
    struct host *h = &f->hosts[0];
    const struct hr_mcp_conn *conn = &f->mcp->plugins[0]->worker.conn;
    char event[32000];
    enum { TIMES = 200 };
    memset(event, 'x', sizeof(event));
    h->deaf = 1;
    for (int i = 1; i <= TIMES; i++) {
        int n = snprintf(event, sizeof(event), "{\"n\":%d,\"fill\":\"", i);
        event[n] = 'x';
        memcpy(event + sizeof(event) - 3, "\"}", 3);
        assert_int_equal(hr_mcp_phase(f->mcp, "active", event), 0);
    }
    assert_in_range(conn->out.len - conn->sent, 1, sizeof(event) + 64);
    h->deaf = 0;
    UNTIL(f, h->phase && strncmp(h->phase, "{\"n\":200,", 9) == 0);
    assert_in_range(h->nphases, 2, TIMES / 2);
    told(f, 1, f->hosts[1].nphases, event);
}

static void what_is_none(void **state)
{
    struct fixture *f = *state;
    char large[HR_PHASE_EVENT_MAX + 2];
    memset(large, ' ', sizeof(large));
    large[0] = '{';
    memcpy(large + sizeof(large) - 2, "}", 2);
    assert_int_equal(hr_mcp_phase(f->mcp, "warm", large), -EINVAL);
    assert_int_equal(hr_mcp_phase(f->mcp, "warm", "[]"), -EINVAL);
    assert_int_equal(hr_mcp_phase(f->mcp, "", "{}"), -EINVAL);
    assert_int_equal(hr_mcp_phase(f->mcp, "a phase", "{}"), -EINVAL);
    run_for(f, 20);
    assert_int_equal(f->hosts[0].nphases, 0);
    memcpy(large + sizeof(large) - 3, "}", 2); /* one less */
    assert_int_equal(hr_mcp_phase(f->mcp, "warm", large), 0);
    told(f, 0, 1, large);
}

/* Only we tell it. */
static void not_from_a_toolhost(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(hr_mcp_phase(f->mcp, "warm", "{\"n\":1}"), 0);
    told(f, 0, 1, "{\"n\":1}");
    host_send(&f->hosts[0], HR_FRAME_PHASE, 0, "warm\0{}", 7);
    UNTIL(f, f->hosts[0].hellos == 2);
    told(f, 0, 2, "{\"n\":1}");
    assert_int_equal(f->hosts[1].hellos, 1);
}

/* A plugin that is new is told as others are; and one that stays is not told again. */
static void after_a_reload(void **state)
{
    struct fixture *f = *state;
    json_t *none = json_pack("{s:[]}", "plugins");
    assert_int_equal(hr_mcp_phase(f->mcp, "warm", "{\"n\":1}"), 0);
    told(f, 0, 1, "{\"n\":1}");
    assert_int_equal(hr_mcp_update(f->mcp, none), 0);
    assert_int_equal(hr_mcp_phase(f->mcp, "claimed", "{\"n\":2}"), 0);
    run_for(f, 20);
    assert_int_equal(f->hosts[0].nphases, 1);
    json_decref(none);
    json_t *both = fixture_settings(f);
    assert_int_equal(hr_mcp_update(f->mcp, both), 0);
    told(f, 0, 2, "{\"n\":2}");
    told(f, 1, 2, "{\"n\":2}");
    assert_int_equal(hr_mcp_update(f->mcp, both), 0);
    run_for(f, 50);
    assert_int_equal(f->hosts[0].nphases, 2);
    json_decref(both);
}

int main(void)
{
#define UP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        UP(each_is_told),        UP(again_after_its_death),
        UP(before_a_later_call), UP(before_a_call_to_one_that_is_slow),
        UP(only_the_latest),     UP(what_is_none),
        UP(not_from_a_toolhost), UP(after_a_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
