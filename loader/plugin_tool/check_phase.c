/* SPDX-License-Identifier: MIT
 * handrail plugin check: the pod's phases, for a plugin that listens (handrail/phase.h).  The
 * case's own process is made into a toolhost, whose main thread is ours. */
#include "check.h"
#include "common/clock.h"
#include "common/frame.h"
#include "inside.h"
#include "loader/toolhost/dispatch.h"

#include <handrail/phase.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENT_SIZE = HANDRAIL_PHASE_EVENT_MAX + 1,
    CALLS = 64,                /* beside which phases are told */
    CALLS_MS = 15 * 1000,      /* for each of them */
    REPEATS_UNCOUNTED = 50,    /* events, of which something may stay */
    REPEATS = 500,             /* after which nothing more may have */
    REPEATS_BYTES_IGNORED = 8, /* of memory, for each */
};

/* In the order of a pod's life, and what may come after its end. */
static const char *const phases[] = {"starting", "warming",  "warm",    "claimed", "active",
                                     "draining", "active",   "failed",  "warming", "claimed",
                                     "active",   "draining", "stopped", NULL};

struct stage {
    struct hr_check *c;
    struct hr_plugin plugin;
    struct hr_dispatch dispatch;
    unsigned answers; /* of calls */
};

static void count_answer(void *arg, uint64_t conn, enum hr_frame_type type, uint64_t id,
                         const void *payload, size_t len)
{
    struct stage *s = arg;
    (void)conn, (void)id, (void)payload, (void)len;
    s->answers += type == HR_FRAME_RESULT;
}

static bool never_full(void *arg, uint64_t conn)
{
    (void)arg, (void)conn;
    return false;
}

/* Load and create it, and ask whether it listens.  HR_CASE_OK, or why the case is over.  Its
 * health() is another case's. */
static enum hr_verdict set_up(struct hr_check *c, struct stage *s)
{
    memset(s, 0, sizeof(*s));
    s->c = c;
    if (!hr_inside_create(c, &s->plugin))
        return HR_CASE_FAILED;
    s->plugin.api.health = NULL;
    if (hr_dispatch_init(&s->dispatch, &s->plugin, count_answer, never_full, s))
        return hr_found(c, HR_CASE_FAILED, "there is no memory for it");
    return s->plugin.on_phase ? HR_CASE_OK
                              : hr_found(c, HR_CASE_SKIPPED, "it does not listen to phases");
}

/* What the main thread of a toolhost does all the time.  HR_CASE_GOES_ON, or what is wrong. */
static enum hr_verdict turn(struct stage *s)
{
    struct hr_call *stuck = NULL;
    hr_dispatch_collect(&s->dispatch);
    int next = hr_dispatch_expire(&s->dispatch, hr_now_ms(), &stuck);
    if (stuck)
        return hr_found(s->c, HR_CASE_FAILED,
                        "%s did not return within %d ms after it was given up", hr_call_name(stuck),
                        HR_GRACE_MS);
    (void)poll(NULL, 0, next < 0 || next > 1 ? 1 : next);
    return HR_CASE_GOES_ON;
}

/* Tell it, and wait until it has been.  HR_CASE_OK, or what is wrong; *ret_ms: what it took. */
static enum hr_verdict tell(struct stage *s, const char *phase, const char *event, int64_t *ret_ms)
{
    struct hr_buf payload;
    const struct hr_plugin_phase *p = &s->dispatch.phase;
    enum hr_verdict v = HR_CASE_GOES_ON;
    hr_buf_init(&payload, HR_PHASE_NAME_MAX + 1 + EVENT_SIZE);
    (void)hr_buf_add(&payload, phase, strlen(phase) + 1);
    (void)hr_buf_adds(&payload, event);
    int err = hr_dispatch_phase(&s->dispatch, payload.data, payload.len);
    hr_buf_free(&payload);
    if (err)
        return hr_found(s->c, HR_CASE_FAILED, "the event is none: %.200s", event);
    int64_t began = hr_now_ms();
    while (v == HR_CASE_GOES_ON && (p->untold || p->call))
        v = turn(s);
    *ret_ms = hr_now_ms() - began;
    if (v != HR_CASE_GOES_ON)
        return v;
    if (*ret_ms >= HR_PHASE_TIMEOUT_MS)
        return hr_found(s->c, HR_CASE_FAILED,
                        "on_phase() took %lld ms for %s: what takes long goes to a thread",
                        (long long)*ret_ms, phase);
    if (p->answer < 0 && !p->reason_given)
        return hr_found(s->c, HR_CASE_FAILED,
                        "on_phase() fails (%s) without a reason, for %s: use host->set_error()",
                        hr_status_name(p->answer), phase);
    return HR_CASE_OK;
}

