/* SPDX-License-Identifier: MIT
 * Calls over a bad line: whatever becomes of a frame between the sidecar and a real toolhost, every
 * call has exactly one answer (the stage sees to it that there are not two), neither end is harmed,
 * and the next call works. */
#include "mcp_relay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
    struct fixture f;
    struct relay r;
    unsigned serial; /* of calls, so that each has arguments of its own */
};

static int setup(void **state)
{
    const char *const silent[] = {NULL};
    struct line *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    fixture_start(&l->f, 1, silent);
    assert_int_equal(hr_mcp_phase(l->f.mcp, "warm", "{\"phase\":\"warm\"}"), 0);
    relay_start(&l->r, &l->f, "talker", TEST_PLUGINS "/talker.so");
    UNTIL(&l->f, l->f.mcp->plugins[0]->worker.conn.is_up);
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    struct line *l = *state;
    assert_int_equal(l->f.mcp->plugins[0]->worker.ncalls, 0);
    assert_int_equal(l->f.mcp->plugins[0]->worker.kept_bytes, 0);
    for (int i = 0; i < HR_MCP_CALLS_MAX; i++)
        assert_null(l->f.mcp->plugins[0]->worker.slots[i]);
    relay_stop(&l->r);
    fixture_stop(&l->f);
    free(l);
    return 0;
}

/* What an answer may be. */
enum expect {
    RIGHT,         /* what the tool says, and nothing else */
    RIGHT_IF_SAFE, /* that, or an error unless the tool may be run again */
    OWN,           /* that, or an error */
    ANY,           /* one */
};

struct one {
    struct hr_http_req http;
    char arguments[32];
    int safe;
};

static void begin(struct line *l, struct one *c, const char *tool)
{
    (void)snprintf(c->arguments, sizeof(c->arguments), "{\"n\":%u}", ++l->serial);
    c->safe = strstr(tool, "_again") != NULL;
    call(&l->f, &c->http, "1", tool, c->arguments);
}

/* The one answer, the caller's.  What came before it on a stream is progress that grows. */
static json_t *answer(const struct hr_http_req *r)
{
    if (!r->streaming)
        return req_json(r);
    double done = 0;
    int n = req_events(r);
    for (int i = 0; i < n - 1; i++) {
        json_t *event = req_event(r, i);
        assert_null(at(event, "id"));
        if (at(event, "params.progress")) {
            assert_true(json_number_value(at(event, "params.progress")) > done);
            done = json_number_value(at(event, "params.progress"));
        }
        json_decref(event);
    }
    assert_true(n > 0);
    return req_event(r, n - 1);
}

static void finish(struct line *l, struct one *c, enum expect expect)
{
    UNTIL(&l->f, c->http.dead);
    json_t *json = answer(&c->http);
    const char *text = text_at(json, "result.content.0.text");
    int right = !json_is_true(at(json, "result.isError")) && !strcmp(text, c->arguments);
    if (!right && (expect == RIGHT || (expect == RIGHT_IF_SAFE && c->safe))) {
        const struct plan *p = &l->r.plan;
        fail_msg("fault %d of frame %u (type %" PRIu32 ", from %d), value %" PRIu64
                 ": the call %s was answered: %s",
                 (int)p->fault, p->nth, p->type, (int)p->from, p->value, c->arguments, text);
    }
    if (!right && expect != ANY)
        assert_true(json_is_true(at(json, "result.isError")));
    json_decref(json);
    req_free(&c->http);
}

static const char *const all_tools[] = {"say", "say_again", "steps", "steps_again", NULL};
static const char *const brief_tools[] = {"brief", "brief_again", NULL};
enum { MOST = 4 };

/* Some calls at once while the line does that; then the line is good, and one more call. */
static void try(struct line *l, struct plan plan, enum expect expect)
{
    struct hr_mcp_conn *conn = &l->f.mcp->plugins[0]->worker.conn;
    const char *const *tools = expect >= OWN ? brief_tools : all_tools;
    struct one calls[MOST], after;
    int n = 0;
    conn->retry_ms = 0; /* not to wait for a line that is cut again and again */
    relay_plan(&l->r, plan);
    if (plan.type == HR_FRAME_HELLO || plan.type == HR_FRAME_TOOLS ||
        plan.type == HR_FRAME_HEALTH || plan.type == HR_FRAME_PHASE)
        relay_cut(&l->r); /* they are at the beginning of a line */
    for (; tools[n]; n++)
        begin(l, &calls[n], tools[n]);
    for (int i = 0; i < n; i++)
        finish(l, &calls[i], expect);
    UNTIL(&l->f, l->r.fired || plan.fault == NOTHING);
    if (expect >= OWN) {
        conn->retry_ms = 0;
        relay_cut(&l->r); /* one end may wait for the rest of a frame that never was */
    }
    relay_plan(&l->r, (struct plan){.fault = NOTHING});
    begin(l, &after, "say_again");
    finish(l, &after, RIGHT);
    UNTIL(&l->f, conn->is_up);
}

