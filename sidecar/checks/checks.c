/* SPDX-License-Identifier: MIT
 * The list of checks, their timers, and who is told of a change.  See checks.h. */
#include "checks.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/utf8.h"
#include "port.h"
#include "registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READY_REFUSED_MS = 25,
    READY_FAILING_MS = 250,
    READY_PERIOD_MS = 2000,
    ALIVE_FAILING_MS = 1000,
    ALIVE_PERIOD_MS = 5000,
};

/* One line of valid UTF-8, whatever a plugin or a process put into it. */
static void make_line(char *s)
{
    size_t n = strlen(s);
    for (size_t at = hr_utf8_valid(s, n); at < n; at += hr_utf8_valid(s + at, n - at))
        s[at] = '?';
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            *s = ' ';
}

int hr_check_ask(struct hr_checks *c, const struct hr_check *check, unsigned gate, char *reason,
                 size_t size)
{
    reason[0] = '\0';
    int err = check->ask(c, check, gate, reason, size);
    if (!err)
        reason[0] = '\0';
    make_line(reason);
    return err;
}

bool hr_checks_pass(struct hr_checks *c, enum hr_gate gate, const char **ret_name, char *reason,
                    size_t size)
{
    for (int i = 0; i < c->count; i++) {
        const struct hr_check *check = &c->list[i];
        if ((check->gates & gate) && hr_check_ask(c, check, gate, reason, size)) {
            *ret_name = check->name;
            return false;
        }
    }
    return true;
}

static void log_changes(struct hr_checks *c)
{
    char reason[HR_CHECK_REASON_MAX];
    const char *name = NULL;
    bool ready = hr_checks_pass(c, HR_GATE_READY, &name, reason, sizeof(reason));
    if (ready && !c->was_ready)
        hr_info("the pod is ready");
    else if (!ready && c->was_ready)
        hr_log(strcmp(name, "draining") == 0 ? HR_LOG_INFO : HR_LOG_WARNING,
               "the pod is no longer ready: %s: %s", name, reason);
    c->was_ready = ready;
    bool live = hr_checks_pass(c, HR_GATE_LIVE, &name, reason, sizeof(reason));
    if (live && !c->was_live)
        hr_info("the pod is live again");
    else if (!live && c->was_live)
        hr_error("the pod is no longer live: %s: %s", name, reason);
    c->was_live = live;
}

void hr_checks_refresh(struct hr_checks *c)
{
    char reason[HR_CHECK_REASON_MAX];
    int64_t now = c->cfg.now_ms();
    for (int i = 0; i < c->count; i++) {
        struct hr_check *check = &c->list[i];
        bool ok = hr_check_ask(c, check, 0, reason, sizeof(reason)) == 0;
        if (ok != check->ok || !check->since_ms)
            check->since_ms = now;
        check->ok = ok;
    }
    log_changes(c);
}

static void on_result(struct hr_probe *p, void *arg)
{
    struct hr_checks *c = arg;
    if (p == &c->ready && p->result == HR_OK && c->announced != p->life) {
        c->announced = p->life;
        c->cfg.on_ready(p->life, c->cfg.arg);
    }
    hr_checks_refresh(c);
}

static bool port_is_foreign(void *arg)
{
    const struct hr_checks *c = arg;
    struct hr_board_service s;
    return !hr_board_get_service(c->cfg.board, 0, &s) && s.pid > 0 &&
           hr_port_is_foreign(c->cfg.port, s.pid);
}

static int init_probe(struct hr_checks *c, struct hr_probe *p)
{
    p->loop = c->cfg.loop;
    p->client = c->cfg.client;
    p->board = c->cfg.board;
    p->now_ms = c->cfg.now_ms;
    p->on_result = on_result;
    p->arg = c;
    return hr_probe_init(p, c->cfg.host, c->cfg.port);
}

int hr_checks_new(const struct hr_checks_config *config, struct hr_checks **ret)
{
    if (strlen(config->host) >= HR_HOST_MAX)
        return -ENAMETOOLONG;
    struct hr_checks *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->cfg = *config;
    memcpy(c->host, config->host, strlen(config->host) + 1);
    c->cfg.host = c->host;
    if (!c->cfg.now_ms)
        c->cfg.now_ms = hr_now_ms;
    c->was_live = true;
    c->ready.path = "/ready";
    c->ready.is_foreign = port_is_foreign;
    c->ready.refused_ms = READY_REFUSED_MS;
    c->ready.failing_ms = READY_FAILING_MS;
    c->ready.period_ms = READY_PERIOD_MS;
    c->alive.path = "/alive";
    c->alive.refused_ms = ALIVE_FAILING_MS;
    c->alive.failing_ms = ALIVE_FAILING_MS;
    c->alive.period_ms = ALIVE_PERIOD_MS;
    int err = init_probe(c, &c->ready);
    if (!err)
        err = init_probe(c, &c->alive);
    if (err) {
        free(c);
        return err;
    }
    hr_checks_add_builtin(c);
    c->nbuiltin = c->count;
    *ret = c;
    return 0;
}

