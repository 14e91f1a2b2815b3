/* SPDX-License-Identifier: MIT
 * The list of checks, their timers, and who is told of a change.  See checks.h. */
#include "checks.h"

#include "common/clock.h"
#include "common/json_text.h"
#include "common/log.h"
#include "common/utf8.h"
#include "registry.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    int err = check->ask ? check->ask(c, check, gate, reason, size)
                         : hr_check_ask_measure(c, check->m, gate, reason, size);
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

/* A server that was given up is down once a stop has begun, which is no recovery. */
static bool is_stopping(const struct hr_checks *c)
{
    struct hr_board_head head;
    return hr_board_get_head(c->cfg.board, &head) == 0 && head.draining == HR_DRAINING_STOP;
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
    if (live && !c->was_live && !is_stopping(c))
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
    hr_checks_set_key(c, config->session_key);
    hr_checks_add_builtin(c);
    int err = hr_checks_add_measured(c);
    c->nfixed = c->count;
    c->cfg.settings = NULL; /* borrowed, and done with */
    if (err)
        hr_checks_free(c);
    else
        *ret = c;
    return err;
}

void hr_checks_free(struct hr_checks *c)
{
    if (!c)
        return;
    hr_checks_free_measured(c);
    explicit_bzero(c->key, sizeof(c->key));
    free(c);
}

void hr_checks_set_key(struct hr_checks *c, const char *key)
{
    explicit_bzero(c->key, sizeof(c->key));
    if (key && strlen(key) < sizeof(c->key))
        memcpy(c->key, key, strlen(key) + 1);
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
        int err = make_plugin(plugin, &c->list[c->nfixed], c->count - c->nfixed, &fresh[i]);
        if (err)
            return err;
    }
    memcpy(&c->list[c->nfixed], fresh, json_array_size(plugins) * sizeof(fresh[0]));
    c->count = c->nfixed + (int)json_array_size(plugins);
    return 0;
}

void hr_checks_start(struct hr_checks *c)
{
    hr_checks_start_measured(c);
}

void hr_checks_board_changed(struct hr_checks *c)
{
    for (int i = 0; i < c->nmeasures; i++)
        hr_measure_board_changed(c->measures[i]);
    hr_checks_refresh(c);
}

/* ---- for people and metrics ---- */

const char *hr_gate_name(enum hr_gate gate)
{
    switch (gate) {
    case HR_GATE_STARTUP: return "startup";
    case HR_GATE_LIVE: return "live";
    case HR_GATE_READY: return "ready";
    }
    return "";
}

/* Which of its endpoints it fails; its plain state, with the reason, is in check->ok. */
static unsigned failed_gates(struct hr_checks *c, const struct hr_check *check)
{
    char reason[HR_CHECK_REASON_MAX];
    unsigned failed = 0;
    for (unsigned gate = HR_GATE_STARTUP; gate <= HR_GATE_READY; gate <<= 1)
        if ((check->gates & gate) && hr_check_ask(c, check, gate, reason, sizeof(reason)))
            failed |= gate;
    return failed;
}

static json_t *gates_json(unsigned gates)
{
    json_t *list = json_array();
    for (unsigned gate = HR_GATE_STARTUP; gate <= HR_GATE_READY; gate <<= 1)
        if (gates & gate)
            (void)json_array_append_new(list, json_string(hr_gate_name((enum hr_gate)gate)));
    return list;
}

static bool has_value(const struct hr_measure *m)
{
    return m && m->unit && m->last.has_value;
}

/* Seconds since what is known was measured; null for what is looked at when somebody asks. */
static json_t *age(const struct hr_checks *c, const struct hr_measure *m)
{
    if (!m || m->result == HR_UNMEASURED)
        return json_null();
    return json_real((double)(c->cfg.now_ms() - m->last_asked_ms) / 1000);
}

static json_t *one_status(struct hr_checks *c, const struct hr_check *check)
{
    char reason[HR_CHECK_REASON_MAX];
    const struct hr_measure *m = check->m;
    unsigned failing = failed_gates(c, check);
    (void)hr_check_ask(c, check, 0, reason, sizeof(reason));
    if (check->ok && m && m->result == HR_UNKNOWN)
        (void)snprintf(reason, sizeof(reason), "%s", m->last.message);
    return json_pack("{s:s, s:b, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "name", check->name,
                     "ok", check->ok, "status",
                     failing     ? "fail"
                     : check->ok ? "pass"
                                 : "warn",
                     "message", hr_json_text(reason, strlen(reason)), "since_seconds",
                     (json_int_t)(c->cfg.now_ms() - check->since_ms) / 1000, "gates",
                     gates_json(check->gates), "observed",
                     has_value(m) ? json_real(round(m->last.value * 1000) / 1000) : json_null(),
                     "unit", has_value(m) ? json_string(m->unit) : json_null(), "age_seconds",
                     age(c, m), "failing_gates", gates_json(failing));
}

json_t *hr_checks_status(struct hr_checks *c)
{
    json_t *all = json_array();
    hr_checks_refresh(c);
    for (int i = 0; i < c->count; i++)
        (void)json_array_append_new(all, one_status(c, &c->list[i]));
    return all;
}

json_t *hr_checks_disks(const struct hr_checks *c)
{
    return hr_folders_disks(&c->disk);
}

static void collect_probes(struct hr_checks *c, struct hr_expo *e)
{
    const struct hr_probe *probes[] = {&c->alive, &c->ready, &c->api};
    const int n = sizeof(probes) / sizeof(probes[0]);
    hr_expo_family(e, "handrail_probes_total", "counter",
                   "Measurements of the health checks, by result.");
    for (int i = 0; i < c->nmeasures; i++) {
        const struct hr_measure *m = c->measures[i];
        hr_expo_sample(e, "handrail_probes_total", (double)m->good, "check", m->name, "result",
                       "success", NULL);
        hr_expo_sample(e, "handrail_probes_total", (double)m->bad, "check", m->name, "result",
                       "failure", NULL);
    }
    hr_expo_family(e, "handrail_probe_duration_seconds", "histogram",
                   "Time to the end of the answer or to giving up; closed ports left out.");
    for (int i = 0; i < n; i++)
        hr_expo_histogram(e, "handrail_probe_duration_seconds", &probes[i]->latency, "check",
                          probes[i]->m.name, NULL);
}

/* Values in units that a ratio or a number of seconds can be made of. */
static void collect_values(const struct hr_checks *c, struct hr_expo *e)
{
    hr_expo_family(e, "handrail_check_value", "gauge",
                   "What the check has measured: seconds or a ratio from 0 to 1, by unit.");
    for (int i = 0; i < c->nmeasures; i++) {
        const struct hr_measure *m = c->measures[i];
        bool percent = m->unit && strcmp(m->unit, "percent") == 0;
        if (has_value(m))
            hr_expo_sample(e, "handrail_check_value", m->last.value / (percent ? 100 : 1), "check",
                           m->name, "unit", percent ? "ratio" : "seconds", NULL);
    }
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
    collect_values(c, e);
    hr_expo_family(e, "handrail_ready", "gauge", "1 if /readyz answers 200.");
    hr_expo_sample(e, "handrail_ready",
                   hr_checks_pass(c, HR_GATE_READY, &name, reason, sizeof(reason)), NULL);
    hr_expo_family(e, "handrail_live", "gauge", "1 if /livez answers 200.");
    hr_expo_sample(e, "handrail_live",
                   hr_checks_pass(c, HR_GATE_LIVE, &name, reason, sizeof(reason)), NULL);
    collect_probes(c, e);
    hr_folders_collect(&c->disk, e);
}