/* Every kind of frame, who sends it, and its length here, about. */
static const struct kind {
    enum side from;
    uint32_t type;
    size_t len;
    size_t step; /* between the offsets that are tried behind the header */
} kinds[] = {
    {SIDECAR, HR_FRAME_HELLO, 16 + 16, 1},   {TOOLHOST, HR_FRAME_TOOLS, 16 + 1200, 97},
    {TOOLHOST, HR_FRAME_HEALTH, 16 + 4, 1},  {SIDECAR, HR_FRAME_CALL, 16 + 8 + 7, 1},
    {TOOLHOST, HR_FRAME_RESULT, 16 + 19, 1}, {TOOLHOST, HR_FRAME_PROGRESS, 16 + 16 + 4, 1},
    {TOOLHOST, HR_FRAME_TELL, 16 + 10, 1},   {SIDECAR, HR_FRAME_PHASE, 16 + 5 + 16, 1},
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static void a_good_line(void **state)
{
    for (int i = 0; i < 10; i++)
        try(*state, (struct plan){.fault = NOTHING}, RIGHT);
}

/* A call that may run again is answered as if nothing had been. */
static void cut_at_every_offset(void **state)
{
    struct line *l = *state;
    for (int k = 0; k < KINDS; k++)
        for (size_t at = 0; at <= kinds[k].len; at += at < 16 ? 1 : kinds[k].step)
            for (unsigned nth = 0; nth < (kinds[k].type == HR_FRAME_CALL ? 4 : 1); nth++)
                try(l, (struct plan){CUT, kinds[k].from, kinds[k].type, nth, at}, RIGHT_IF_SAFE);
}

static void one_byte_at_a_time(void **state)
{
    struct line *l = *state;
    for (int k = 0; k < KINDS; k++)
        try(l, (struct plan){DRIP, kinds[k].from, kinds[k].type, 0, 0}, RIGHT);
}

static void later(void **state)
{
    struct line *l = *state;
    for (int k = 0; k < KINDS; k++)
        try(l, (struct plan){DELAY, kinds[k].from, kinds[k].type, 0, 30}, RIGHT);
}

static void another_order(void **state)
{
    struct line *l = *state;
    for (unsigned nth = 0; nth < 3; nth++) {
        try(l, (struct plan){SWAP, SIDECAR, HR_FRAME_CALL, nth, 0}, RIGHT);
        try(l, (struct plan){SWAP, TOOLHOST, HR_FRAME_RESULT, nth, 0}, RIGHT);
    }
    try(l, (struct plan){SWAP, TOOLHOST, HR_FRAME_PROGRESS, 0, 0}, RIGHT);
    try(l, (struct plan){SWAP, TOOLHOST, HR_FRAME_TELL, 0, 0}, RIGHT);
    try(l, (struct plan){SWAP, TOOLHOST, HR_FRAME_TOOLS, 0, 0}, RIGHT_IF_SAFE);
}

static void twice(void **state)
{
    struct line *l = *state;
    for (unsigned nth = 0; nth < 4; nth++) {
        try(l, (struct plan){DUPLICATE, TOOLHOST, HR_FRAME_RESULT, nth, 0}, RIGHT);
        try(l, (struct plan){DUPLICATE, SIDECAR, HR_FRAME_CALL, nth, 0}, RIGHT_IF_SAFE);
    }
    for (int k = 0; k < KINDS; k++)
        try(l, (struct plan){DUPLICATE, kinds[k].from, kinds[k].type, 0, 0}, RIGHT_IF_SAFE);
}

static void missing(void **state)
{
    struct line *l = *state;
    for (int k = 0; k < KINDS; k++)
        if (kinds[k].type != HR_FRAME_HELLO && kinds[k].type != HR_FRAME_TOOLS)
            try(l, (struct plan){DROP, kinds[k].from, kinds[k].type, 0, 0}, OWN);
}

static void lengths(void **state)
{
    static const uint64_t values[] = {0, 1, 3, 7, 8, 12, 15, 16, 30, 1000, HR_FRAME_MAX};
    struct line *l = *state;
    for (int k = 0; k < KINDS; k++) {
        try(l, (struct plan){LENGTH, kinds[k].from, kinds[k].type, 0, HR_FRAME_MAX + 1},
            RIGHT_IF_SAFE); /* which cannot be one */
        try(l, (struct plan){LENGTH, kinds[k].from, kinds[k].type, 0, UINT32_MAX}, RIGHT_IF_SAFE);
        for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
            if (kinds[k].type == HR_FRAME_CALL || kinds[k].type == HR_FRAME_RESULT ||
                kinds[k].type == HR_FRAME_PROGRESS)
                try(l, (struct plan){LENGTH, kinds[k].from, kinds[k].type, 0, values[i]}, ANY);
    }
}

static void types(void **state)
{
    static const uint64_t none[] = {0, HR_FRAME_PHASE + 1, 99, UINT32_MAX};
    struct line *l = *state;
    for (int k = 0; k < KINDS; k++)
        for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
            try(l, (struct plan){TYPE, kinds[k].from, kinds[k].type, 0, none[i]}, RIGHT_IF_SAFE);
    for (uint64_t type = HR_FRAME_HELLO; type <= HR_FRAME_PHASE; type++) {
        try(l, (struct plan){TYPE, TOOLHOST, HR_FRAME_RESULT, 0, type}, ANY);
        try(l, (struct plan){TYPE, TOOLHOST, HR_FRAME_PROGRESS, 0, type}, ANY);
        try(l, (struct plan){TYPE, SIDECAR, HR_FRAME_CALL, 0, type}, ANY);
    }
}

static void ids(void **state)
{
    static const uint64_t values[] = {0, 1, 255, 256, UINT64_MAX};
    static const struct plan of[] = {{ID, TOOLHOST, HR_FRAME_RESULT, 0, 0},
                                     {ID, TOOLHOST, HR_FRAME_PROGRESS, 0, 0},
                                     {ID, SIDECAR, HR_FRAME_CALL, 0, 0}};
    struct line *l = *state;
    for (size_t k = 0; k < sizeof(of) / sizeof(*of); k++)
        for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
            struct plan plan = of[k];
            plan.value = values[i];
            try(l, plan, OWN);
        }
    for (unsigned nth = 0; nth < 2; nth++) {
        try(l, (struct plan){ID_OTHER, TOOLHOST, HR_FRAME_RESULT, nth, 0}, ANY);
        try(l, (struct plan){ID_OTHER, SIDECAR, HR_FRAME_CALL, nth, 0}, ANY);
    }
}

