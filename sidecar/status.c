/* SPDX-License-Identifier: MIT
 * /status: everything the sidecar knows, as one JSON object; and /crashes, a list.  A value that is
 * not known, or does not apply, is null. */
#include "health.h"

#include "common/clock.h"
#include "common/json_text.h"
#include "common/wall_text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static json_t *last_exit(int status)
{
    if (status == -1)
        return json_null();
    if (WIFSIGNALED(status))
        return json_pack("{s:i}", "signal", WTERMSIG(status));
    return json_pack("{s:i}", "code", WEXITSTATUS(status));
}

static json_t *seconds(int64_t ms)
{
    return json_real((double)ms / 1000);
}

static json_t *output(const struct hr_board *board, uint32_t index)
{
    struct hr_board_output o;
    if (hr_board_get_output(board, index, &o))
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I}", "lines", (json_int_t)o.lines, "bytes",
                     (json_int_t)o.bytes, "dropped_lines", (json_int_t)o.dropped_lines,
                     "dropped_bytes", (json_int_t)o.dropped_bytes);
}

static json_t *one_service(const struct hr_board_service *s, json_t *written, int64_t now)
{
    int running = s->pid > 0;
    int64_t retry = s->state == HR_BACKOFF ? s->retry_at_ms - now : -1;
    return json_pack("{s:o, s:s, s:o, s:I, s:I, s:o, s:o, s:f, s:o, s:o, s:o}", "name",
                     hr_json_field(s->name, sizeof(s->name)), "state", hr_state_name(s->state),
                     "pid", running ? json_integer(s->pid) : json_null(), "starts",
                     (json_int_t)s->starts, "failures", (json_int_t)s->failures, "last_exit",
                     last_exit(s->last_status), "uptime_seconds",
                     running ? seconds(now - s->started_ms) : json_null(), "state_seconds",
                     (double)(now - s->state_since_ms) / 1000, "retry_in_ms",
                     s->state == HR_BACKOFF ? json_integer(retry > 0 ? retry : 0) : json_null(),
                     "reason", hr_json_field(s->reason, sizeof(s->reason)), "output", written);
}

static json_t *services(const struct hr_board *board, uint32_t count, int64_t now)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < count && i < HR_MAX_SERVICES; i++) {
        struct hr_board_service s;
        if (!hr_board_get_service(board, i, &s))
            (void)json_array_append_new(all, one_service(&s, output(board, i), now));
    }
    return all;
}

/* What the server says of itself; null if the board cannot be read. */
static json_t *server(const struct hr_board *board, int64_t now)
{
    static const char *const agents[] = {"unknown", "ok", "wrong"};
    struct hr_board_server own;
    struct hr_board_service s;
    if (hr_board_get_server(board, &own) || hr_board_get_service(board, 0, &s))
        return json_null();
    bool initialised = !own.replay_life || own.replay_life != s.starts;
    return json_pack("{s:o, s:o, s:o, s:s, s:o, s:b, s:o, s:I, s:I}", "heartbeat_age_seconds",
                     own.beat_ms ? seconds(now - own.beat_ms) : json_null(), "loop_lag_ms",
                     own.beat_ms && own.lag_ms >= 0 ? json_integer(own.lag_ms) : json_null(),
                     "status", hr_json_field(own.status, sizeof(own.status)), "agent",
                     agents[own.agent <= HR_AGENT_WRONG ? own.agent : HR_AGENT_UNKNOWN],
                     "agent_error", hr_json_field(own.agent_error, sizeof(own.agent_error)),
                     "recorded", own.recorded != 0, "initialised",
                     own.recorded ? json_boolean(initialised) : json_null(), "replays",
                     (json_int_t)own.replays, "replay_errors", (json_int_t)own.replay_errors);
}

json_t *hr_wall_time(int64_t ms)
{
    char stamp[HR_WALL_TEXT];
    hr_wall_text(ms, stamp);
    return hr_json_field(stamp, sizeof(stamp));
}

static json_t *probe(const struct hr_health *h, enum hr_gate gate)
{
    const char *name = NULL;
    char reason[HR_CHECK_REASON_MAX];
    return json_boolean(hr_checks_pass(h->checks, gate, &name, reason, sizeof(reason)));
}