void hr_checks_free(struct hr_checks *c)
{
    if (!c)
        return;
    hr_probe_stop(&c->ready);
    hr_probe_stop(&c->alive);
    free(c);
}

static int ask_plugin(struct hr_checks *c, const struct hr_check *check, unsigned gate,
                      char *reason, size_t size)
{
    (void)gate;
    return c->cfg.plugin_ok(strchr(check->name, '/') + 1, reason, size, c->cfg.arg);
}

/* The check of one entry; what `old` had of that name is kept. */
static int make_plugin(const json_t *plugin, const struct hr_check *old, int nold,
                       struct hr_check *ret)
{
    const char *id = json_string_value(json_object_get(plugin, "id"));
    bool required = json_is_true(json_object_get(plugin, "required"));
    if (!id || !*id || strlen(id) > HR_PLUGIN_ID_MAX)
        return -EPROTO;
    struct hr_check check = {.ask = ask_plugin};
    (void)snprintf(check.name, sizeof(check.name), "plugin/%s", id);
    for (int i = 0; i < nold; i++)
        if (strcmp(old[i].name, check.name) == 0)
            check = old[i];
    check.gates = required ? HR_GATE_READY : 0;
    *ret = check;
    return 0;
}

int hr_checks_set_plugins(struct hr_checks *c, const json_t *plugins)
{
    struct hr_check fresh[HR_MAX_PLUGINS];
    const json_t *plugin = NULL;
    size_t i = 0;
    if (!json_is_array(plugins))
        return -EPROTO;
    if (json_array_size(plugins) > HR_MAX_PLUGINS)
        return -ENOSPC;
    json_array_foreach (plugins, i, plugin) {
        int err = make_plugin(plugin, &c->list[c->nbuiltin], c->count - c->nbuiltin, &fresh[i]);
        if (err)
            return err;
    }
    memcpy(&c->list[c->nbuiltin], fresh, json_array_size(plugins) * sizeof(fresh[0]));
    c->count = c->nbuiltin + (int)json_array_size(plugins);
    return 0;
}

void hr_checks_start(struct hr_checks *c)
{
    hr_probe_start(&c->ready);
    hr_probe_start(&c->alive);
}

void hr_checks_board_changed(struct hr_checks *c)
{
    hr_probe_board_changed(&c->ready);
    hr_probe_board_changed(&c->alive);
    hr_checks_refresh(c);
}

json_t *hr_checks_status(struct hr_checks *c)
{
    json_t *all = json_array();
    hr_checks_refresh(c);
    for (int i = 0; i < c->count; i++) {
        char reason[HR_CHECK_REASON_MAX];
        const struct hr_check *check = &c->list[i];
        (void)hr_check_ask(c, check, 0, reason, sizeof(reason));
        json_int_t since = (c->cfg.now_ms() - check->since_ms) / 1000;
        (void)json_array_append_new(all, json_pack("{s:s, s:b, s:s, s:I}", "name", check->name,
                                                   "ok", check->ok, "message", reason,
                                                   "since_seconds", since));
    }
    return all;
}

static void collect_probes(struct hr_checks *c, struct hr_expo *e)
{
    const struct hr_probe *probes[] = {&c->alive, &c->ready};
    const int n = sizeof(probes) / sizeof(probes[0]);
    hr_expo_family(e, "handrail_probes_total", "counter",
                   "Requests of the health checks to the server, by result.");
    for (int i = 0; i < n; i++) {
        const char *name = probes[i]->path + 1;
        hr_expo_sample(e, "handrail_probes_total", (double)probes[i]->good, "check", name, "result",
                       "success", NULL);
        hr_expo_sample(e, "handrail_probes_total", (double)probes[i]->bad, "check", name, "result",
                       "failure", NULL);
    }
    hr_expo_family(e, "handrail_probe_duration_seconds", "histogram",
                   "Time to the end of the answer or to giving up; closed ports left out.");
    for (int i = 0; i < n; i++)
        hr_expo_histogram(e, "handrail_probe_duration_seconds", &probes[i]->latency, "check",
                          probes[i]->path + 1, NULL);
}

void hr_checks_collect(struct hr_expo *e, void *arg)
{
    struct hr_checks *c = arg;
    char reason[HR_CHECK_REASON_MAX];
    const char *name = NULL;
    hr_checks_refresh(c);
    hr_expo_family(e, "handrail_check_ok", "gauge", "1 if the check passes.");
    for (int i = 0; i < c->count; i++)
        hr_expo_sample(e, "handrail_check_ok", c->list[i].ok, "check", c->list[i].name, NULL);
    hr_expo_family(e, "handrail_ready", "gauge", "1 if /readyz answers 200.");
    hr_expo_sample(e, "handrail_ready",
                   hr_checks_pass(c, HR_GATE_READY, &name, reason, sizeof(reason)), NULL);
    hr_expo_family(e, "handrail_live", "gauge", "1 if /livez answers 200.");
    hr_expo_sample(e, "handrail_live",
                   hr_checks_pass(c, HR_GATE_LIVE, &name, reason, sizeof(reason)), NULL);
    collect_probes(c, e);
}