static void contents(void **state)
{
    struct line *l = *state;
    for (uint64_t at = 0; at < 24; at++) {
        try(l, (struct plan){FLIP, TOOLHOST, HR_FRAME_RESULT, 0, at}, ANY);
        try(l, (struct plan){FLIP, SIDECAR, HR_FRAME_CALL, 0, at}, ANY);
        try(l, (struct plan){FLIP, TOOLHOST, HR_FRAME_PROGRESS, 0, at}, ANY);
    }
    for (uint64_t at = 0; at < 12; at++) {
        try(l, (struct plan){FLIP, TOOLHOST, HR_FRAME_HEALTH, 0, at}, ANY);
        try(l, (struct plan){FLIP, TOOLHOST, HR_FRAME_TELL, 0, at}, ANY);
    }
    for (uint64_t at = 0; at < 21; at++)
        try(l, (struct plan){FLIP, SIDECAR, HR_FRAME_PHASE, 0, at}, ANY);
}

/* Anything, anywhere, to many calls. */
static void a_storm(void **state)
{
    enum { ROUNDS = 150, CALLS = 20 };
    struct line *l = *state;
    const char *given = getenv("HANDRAIL_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)hr_now_us();
    (void)fprintf(stderr, "seed %u\n", seed);
    for (int i = 0; i < ROUNDS; i++) {
        struct one calls[CALLS];
        const struct kind *kind = &kinds[(unsigned)rand_r(&seed) % KINDS];
        struct plan plan = {.fault = (enum fault)((unsigned)rand_r(&seed) % NFAULTS),
                            .from = kind->from,
                            .type = kind->type,
                            .nth = (unsigned)rand_r(&seed) % 8};
        plan.value = plan.fault == CUT ? (unsigned)rand_r(&seed) % (16 + 4)
                     : plan.fault == DELAY
                         ? (unsigned)rand_r(&seed) % 20
                         : (uint64_t)(unsigned)rand_r(&seed) >> rand_r(&seed) % 31;
        l->f.mcp->plugins[0]->worker.conn.retry_ms = 0;
        relay_plan(&l->r, plan);
        for (int k = 0; k < CALLS; k++)
            begin(l, &calls[k], brief_tools[k % 2]);
        for (int k = 0; k < CALLS; k++)
            finish(l, &calls[k], ANY);
        if (i % 3 == 2)
            relay_cut(&l->r);
    }
    try(l, (struct plan){CUT, SIDECAR, HR_FRAME_CALL, 0, 5}, RIGHT_IF_SAFE);
}

int main(void)
{
#define UP(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        UP(a_good_line),
        UP(cut_at_every_offset),
        UP(one_byte_at_a_time),
        UP(later),
        UP(another_order),
        UP(twice),
        UP(missing),
        UP(lengths),
        UP(types),
        UP(ids),
        UP(contents),
        UP(a_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
