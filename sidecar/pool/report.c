/* SPDX-License-Identifier: MIT
 * What is known of the pod, for those who ask: /status, /warmz, /metrics.  See pool.h. */
#include "common/json_text.h"
#include "common/wall_text.h"
#include "internal.h"

#include <stdio.h>
#include <string.h>

enum { REASON_MAX = 240 }; /* bytes of a check's reason */

/* ---- /status ------------------------------------------------------------------------------- */

static json_t *seconds(int64_t ms)
{
    return json_real((double)ms / 1000);
}

static json_t *wall_time(int64_t ms)
{
    char text[HR_WALL_TEXT];
    hr_wall_text(ms, text);
    return json_string(text);
}

/* Oldest first; the last is the present one. */
static json_t *history(const struct hr_board_phase *b, int64_t now)
{
    json_t *all = json_array();
    uint32_t first = b->nsteps > HR_PHASE_STEPS ? b->nsteps - HR_PHASE_STEPS : 0;
    for (uint32_t n = first; n < b->nsteps; n++) {
        const struct hr_phase_step *step = &b->steps[n % HR_PHASE_STEPS];
        int64_t end = n + 1 < b->nsteps ? b->steps[(n + 1) % HR_PHASE_STEPS].since_ms : now;
        (void)json_array_append_new(
            all, json_pack("{s:s, s:o, s:o}", "phase", hr_pod_phase_name(step->phase), "at",
                           wall_time(step->wall_ms), "seconds", seconds(end - step->since_ms)));
    }
    return all;
}

static json_t *seconds_in(const struct hr_board_phase *b, int64_t now)
{
    json_t *all = json_object();
    for (int i = 0; i < HR_NPOD_PHASES; i++) {
        int64_t ms = hr_phase_spent_ms(b, (enum hr_pod_phase)i, now);
        (void)json_object_set_new(all, hr_pod_phase_name((uint32_t)i), seconds(ms));
    }
    return all;
}

/* null where there is no hook. */
static json_t *hook(const struct hr_pool *p)
{
    struct hr_board_service s;
    const char *state = "running";
    if (!hr_pool_find_hook(p, &s))
        return json_null();
    if (s.state == HR_FAILED)
        state = "failed";
    else if (s.state == HR_DOWN && !s.starts)
        state = "none";
    else if (s.state == HR_DOWN)
        state = s.last_status == 0 ? "ok" : "failed";
    return json_pack("{s:s, s:o}", "state", state, "message",
                     hr_json_field(s.reason, sizeof(s.reason)));
}

/* Could anybody tell us that the pod is claimed? */
static bool can_be_claimed(const struct hr_pool *p)
{
    return p->standing != HR_STANDING_UNKNOWN || p->init_state >= HR_INIT_DORMANT;
}

static json_t *pooled(const struct hr_pool *p)
{
    return p->standing == HR_STANDING_UNKNOWN ? json_null()
                                              : json_boolean(p->standing == HR_STANDING_POOLED);
}

static json_t *claimed(const struct hr_pool *p, const struct hr_board_phase *b)
{
    if (b->seen & HR_SEEN_CLAIMED)
        return json_true();
    return can_be_claimed(p) ? json_false() : json_null();
}

/* Seconds since the last use, or since the start; -1: not told. */
static double idle_s(const struct hr_pool *p)
{
    if (!p->informed || p->server.idle_s < 0)
        return -1;
    return p->server.idle_s + (double)(p->cfg.now_ms() - p->informed_ms) / 1000;
}

json_t *hr_pool_status(const struct hr_pool *p)
{
    struct hr_board_phase b;
    int64_t now = p->cfg.now_ms();
    double idle = idle_s(p);
    if (hr_board_get_phase(p->cfg.board, &b))
        return json_null();
    struct hr_phase_step last = hr_phase_last(&b);
    bool versioned = p->informed && p->server.version[0];
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s?, s:s?, s:o, s:s?, s:o}", "name",
                     hr_pod_phase_name(b.phase), "since", wall_time(last.wall_ms), "seconds",
                     seconds(now - last.since_ms), "history", history(&b, now), "seconds_in",
                     seconds_in(&b, now), "pooled", pooled(p), "claimed", claimed(p, &b),
                     "claim_uid", b.claim_uid[0] ? b.claim_uid : NULL, "init",
                     hr_init_state_name(p->init_state), "idle_seconds",
                     idle < 0 ? json_null() : json_real(idle), "server_version",
                     versioned ? p->server.version : NULL, "hook", hook(p));
}

/* ---- /warmz -------------------------------------------------------------------------------- */

typedef int warm_check(const struct hr_pool *p, const struct hr_board_phase *b,
                       char reason[REASON_MAX]);

