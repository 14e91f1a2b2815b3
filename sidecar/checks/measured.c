/* SPDX-License-Identifier: MIT
 * The checks that are measured: what each is, its policy, and what the settings change in it.
 * README.md beside this file has the same table for operators. */
#include "registry.h"

#include "common/fd.h"
#include "port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READY_REFUSED_MS = 10,
    READY_EASY_MS = 5000, /* of /ready, while heartbeats say that the loop turns */
    MEMORY_PRESSURE_PERCENT = 20,
    LAG_LIMIT_MS = 1000,
    FREE_PERCENT = 5,
};

/* The server knows no such parameter; our helper in it keeps requests that end like this, and are
 * answered well, out of its access log.  The whole paths are in handrail_agent.py too. */
#define MARK "handrail"

enum kind { ALIVE, READY, LAG, API, WORKSPACE, DISK, MEMORY, PORT };

static const struct {
    const char *name;
    struct hr_policy policy; /* period, timeout, failures, successes */
    int failing_ms;
    unsigned gates;
    bool of_server;
    const char *what;
    const char *unit;
} kinds[] = {
    [ALIVE] = {"alive", {5000, 2000, 3, 1}, 1000, HR_GATE_LIVE, true, "GET /alive", "seconds"},
    [READY] = {"ready", {2000, 2000, 3, 1}, 250, HR_GATE_READY, true, "GET /ready", "seconds"},
    [LAG] = {"loop-lag", {5000, 1000, 1, 1}, 5000, 0, true, "heartbeat", "seconds"},
    [API] = {"api", {60000, 10000, 2, 1}, 15000, 0, true, "the API", "seconds"},
    [WORKSPACE] = {"workspace", {60000, 5000, 2, 1}, 15000, 0, false, "the workspace", NULL},
    [DISK] = {"disk", {60000, 5000, 2, 1}, 15000, 0, false, "the workspace or /", "percent"},
    [MEMORY] = {"memory", {15000, 1000, 1, 2}, 5000, 0, false, "cgroup", "percent"},
    [PORT] = {"port/", {10000, 2000, 3, 1}, 1000, 0, true, "connect", "seconds"},
};

/* ---- settings ---- */

static const json_t *settings_of(const struct hr_checks *c, const char *name)
{
    return json_object_get(c->cfg.settings, name);
}

/* What is not set stays.  They were checked by whoever wrote them. */
static void take_int(const json_t *settings, const char *key, int *at)
{
    const json_t *value = json_object_get(settings, key);
    if (json_is_integer(value))
        *at = (int)json_integer_value(value);
}

static void take_int64(const json_t *settings, const char *key, int64_t *at)
{
    const json_t *value = json_object_get(settings, key);
    if (json_is_integer(value))
        *at = json_integer_value(value);
}

static void take_free(const json_t *settings, bool *is_percent, int64_t *at)
{
    *is_percent = !json_object_get(settings, "free_bytes");
    *at = FREE_PERCENT;
    take_int64(settings, "free_percent", at);
    take_int64(settings, "free_bytes", at);
}

static void take_gates(const json_t *settings, unsigned *gates)
{
    const json_t *list = json_object_get(settings, "gates");
    const json_t *one = NULL;
    size_t i = 0;
    if (!json_is_array(list))
        return;
    *gates = 0;
    json_array_foreach (list, i, one) {
        const char *name = json_string_value(one);
        for (unsigned gate = HR_GATE_STARTUP; gate <= HR_GATE_READY && name; gate <<= 1)
            if (strcmp(name, hr_gate_name((enum hr_gate)gate)) == 0)
                *gates |= gate;
    }
}

/* ---- the list ---- */

static void on_result(struct hr_measure *m, void *arg)
{
    struct hr_checks *c = arg;
    bool is_ready = m == &c->ready.m && m->result == HR_OK;
    if (is_ready && c->announced != m->life) {
        c->announced = m->life;
        for (int i = 0; i < c->nmeasures; i++) /* what did not answer before does now */
            if (c->measures[i]->of_server && c->measures[i] != m)
                hr_measure_now(c->measures[i]);
    }
    if (is_ready)
        c->cfg.on_ready(m->life, c->cfg.arg);
    hr_checks_refresh(c);
}

/* The entry of that name in the list, a new one if there is none. */
static struct hr_check *entry(struct hr_checks *c, const char *name)
{
    for (int i = 0; i < c->count; i++)
        if (strcmp(c->list[i].name, name) == 0)
            return &c->list[i];
    struct hr_check *check = &c->list[c->count++];
    (void)snprintf(check->name, sizeof(check->name), "%s", name);
    return check;
}