/* ---- its table ------------------------------------------------------------------------------ */

static enum hr_verdict phase_table(struct hr_check *c)
{
    struct hr_plugin p;
    if (!hr_inside_create(c, &p))
        return HR_CASE_FAILED;
    if (!p.api.get_extension)
        return hr_found(c, HR_CASE_SKIPPED, "it has no extensions");
    if (p.api.get_extension(p.self, "handrail.none/1"))
        return hr_found(c, HR_CASE_FAILED,
                        "get_extension() answers a table for \"handrail.none/1\": compare the "
                        "name, and answer NULL for what you do not know");
    const handrail_phase_listener *l = p.api.get_extension(p.self, HANDRAIL_PHASE);
    if (!l)
        return hr_found(c, HR_CASE_SKIPPED, "it does not listen to phases");
    if (l->struct_size < sizeof(*l) || !l->on_phase)
        return hr_found(c, HR_CASE_FAILED,
                        "its table \"%s\" has %s: it would not be told of phases", HANDRAIL_PHASE,
                        l->struct_size < sizeof(*l) ? "a .struct_size that is too small"
                                                    : "no on_phase()");
    return HR_CASE_OK;
}

/* ---- what it is told ------------------------------------------------------------------------ */

static enum hr_verdict phase_told(struct hr_check *c)
{
    struct stage s;
    char event[512];
    const char *from = NULL;
    int64_t ms = 0;
    int64_t longest = 0;
    enum hr_verdict v = set_up(c, &s);
    for (size_t i = 0; phases[i] && v == HR_CASE_OK; i++) {
        hr_goes_on(c);
        hr_run_phase_event(phases[i], from, event, sizeof(event));
        v = tell(&s, phases[i], event, &ms);
        from = phases[i];
        longest = ms > longest ? ms : longest;
    }
    return v == HR_CASE_OK ? hr_found(c, HR_CASE_OK, "at most %lld ms", (long long)longest) : v;
}

/* As large as one may be. */
static void large_event(char event[EVENT_SIZE])
{
    static const char begin[] = "{\"phase\":\"active\",\"annotations\":{\"a\":\"";
    static const char end[] = "\"},\"left_out\":7}";
    memset(event, 'x', EVENT_SIZE);
    memcpy(event, begin, sizeof(begin) - 1);
    memcpy(event + EVENT_SIZE - sizeof(end), end, sizeof(end));
}

static enum hr_verdict phase_odd(struct hr_check *c)
{
    static const struct {
        const char *phase;
        const char *event;
    } odd[] = {
        {"hibernating", "{\"phase\":\"hibernating\",\"from\":null}"}, /* later hosts' */
        {"warm", "{}"},
        {"claimed", "{\"phase\":\"claimed\",\"from\":null,\"at\":null,\"claim_uid\":null,"
                    "\"labels\":{},\"annotations\":{},\"left_out\":0}"},
        {"active", "{\"left_out\":1e9,\"more\":[{\"phase\":\"warm\"}],\"annotations\":{\"\":\"\","
                   "\"a\\u0000b\":\"\\u0000\"},\"labels\":{\"phase\":\"\\\"claimed\\\"\"},"
                   "\"at\":\"\",\"from\":\"\",\"phase\":\"active\"}"},
        {"claimed", "{\"phase\":\"claimed\",\"claim_uid\":\"\xf0\x9f\x98\x80 \\ud83d\\ude00 "
                    "\\n%s%n../../etc\"}"},
        {"active", NULL},
        {"starting", "{\"phase\":\"starting\",\"from\":\"active\"}"},
    };
    struct stage s;
    int64_t ms = 0;
    char *large = malloc(EVENT_SIZE);
    enum hr_verdict v = set_up(c, &s);
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd) && v == HR_CASE_OK && large; i++) {
        hr_goes_on(c);
        large_event(large);
        v = tell(&s, odd[i].phase, odd[i].event ? odd[i].event : large, &ms);
    }
    free(large);
    return v;
}

/* ---- what stays ----------------------------------------------------------------------------- */