static int check_ready(const struct hr_pool *p, const struct hr_board_phase *b,
                       char reason[REASON_MAX])
{
    (void)b;
    return p->cfg.ready_ok(reason, REASON_MAX, p->cfg.arg);
}

static int check_unclaimed(const struct hr_pool *p, const struct hr_board_phase *b,
                           char reason[REASON_MAX])
{
    if (!(b->seen & HR_SEEN_CLAIMED))
        return 0;
    (void)snprintf(reason, REASON_MAX, "it has been claimed for %lld s",
                   (long long)(p->cfg.now_ms() - b->claimed_ms) / 1000);
    return -1;
}

static int check_unused(const struct hr_pool *p, const struct hr_board_phase *b,
                        char reason[REASON_MAX])
{
    if (!(b->seen & HR_SEEN_USED))
        return 0;
    (void)snprintf(reason, REASON_MAX, "it has been in use for %lld s",
                   (long long)(p->cfg.now_ms() - b->used_ms) / 1000);
    return -1;
}

/* Where initialisation is not deferred there is nothing to be. */
static int check_dormant(const struct hr_pool *p, const struct hr_board_phase *b,
                         char reason[REASON_MAX])
{
    const char *state = hr_init_state_name(p->init_state);
    (void)b;
    if (p->init_state == HR_INIT_DORMANT || p->init_state == HR_INIT_NONE ||
        (p->init_state == HR_INIT_UNKNOWN && !p->cfg.deferred))
        return 0;
    (void)snprintf(reason, REASON_MAX, "initialisation is deferred, and its state is %s",
                   state ? state : "not known yet");
    return -1;
}

static const struct {
    const char *name;
    warm_check *check;
} warm_checks[] = {{"ready", check_ready},
                   {"dormant", check_dormant},
                   {"unclaimed", check_unclaimed},
                   {"unused", check_unused}};
enum { NWARM = sizeof(warm_checks) / sizeof(warm_checks[0]) };

static unsigned warm_all(const struct hr_pool *p, const struct hr_board_phase *b,
                         const struct hr_checks_query *q, struct hr_buf *out)
{
    bool used[HR_EXCLUDES_MAX] = {false};
    size_t start = out->len;
    bool failed = false;
    for (int i = 0; i < NWARM; i++) {
        char reason[REASON_MAX] = "";
        const char *name = warm_checks[i].name;
        if (hr_checks_excluded(q, name, used)) {
            (void)hr_buf_addf(out, "[+]%s excluded: ok\n", name);
        } else if (warm_checks[i].check(p, b, reason)) {
            (void)hr_buf_addf(out, "[-]%s failed: %s\n", name, reason);
            failed = true;
        } else {
            (void)hr_buf_addf(out, "[+]%s ok\n", name);
        }
    }
    hr_checks_warn_unused(out, q, used);
    if (failed || q->verbose) {
        (void)hr_buf_addf(out, "warmz check %s\n", failed ? "failed" : "passed");
    } else {
        out->len = start;
        (void)hr_buf_adds(out, "ok");
    }
    return failed ? 503 : 200;
}

static unsigned warm_one(const struct hr_pool *p, const struct hr_board_phase *b, const char *name,
                         struct hr_buf *out)
{
    for (int i = 0; i < NWARM; i++) {
        char reason[REASON_MAX] = "";
        if (strcmp(warm_checks[i].name, name) != 0)
            continue;
        if (!warm_checks[i].check(p, b, reason)) {
            (void)hr_buf_adds(out, "ok");
            return 200;
        }
        (void)hr_buf_addf(out, "internal server error: %s\n", reason);
        return 503;
    }
    return 404;
}

unsigned hr_pool_warm(const struct hr_pool *p, const char *path, const struct hr_checks_query *q,
                      struct hr_buf *out)
{
    static const char endpoint[] = "/warmz";
    struct hr_board_phase b;
    if (hr_board_get_phase(p->cfg.board, &b)) {
        (void)hr_buf_adds(out, "[-]phase failed: the board cannot be read\nwarmz check failed\n");
        return 503;
    }
    const char *rest = path + sizeof(endpoint) - 1;
    return *rest == '/' ? warm_one(p, &b, rest + 1, out) : warm_all(p, &b, q, out);
}

/* ---- /metrics ------------------------------------------------------------------------------ */

static void one(struct hr_expo *e, const char *name, const char *type, double value,
                const char *help)
{
    hr_expo_family(e, name, type, help);
    hr_expo_sample(e, name, value, NULL);
}

/* From one moment to another; absent while one of them has not come. */
static void span(struct hr_expo *e, const char *name, int64_t from, int64_t to, const char *help)
{
    if (from && to)
        one(e, name, "gauge", to > from ? (double)(to - from) / 1000 : 0, help);
}