static json_t *hostname(void)
{
    char name[HOST_NAME_MAX + 1] = "";
    return gethostname(name, sizeof(name) - 1) ? json_null() : hr_json_field(name, sizeof(name));
}

static json_t *warm(const struct hr_health *h)
{
    struct hr_buf out;
    hr_buf_init(&out, HR_METRICS_MAX);
    const struct hr_checks_query q = {.verbose = false};
    unsigned status = hr_pool_warm(h->pool, "/warmz", &q, &out);
    hr_buf_free(&out);
    return json_boolean(status == 200);
}

/* What a probe of each kind would be answered: true for 200. */
static json_t *probes(const struct hr_health *h)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "startup", probe(h, HR_GATE_STARTUP), "live",
                     probe(h, HR_GATE_LIVE), "ready", probe(h, HR_GATE_READY), "warm", warm(h));
}

json_t *hr_status_of_pod(const struct hr_health *h)
{
    struct hr_board_head head = {.nservices = 0};
    int64_t now = hr_now_ms();
    int known = hr_board_get_head(h->board, &head) == 0;
    json_t *all = json_pack("{s:s, s:o, s:o, s:o, s:o, s:b, s:{s:s, s:i, s:b}}", "version",
                            HR_VERSION, "hostname", hostname(), "time", hr_wall_time(hr_wall_ms()),
                            "pid", known ? json_integer(head.supervisor_pid) : json_null(),
                            "uptime_seconds", known ? seconds(now - head.started_ms) : json_null(),
                            "draining", head.draining != 0, "agent", "host", h->agent_host, "port",
                            h->agent_port, "deferred", h->deferred);
    (void)json_object_set_new(all, "probes", probes(h));
    (void)json_object_set_new(all, "phase", hr_pool_status(h->pool));
    (void)json_object_set_new(all, "server", server(h->board, now));
    (void)json_object_set_new(all, "services", services(h->board, head.nservices, now));
    (void)json_object_set_new(all, "resources",
                              hr_resources_status(h->resources, hr_checks_disks(h->checks)));
    (void)json_object_set_new(all, "checks", hr_checks_status(h->checks));
    (void)json_object_set_new(all, "webhook", hr_webhook_status(h->webhook));
    return all;
}

json_t *hr_status(const struct hr_health *h)
{
    json_t *all = hr_status_of_pod(h);
    (void)json_object_set_new(all, "plugins", hr_mcp_status(h->mcp));
    return all;
}

json_t *hr_crash(const struct hr_board_crash *c)
{
    return json_pack("{s:I, s:o, s:I, s:I, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:I, s:o}", "number",
                     (json_int_t)c->number, "service",
                     hr_json_field(c->service, sizeof(c->service)), "life", (json_int_t)c->life,
                     "pid", (json_int_t)c->pid, "time", hr_wall_time(c->wall_ms), "exit",
                     last_exit(c->status), "core_dumped", c->core != 0, "reason",
                     hr_json_field(c->reason, sizeof(c->reason)), "uptime_seconds",
                     seconds(c->uptime_ms), "user_seconds", seconds(c->user_ms), "system_seconds",
                     seconds(c->system_ms), "max_rss_bytes", (json_int_t)c->maxrss_kb * 1024,
                     "oom_kills", c->oom_kills >= 0 ? json_integer(c->oom_kills) : json_null());
}

static int newer(const void *a, const void *b)
{
    const struct hr_board_crash *x = a;
    const struct hr_board_crash *y = b;
    return (x->number < y->number) - (x->number > y->number);
}

json_t *hr_crashes(const struct hr_health *h)
{
    struct hr_board_crash found[HR_CRASHES_MAX];
    json_t *all = json_array();
    size_t n = 0;
    for (uint32_t slot = 0; slot < HR_CRASHES_MAX; slot++)
        if (!hr_board_get_crash(h->board, slot, &found[n]))
            n++;
    qsort(found, n, sizeof(found[0]), newer);
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(all, hr_crash(&found[i]));
    return all;
}