static void prepare(struct hr_checks *c, struct hr_measure *m, enum kind kind, const char *name)
{
    const json_t *settings = settings_of(c, name);
    struct hr_check *check = entry(c, name);
    check->m = m;
    check->gates = kinds[kind].gates;
    take_gates(settings, &check->gates);
    m->name = check->name;
    m->what = kinds[kind].what;
    m->unit = kinds[kind].unit;
    m->policy = kinds[kind].policy;
    m->failing_ms = kinds[kind].failing_ms;
    m->of_server = kinds[kind].of_server;
    take_int(settings, "period_ms", &m->policy.period_ms);
    take_int(settings, "timeout_ms", &m->policy.timeout_ms);
    take_int(settings, "failures", &m->policy.failures);
    take_int(settings, "successes", &m->policy.successes);
    m->loop = c->cfg.loop;
    m->board = c->cfg.board;
    m->now_ms = c->cfg.now_ms;
    m->on_result = on_result;
    m->arg = c;
    c->measures[c->nmeasures++] = m;
}

/* ---- over HTTP ---- */

static bool beats(const struct hr_measure *m)
{
    int64_t age_ms = hr_beat_age_ms(m->board, m->now_ms());
    return age_ms >= 0 && age_ms <= HR_BEAT_FRESH_MS;
}

/* A heartbeat comes from the loop that would answer: it says the same and costs nothing. */
static bool alive_without(struct hr_probe *p)
{
    struct hr_board_server s;
    if (!beats(&p->m) || hr_board_get_server(p->m.board, &s))
        return false;
    hr_measure_value(&p->m, HR_FOUND_GOOD, s.lag_ms > 0 ? (double)s.lag_ms / 1000 : 0,
                     "heartbeat %lld s ago",
                     (long long)hr_beat_age_ms(p->m.board, p->m.now_ms()) / 1000);
    return true;
}

static bool port_is_foreign(void *arg)
{
    const struct hr_checks *c = arg;
    struct hr_board_service s;
    return !hr_board_get_service(c->cfg.board, 0, &s) && s.pid > 0 &&
           hr_port_is_foreign(c->cfg.port, s.pid);
}

/* Not with a key that is none, nor a server that is dormant (it would answer 503), nor one that is
 * not ready (`ready` says so already). */
static bool api_without(struct hr_probe *p)
{
    const struct hr_checks *c = p->m.arg;
    const char *why = !c->key[0] ? "no session key is known"
                      : c->cfg.is_dormant && c->cfg.is_dormant(c->cfg.arg) ? "the server is dormant"
                      : c->ready.m.result != HR_OK || c->ready.m.life != p->m.life
                          ? "the server is not ready"
                          : NULL;
    if (why)
        hr_measure_say(&p->m, HR_FOUND_NOTHING, "not asked: %s", why);
    return why != NULL;
}

static void api_header(struct hr_probe *p, char *out, size_t size)
{
    const struct hr_checks *c = p->m.arg;
    (void)snprintf(out, size, "X-Session-API-Key: %s", c->key);
}

static enum hr_found api_judge(struct hr_probe *p, int status, const char *body, size_t len)
{
    static const char dormant[] = "deferred-init";
    (void)p;
    switch (status) {
    case 401: /* the key is not the server's: ours to mend, or it was changed by /api/init */
    case 403:
    case 404: return HR_FOUND_NOTHING; /* another version of the server */
    case 503:
        return memmem(body, len, dormant, sizeof(dormant) - 1) ? HR_FOUND_NOTHING : HR_FOUND_BAD;
    default: return HR_FOUND_BAD;
    }
}

/* An agent-server before 1.11.2 has no /ready, and listens when it has started. */
static enum hr_found ready_judge(struct hr_probe *p, int status, const char *body, size_t len)
{
    (void)p;
    (void)body;
    (void)len;
    return status == 404 ? HR_FOUND_GOOD : HR_FOUND_BAD;
}