static void of_phases(struct hr_expo *e, const struct hr_board_phase *b, int64_t now)
{
    const char *names[HR_NPOD_PHASES];
    for (uint32_t i = 0; i < HR_NPOD_PHASES; i++)
        names[i] = hr_pod_phase_name(i);
    hr_expo_family(e, "handrail_phase", "stateset", "The phase that the pod is in.");
    hr_expo_states(e, "handrail_phase", names, HR_NPOD_PHASES, b->phase, NULL);
    hr_expo_family(e, "handrail_phase_seconds_total", "counter",
                   "Time spent in each phase since the container started.");
    for (int i = 0; i < HR_NPOD_PHASES; i++)
        hr_expo_sample(e, "handrail_phase_seconds_total",
                       (double)hr_phase_spent_ms(b, (enum hr_pod_phase)i, now) / 1000, "phase",
                       names[i], NULL);
    hr_expo_family(e, "handrail_phase_transitions_total", "counter",
                   "How often each phase has been entered.");
    for (int i = 0; i < HR_NPOD_PHASES; i++)
        hr_expo_sample(e, "handrail_phase_transitions_total", b->entered[i], "phase", names[i],
                       NULL);
}

static void of_the_claim(struct hr_expo *e, const struct hr_pool *p, const struct hr_board_phase *b,
                         int64_t started_ms)
{
    bool claimed = b->seen & HR_SEEN_CLAIMED;
    bool warm = b->seen & HR_SEEN_POOLED;
    span(e, "handrail_start_to_ready_seconds", started_ms, b->ready_ms,
         "From the start of the container to the first time the server was ready.");
    span(e, "handrail_start_to_claim_seconds", started_ms, b->claimed_ms,
         "From the start of the container to its claim.");
    span(e, "handrail_claim_to_ready_seconds", b->claimed_ms, b->ready_ms,
         "From the claim to the first time the server was ready; 0 if that came first.");
    span(e, "handrail_claim_to_active_seconds", b->claimed_ms, b->used_ms,
         "From the claim to the first use of the server.");
    hr_expo_family(e, "handrail_claims_total", "counter",
                   "Claims of this container: warm is one that was seen in a pool before.");
    hr_expo_sample(e, "handrail_claims_total", claimed && warm, "launch_type", "warm", NULL);
    hr_expo_sample(e, "handrail_claims_total", claimed && !warm, "launch_type", "cold", NULL);
    if (p->standing != HR_STANDING_UNKNOWN)
        one(e, "handrail_pooled", "gauge", p->standing == HR_STANDING_POOLED,
            "1 while the pod's labels say that it is in a warm pool.");
    if (claimed || can_be_claimed(p))
        one(e, "handrail_claimed", "gauge", claimed, "1 once the pod is known to be claimed.");
}

static void of_the_server(struct hr_expo *e, const struct hr_pool *p)
{
    static const char *const states[] = {"dormant", "initializing", "ready"};
    double idle = idle_s(p);
    if (p->init_state >= HR_INIT_DORMANT) {
        hr_expo_family(e, "handrail_server_init_state", "stateset",
                       "How far a server is whose initialisation is deferred.");
        hr_expo_states(e, "handrail_server_init_state", states, 3,
                       (size_t)(p->init_state - HR_INIT_DORMANT), NULL);
    }
    if (idle >= 0)
        one(e, "handrail_server_idle_seconds", "gauge", idle,
            "Since the server's last activity as it says itself, or since its start.");
    if (p->conversations >= 0)
        one(e, "handrail_server_conversations", "gauge", (double)p->conversations,
            "Conversations that the server has, running or not.");
    if (p->informed && p->server.version[0]) {
        hr_expo_family(e, "handrail_server_info", "info", "What the server says of itself.");
        hr_expo_sample(e, "handrail_server_info", 1, "version", p->server.version, NULL);
    }
}

static void of_the_volume(struct hr_expo *e, const struct hr_pool *p)
{
    if (!p->watch.dir[0])
        return;
    hr_expo_family(e, "handrail_podinfo_reads_total", "counter",
                   "Reads of the downwardAPI volume, by result.");
    hr_expo_sample(e, "handrail_podinfo_reads_total", (double)p->watch.good, "result", "success",
                   NULL);
    hr_expo_sample(e, "handrail_podinfo_reads_total", (double)p->watch.bad, "result", "failure",
                   NULL);
}

void hr_pool_collect(struct hr_expo *e, void *arg)
{
    const struct hr_pool *p = arg;
    struct hr_board_phase b;
    struct hr_board_head head;
    if (hr_board_get_phase(p->cfg.board, &b) || hr_board_get_head(p->cfg.board, &head))
        return; /* a scrape without them says so better than invented numbers */
    of_phases(e, &b, p->cfg.now_ms());
    of_the_claim(e, p, &b, head.started_ms);
    of_the_server(e, p);
    of_the_volume(e, p);
}