static size_t memory(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static enum hr_verdict phase_repeat(struct hr_check *c)
{
    struct stage s;
    char event[512];
    int64_t ms = 0;
    size_t before = 0;
    long fds = 0;
    long threads = 0;
    enum hr_verdict v = set_up(c, &s);
    for (int i = 0; i < REPEATS_UNCOUNTED + REPEATS && v == HR_CASE_OK; i++) {
        if (i == REPEATS_UNCOUNTED) {
            before = memory();
            fds = hr_run_count("/proc/self/fd");
            threads = hr_run_count("/proc/self/task");
        }
        hr_goes_on(c);
        /* two of which each is news after the other */
        hr_run_phase_event(i % 2 ? "active" : "claimed", i % 2 ? "claimed" : "active", event,
                           sizeof(event));
        v = tell(&s, i % 2 ? "active" : "claimed", event, &ms);
    }
    if (v != HR_CASE_OK)
        return v;
    size_t after = memory();
    long more_fds = hr_run_count("/proc/self/fd") - fds;
    long more_threads = hr_inside_threads_after(threads) - threads;
    if (more_fds > 0)
        return hr_found(c, HR_CASE_FAILED, "%ld descriptors are left open after %d events",
                        more_fds, REPEATS);
    if (more_threads > 0)
        return hr_found(c, HR_CASE_FAILED, "%ld threads are left after %d events", more_threads,
                        REPEATS);
    if (after > before && (after - before) / REPEATS >= REPEATS_BYTES_IGNORED)
        return hr_found(c, HR_CASE_FAILED, "each event leaves %zu bytes behind",
                        (after - before) / REPEATS);
    return HR_CASE_OK;
}

/* ---- beside calls --------------------------------------------------------------------------- */

/* Send one of each. */
static enum hr_verdict send_both(struct stage *s, unsigned i, uint32_t tool, const char *args)
{
    const struct hr_frame_call head = {.tool = tool, .timeout_ms = CALLS_MS};
    char event[512];
    struct hr_buf b;
    const char *phase = phases[i % 5];
    hr_buf_init(&b, HR_FRAME_MAX);
    int err = hr_buf_add(&b, &head, sizeof(head));
    if (!err)
        err = hr_buf_adds(&b, args);
    if (!err)
        err = hr_dispatch_call(&s->dispatch, 1, i + 1, b.data, b.len);
    hr_buf_reset(&b);
    hr_run_phase_event(phase, NULL, event, sizeof(event));
    if (!err)
        err = hr_buf_add(&b, phase, strlen(phase) + 1);
    if (!err)
        err = hr_buf_adds(&b, event);
    if (!err)
        err = hr_dispatch_phase(&s->dispatch, b.data, b.len);
    hr_buf_free(&b);
    return err ? hr_found(s->c, HR_CASE_FAILED, "there is no memory for it") : turn(s);
}

/* r->connection has nobody: what is used of it are its tools. */
static struct stage *the_stage;

static enum hr_verdict beside(struct hr_check *c, struct hr_run *r, size_t tool, const char *args)
{
    struct stage *s = the_stage;
    const struct hr_plugin_phase *p = &s->dispatch.phase;
    enum hr_verdict v = HR_CASE_GOES_ON;
    s->answers = 0;
    for (unsigned i = 0; i < CALLS && v == HR_CASE_GOES_ON; i++)
        v = send_both(s, i, (uint32_t)tool, args);
    while (v == HR_CASE_GOES_ON && (s->answers < CALLS || p->untold || p->call))
        v = turn(s);
    (void)c, (void)r;
    return v == HR_CASE_GOES_ON ? HR_CASE_OK : v;
}

static enum hr_verdict phase_beside_calls(struct hr_check *c)
{
    struct stage s;
    enum hr_verdict v = set_up(c, &s);
    if (v != HR_CASE_OK)
        return v;
    json_t *root = json_loadb(s.plugin.tools_json.data, s.plugin.tools_json.len, 0, NULL);
    struct hr_run r = {.tools = json_object_get(root, "tools")};
    the_stage = &s;
    v = hr_each_tool(c, &r, HR_SAMPLE_FULL, beside);
    json_decref(root);
    return v;
}

const struct hr_case hr_cases_phase[] = {
    {"phase-table", "its extensions are what they are asked for", phase_table},
    {"phase-told", "each of the pod's phases is taken in time", phase_told},
    {"phase-odd", "odd events of phases do no harm", phase_odd},
    {"phase-repeat", "events of phases leave no memory, descriptors or threads behind",
     phase_repeat},
    {"phase-beside-calls", "calls are answered while the pod's phase changes", phase_beside_calls},
};
const size_t hr_ncases_phase = sizeof(hr_cases_phase) / sizeof(hr_cases_phase[0]);