static int add_probes(struct hr_checks *c)
{
    prepare(c, &c->alive.m, ALIVE, "alive");
    c->hang_limit_ms = HR_HANG_LIMIT_MS;
    take_int64(settings_of(c, "alive"), "limit_ms", &c->hang_limit_ms);
    c->alive.path[0] = "/alive?" MARK;
    c->alive.without = alive_without;
    prepare(c, &c->ready.m, READY, "ready");
    c->ready.path[0] = "/ready?" MARK;
    c->ready.m.refused_ms = READY_REFUSED_MS;
    if (!json_object_get(settings_of(c, "ready"), "period_ms")) /* what is asked for is done */
        c->ready.m.easy_ms = READY_EASY_MS;
    c->ready.m.is_easy = beats;
    c->ready.is_foreign = port_is_foreign;
    c->ready.judge = ready_judge;
    prepare(c, &c->api.m, API, "api");
    /* The first goes through the server's default executor, and finds nothing to read; the second
     * fails for all conversations if one on disk cannot be read, which costs the server seconds
     * and hundreds of lines in its log. */
    c->api.path[0] =
        "/api/bash/bash_events/search?limit=1&timestamp__gte=9000-01-01T00:00:00Z&" MARK;
    c->api.path[1] = "/api/conversations/search?limit=1&" MARK;
    c->api.without = api_without;
    c->api.header = api_header;
    c->api.judge = api_judge;
    struct hr_probe *probes[] = {&c->alive, &c->ready, &c->api};
    int err = 0;
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]) && !err; i++) {
        probes[i]->client = c->cfg.client;
        probes[i]->arg = c;
        err = hr_probe_init(probes[i], c->host, c->cfg.port);
    }
    return err;
}

/* ---- the others ---- */

static void add_lag(struct hr_checks *c)
{
    prepare(c, &c->lag.m, LAG, "loop-lag");
    c->lag.alive = &c->alive.m;
    c->lag.limit_ms = LAG_LIMIT_MS;
    take_int64(settings_of(c, "loop-lag"), "limit_ms", &c->lag.limit_ms);
    hr_lag_init(&c->lag);
}

static int add_folders(struct hr_checks *c)
{
    const char *path = json_string_value(json_object_get(settings_of(c, "workspace"), "path"));
    c->workspace.seen = path != NULL; /* named: then it has to be there */
    if (!path)
        path = "/workspace";
    prepare(c, &c->workspace.m, WORKSPACE, "workspace");
    (void)snprintf(c->workspace.path[0], HR_FOLDER_PATH_MAX, "%s", path);
    c->workspace.count = 1;
    c->workspace.writable = true;
    prepare(c, &c->disk.m, DISK, "disk");
    (void)snprintf(c->disk.path[0], HR_FOLDER_PATH_MAX, "%s", path);
    (void)snprintf(c->disk.path[1], HR_FOLDER_PATH_MAX, "/");
    c->disk.count = 2;
    take_free(settings_of(c, "disk"), &c->disk.free_is_percent, &c->disk.free);
    int err = hr_folders_init(&c->workspace);
    return err ? err : hr_folders_init(&c->disk);
}

static void add_memory(struct hr_checks *c)
{
    const json_t *settings = settings_of(c, "memory");
    prepare(c, &c->memory.m, MEMORY, "memory");
    take_free(settings, &c->memory.free_is_percent, &c->memory.free);
    c->memory.pressure_percent = MEMORY_PRESSURE_PERCENT;
    take_int(settings, "pressure_percent", &c->memory.pressure_percent);
    hr_memory_init(&c->memory, "");
}

static int add_port(struct hr_checks *c, const char *name)
{
    int64_t port = 0;
    if (c->nports == HR_CHECK_PORTS_MAX)
        return -ENOSPC;
    if (strlen(name) >= HR_CHECK_NAME_MAX || hr_parse_int(strchr(name, '/') + 1, 1, 65535, &port))
        return -EPROTO;
    struct hr_connect *connect = &c->ports[c->nports++];
    prepare(c, &connect->m, PORT, name);
    return hr_connect_init(connect, c->host, (int)port);
}

/* The server's own port needs no check of its own: `ready` goes through it. */
static int add_ports(struct hr_checks *c)
{
    const char *name = NULL;
    json_t *settings = NULL;
    int err = 0;
    void *all =
        (void *)(uintptr_t)c->cfg.settings; /* jansson's macro wants to write, and does not */
    json_object_foreach (all, name, settings)
        if (!err && strncmp(name, kinds[PORT].name, strlen(kinds[PORT].name)) == 0)
            err = add_port(c, name);
    return err;
}

int hr_checks_add_measured(struct hr_checks *c)
{
    int err = add_probes(c);
    add_lag(c);
    add_memory(c);
    if (!err)
        err = add_folders(c);
    return err ? err : add_ports(c);
}

void hr_checks_start_measured(struct hr_checks *c)
{
    for (int i = 0; i < c->nmeasures; i++)
        hr_measure_start(c->measures[i]);
    hr_memory_start(&c->memory);
}

void hr_checks_free_measured(struct hr_checks *c)
{
    for (int i = 0; i < c->nmeasures; i++)
        hr_measure_stop(c->measures[i]);
    hr_folders_free(&c->workspace);
    hr_folders_free(&c->disk);
    hr_memory_stop(&c->memory);
}
