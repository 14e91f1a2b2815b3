/* SPDX-License-Identifier: MIT
 * The screen of `handrail status`.  See status_screen.h. */
#include "status_screen.h"

#include "common/phase.h"
#include "text.h"

#include <stdbool.h>
#include <string.h>

enum { LABEL = 12 /* columns */ };

static long long integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static bool truth(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static bool is_number(const json_t *object, const char *key)
{
    return json_is_number(json_object_get(object, key));
}

static const json_t *get(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

static void label(FILE *out, const char *words)
{
    hr_text_cell(out, HR_DIM, words, LABEL);
}

/* ---- services ---- */

static enum hr_paint state_paint(const char *state)
{
    if (strcmp(state, "up") == 0)
        return HR_PLAIN;
    return strcmp(state, "failed") == 0 ? HR_RED : HR_YELLOW;
}

/* Why it is in this state, and what comes next; or how its last process ended. */
static void print_reason(FILE *out, const json_t *service)
{
    char retry[HR_HUMAN_MAX];
    const char *reason = hr_text_get(service, "reason", "");
    const json_t *last = get(service, "last_exit");
    bool retries = is_number(service, "retry_in_ms");
    bool ended = get(last, "signal") || get(last, "code");
    if (!*reason && !retries && !ended)
        return;
    (void)fputs("  ", out);
    hr_text_print(out, reason);
    if (retries) {
        hr_human_duration(retry, json_number_value(get(service, "retry_in_ms")) / 1000);
        (void)fprintf(out, "%sagain in %s", *reason ? "; " : "", retry);
    } else if (!*reason && get(last, "signal")) {
        (void)fprintf(out, "its last process was ended by signal %lld", integer(last, "signal"));
    } else if (!*reason) {
        (void)fprintf(out, "its last process ended with code %lld", integer(last, "code"));
    }
    (void)fputc('\n', out);
}

static void print_service(FILE *out, const json_t *service, int width)
{
    char uptime[HR_HUMAN_MAX];
    char since[HR_HUMAN_MAX];
    char pid[24] = "-";
    long long starts = integer(service, "starts");
    const char *state = hr_text_get(service, "state", "?");
    hr_text_get_duration(uptime, service, "uptime_seconds");
    hr_text_get_duration(since, service, "state_seconds");
    if (json_is_integer(get(service, "pid")))
        (void)snprintf(pid, sizeof(pid), "%lld", integer(service, "pid"));
    hr_text_cell(out, HR_PLAIN, hr_text_get(service, "name", "?"), width + 2);
    hr_text_cell(out, state_paint(state), state, 10);
    (void)fprintf(out, "%-8s  %-7s  %-8s  %8lld\n", since, pid, uptime,
                  starts > 0 ? starts - 1 : 0);
    print_reason(out, service);
}

static void print_services(FILE *out, const json_t *services)
{
    size_t i = 0;
    const json_t *service = NULL;
    int width = (int)strlen("SERVICE");
    json_array_foreach (services, i, service) {
        int n = (int)strlen(hr_text_get(service, "name", "?"));
        width = n > width ? n : width;
    }
    (void)fprintf(out, "\n%-*s  %-8s  %-8s  %-7s  %-8s  %8s\n", width, "SERVICE", "STATE", "SINCE",
                  "PID", "UPTIME", "RESTARTS");
    json_array_foreach (services, i, service)
        print_service(out, service, width);
}

/* ---- what the server tells of itself, if its helper is there to tell ---- */

static void print_agent(FILE *out, const json_t *server)
{
    const char *agent = hr_text_get(server, "agent", "unknown");
    label(out, "agent");
    if (strcmp(agent, "wrong") == 0) {
        hr_text_cell(out, HR_RED, "wrong", 0);
        (void)fputs(": ", out);
        hr_text_print(out, hr_text_get(server, "agent_error", "no reason was given"));
    } else {
        hr_text_print(out, strcmp(agent, "unknown") == 0 ? "not checked" : agent);
    }
    (void)fputc('\n', out);
}

static void print_replays(FILE *out, const json_t *server)
{
    (void)fprintf(out, "recorded, this server %s; replayed ",
                  truth(server, "initialised") ? "has it" : "still waits for it");
    hr_text_things(out, integer(server, "replays"), "time");
    (void)fputs(", failed ", out);
    hr_text_things(out, integer(server, "replay_errors"), "time");
    (void)fputc('\n', out);
}

static void print_server(FILE *out, const json_t *server)
{
    char age[HR_HUMAN_MAX];
    const char *words = hr_text_get(server, "status", NULL);
    (void)fputc('\n', out);
    label(out, "heartbeat");
    hr_text_get_duration(age, server, "heartbeat_age_seconds");
    if (!is_number(server, "heartbeat_age_seconds"))
        (void)fputs("none", out);
    else if (json_is_integer(get(server, "loop_lag_ms")))
        (void)fprintf(out, "%s ago, loop lag %lld ms", age, integer(server, "loop_lag_ms"));
    else
        (void)fprintf(out, "%s ago", age);
    (void)fputc('\n', out);
    if (words) {
        label(out, "says");
        hr_text_print(out, words);
        (void)fputc('\n', out);
    }
    print_agent(out, server);
    label(out, "init");
    if (!truth(server, "recorded"))
        (void)fputs("nothing recorded\n", out);
    else
        print_replays(out, server);
}

/* ---- what the sidecar knows ---- */

/* 1, 0, or -1 for not known. */
static int known_truth(const json_t *object, const char *key)
{
    const json_t *v = get(object, key);
    return json_is_boolean(v) ? json_is_true(v) : -1;
}

static void print_pool(FILE *out, const json_t *phase)
{
    const char *uid = hr_text_get(phase, "claim_uid", NULL);
    label(out, "pool");
    (void)fputs(hr_pod_pool_words(known_truth(phase, "pooled"), known_truth(phase, "claimed")),
                out);
    if (uid) {
        (void)fputs(" by ", out);
        hr_text_print(out, uid);
    }
    (void)fputc('\n', out);
}

static void print_phase(FILE *out, const json_t *phase)
{
    char duration[HR_HUMAN_MAX];
    enum hr_pod_phase known = HR_POD_STARTING;
    const char *name = hr_text_get(phase, "name", "");
    const char *version = hr_text_get(phase, "server_version", NULL);
    label(out, "phase");
    if (!*name) {
        (void)fputs("not known\n", out);
        return;
    }
    hr_text_get_duration(duration, phase, "seconds");
    hr_text_cell(out, HR_BOLD, name, 0);
    if (!hr_pod_phase_parse(name, strlen(name), &known))
        (void)fprintf(out, " (%s)", hr_pod_phase_meaning(known));
    (void)fprintf(out, " for %s", duration);
    if (is_number(phase, "idle_seconds")) {
        hr_text_get_duration(duration, phase, "idle_seconds");
        (void)fprintf(out, ", idle for %s", duration);
    }
    if (version) {
        (void)fputs(", server ", out);
        hr_text_print(out, version);
    }
    (void)fputc('\n', out);
    print_pool(out, phase);
}

static void print_probes(FILE *out, const json_t *probes)
{
    static const char *const names[] = {"startup", "live", "ready", "warm"};
    const char *between = "";
    label(out, "probes");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const json_t *p = get(probes, names[i]);
        bool calm = json_is_true(p) || strcmp(names[i], "warm") == 0;
        if (!json_is_boolean(p))
            continue;
        (void)fprintf(out, "%s%s ", between, names[i]);
        hr_text_cell(out, calm ? HR_PLAIN : HR_RED, json_is_true(p) ? "200" : "503", 0);
        between = ", ";
    }
    (void)fputs(*between ? "\n" : "not known\n", out);
}

static void print_check(FILE *out, const json_t *check, bool fails)
{
    char since[HR_HUMAN_MAX];
    hr_text_get_duration(since, check, "since_seconds");
    (void)fputs("  ", out);
    hr_text_cell(out, fails ? HR_RED : HR_YELLOW, fails ? "failing" : "warning", LABEL - 2);
    hr_text_print(out, hr_text_get(check, "name", "?"));
    (void)fprintf(out, ", for %s", since);
    if (*hr_text_get(check, "message", "")) {
        (void)fputs(": ", out);
        hr_text_print(out, hr_text_get(check, "message", ""));
    }
    (void)fputc('\n', out);
}

/* One that decides about nothing now is only warned of. */
static bool warns(const json_t *check)
{
    return strcmp(hr_text_get(check, "status", ""), "warn") == 0;
}

static bool fails(const json_t *check)
{
    return !warns(check) && strcmp(hr_text_get(check, "status", ""), "pass") != 0;
}

/* How many are well, and those that are not. */
static void print_checks(FILE *out, const json_t *checks)
{
    size_t i = 0;
    size_t unwell = 0;
    const json_t *check = NULL;
    json_array_foreach (checks, i, check)
        unwell += warns(check) || fails(check);
    label(out, "checks");
    if (!json_is_array(checks))
        (void)fputs("not known\n", out);
    else
        (void)fprintf(out, "%zu of %zu ok\n", json_array_size(checks) - unwell,
                      json_array_size(checks));
    json_array_foreach (checks, i, check)
        if (fails(check))
            print_check(out, check, true);
    json_array_foreach (checks, i, check)
        if (warns(check))
            print_check(out, check, false);
}

static void print_plugin(FILE *out, const json_t *plugin, int width)
{
    size_t i = 0;
    const json_t *tool = NULL;
    long long calls = 0;
    long long errors = 0;
    const char *state = hr_text_get(plugin, "state", "?");
    const char *reason = hr_text_get(plugin, "reason", "");
    json_array_foreach (get(plugin, "tools"), i, tool) {
        calls += integer(tool, "calls");
        errors += integer(tool, "errors");
    }
    hr_text_cell(out, HR_PLAIN, hr_text_get(plugin, "id", "?"), width + 2);
    hr_text_cell(out, state_paint(state), state, 10);
    (void)fprintf(out, "%8lld  %6lld  %4lld", calls, errors, integer(plugin, "calls_in_flight"));
    (void)fputs(*reason ? "  " : "", out);
    hr_text_print(out, reason);
    (void)fputc('\n', out);
}

static void print_plugins(FILE *out, const json_t *plugins)
{
    size_t i = 0;
    const json_t *plugin = NULL;
    int width = (int)strlen("PLUGIN");
    if (json_array_size(plugins) == 0) {
        label(out, "plugins");
        (void)fputs(json_is_array(plugins) ? "none\n" : "not known\n", out);
        return;
    }
    json_array_foreach (plugins, i, plugin) {
        int n = (int)strlen(hr_text_get(plugin, "id", "?"));
        width = n > width ? n : width;
    }
    (void)fprintf(out, "\n%-*s  %-8s  %8s  %6s  %4s  %s\n", width, "PLUGIN", "STATE", "CALLS",
                  "ERRORS", "OPEN", "REASON");
    json_array_foreach (plugins, i, plugin)
        print_plugin(out, plugin, width);
}

static void print_use(FILE *out, const char *name, const char *used, const char *limit,
                      double share)
{
    (void)fprintf(out, "%s %s", name, used);
    if (*limit)
        (void)fprintf(out, " of %s (%.0f%%)", limit, share < 999 ? share * 100 : 99900);
}

/* Counted as the kubelet does, without what the kernel can have back at once; where that is not
 * known, all of it. */
static void print_memory(FILE *out, const json_t *memory)
{
    char used[HR_HUMAN_MAX];
    char limit[HR_HUMAN_MAX] = "";
    bool set = is_number(memory, "working_set_bytes");
    double u = json_number_value(get(memory, set ? "working_set_bytes" : "used_bytes"));
    double l = json_number_value(get(memory, "limit_bytes"));
    if (!set && !is_number(memory, "used_bytes")) {
        (void)fputs("memory not known", out);
        return;
    }
    hr_human_bytes(used, u);
    if (l > 0)
        hr_human_bytes(limit, l);
    print_use(out, set ? "working set" : "memory with cached files", used, limit,
              l > 0 ? u / l : 0);
    if (integer(memory, "oom_kills") > 0) {
        (void)fputs(", ", out);
        hr_text_things(out, integer(memory, "oom_kills"), "OOM kill");
    }
}

static void print_pids(FILE *out, const json_t *pids)
{
    char used[24];
    char limit[24] = "";
    double l = json_number_value(get(pids, "limit"));
    if (!is_number(pids, "count"))
        return;
    (void)snprintf(used, sizeof(used), "%lld", integer(pids, "count"));
    if (l > 0)
        (void)snprintf(limit, sizeof(limit), "%lld", integer(pids, "limit"));
    (void)fputs("; ", out);
    print_use(out, "pids", used, limit, l > 0 ? (double)integer(pids, "count") / l : 0);
}

static void print_cores(FILE *out, const json_t *cpu)
{
    char cores[32];
    if (!is_number(cpu, "limit_cores"))
        return;
    (void)snprintf(cores, sizeof(cores), "%.3g", json_number_value(get(cpu, "limit_cores")));
    (void)fprintf(out, "; %s core%s", cores, strcmp(cores, "1") == 0 ? "" : "s");
}

static void print_resources(FILE *out, const json_t *resources)
{
    size_t i = 0;
    const json_t *disk = NULL;
    label(out, "resources");
    if (!json_is_object(resources)) {
        (void)fputs("not known\n", out);
        return;
    }
    print_memory(out, get(resources, "memory"));
    print_pids(out, get(resources, "pids"));
    print_cores(out, get(resources, "cpu"));
    json_array_foreach (get(resources, "disks"), i, disk) {
        char left[HR_HUMAN_MAX];
        hr_human_bytes(left, json_number_value(get(disk, "free_bytes")));
        if (!is_number(disk, "free_bytes"))
            continue;
        (void)fputs("; ", out);
        hr_text_print(out, hr_text_get(disk, "path", "?"));
        (void)fprintf(out, " %s free", left);
    }
    (void)fputc('\n', out);
}

/* Nothing without a receiver. */
static void print_webhook(FILE *out, const json_t *webhook)
{
    char wait[HR_HUMAN_MAX];
    const char *error = hr_text_get(webhook, "error", NULL);
    if (!json_is_object(webhook))
        return;
    label(out, "webhook");
    hr_text_print(out, hr_text_get(webhook, "receiver", "?"));
    (void)fprintf(out, ": %lld delivered, %lld refused, %lld dropped, %lld waiting\n",
                  integer(webhook, "delivered"), integer(webhook, "failed"),
                  integer(webhook, "dropped"), integer(webhook, "queued"));
    if (!error)
        return;
    (void)fputs("  ", out);
    hr_text_cell(out, HR_YELLOW, "last try", LABEL - 2);
    hr_text_print(out, error);
    if (is_number(webhook, "retry_in_ms")) {
        hr_human_duration(wait, json_number_value(get(webhook, "retry_in_ms")) / 1000);
        (void)fprintf(out, "; again in %s", wait);
    }
    (void)fputc('\n', out);
}

/* ---- all of it ---- */

static void print_head(FILE *out, const json_t *status)
{
    char uptime[HR_HUMAN_MAX];
    const char *host = hr_text_get(status, "hostname", NULL);
    hr_text_get_duration(uptime, status, "uptime_seconds");
    (void)fputs("handrail ", out);
    hr_text_print(out, hr_text_get(status, "version", "?"));
    if (host) {
        (void)fputs(" on ", out);
        hr_text_print(out, host);
    }
    (void)fprintf(out, ", pid %lld, up %s", integer(status, "pid"), uptime);
    if (truth(status, "draining")) {
        (void)fputs(", ", out);
        hr_text_cell(out, HR_YELLOW, "draining: readiness is off", 0);
    }
    (void)fputc('\n', out);
}

/* Which of the two does not answer, and what is left. */
static void print_silence(FILE *out, const char *who, const char *why, const char *left)
{
    if (!why)
        return;
    label(out, who);
    hr_text_cell(out, HR_RED, "does not answer", 0);
    (void)fputs(": ", out);
    hr_text_print(out, why);
    (void)fprintf(out, ".\n%*sWhat follows is what %s.\n", LABEL, "", left);
}

void hr_status_print(FILE *out, const json_t *status)
{
    bool known = json_is_object(get(status, "probes"));
    print_head(out, status);
    print_silence(out, "supervisor", hr_text_get(status, "supervisor_error", NULL),
                  "the sidecar knows");
    print_silence(out, "sidecar", hr_text_get(status, "sidecar_error", NULL),
                  "the supervisor knows: no phase, checks, plugins, resources");
    if (known) {
        print_phase(out, get(status, "phase"));
        print_probes(out, get(status, "probes"));
        print_checks(out, get(status, "checks"));
    }
    print_services(out, get(status, "services"));
    if (known)
        print_plugins(out, get(status, "plugins"));
    print_server(out, get(status, "server"));
    if (known) {
        print_resources(out, get(status, "resources"));
        print_webhook(out, get(status, "webhook"));
    }
}
