/* SPDX-License-Identifier: MIT
 * What the supervisor knows, as metrics.  A family must not be interrupted, so the services are
 * read first and written family by family. */
#include "metrics.h"

#include "common/clock.h"

#include <stddef.h>
#include <string.h>
#include <sys/wait.h>

struct snapshot {
    int64_t now;
    int count;
    struct hr_board_service services[HR_MAX_SERVICES];
    struct hr_board_output outputs[HR_MAX_SERVICES];
};

static void family(struct hr_expo *e, const struct snapshot *s, const char *name, const char *type,
                   const char *help,
                   double (*value)(const struct snapshot *, const struct hr_board_service *))
{
    hr_expo_family(e, name, type, help);
    for (int i = 0; i < s->count; i++)
        hr_expo_sample(e, name, value(s, &s->services[i]), "service", s->services[i].name, NULL);
}

static double up(const struct snapshot *snap, const struct hr_board_service *s)
{
    (void)snap;
    return s->state == HR_UP;
}

static double starts(const struct snapshot *snap, const struct hr_board_service *s)
{
    (void)snap;
    return s->starts;
}

static double failures(const struct snapshot *snap, const struct hr_board_service *s)
{
    (void)snap;
    return s->failures;
}

static double uptime(const struct snapshot *snap, const struct hr_board_service *s)
{
    return s->pid > 0 ? (double)(snap->now - s->started_ms) / 1000 : 0;
}

static void states(struct hr_expo *e, const struct snapshot *s)
{
    hr_expo_family(e, "handrail_service_state", "gauge",
                   "1 for the state the service is in, 0 for the others.");
    for (int i = 0; i < s->count; i++)
        for (uint32_t state = 0; state < HR_NSTATES; state++)
            hr_expo_sample(e, "handrail_service_state", s->services[i].state == state, "service",
                           s->services[i].name, "state", hr_state_name(state), NULL);
}

static void exits(struct hr_expo *e, const struct snapshot *s)
{
    static const char name[] = "handrail_service_exits_total";
    hr_expo_family(e, name, "counter", "Processes that have ended, by how they did.");
    for (int i = 0; i < s->count; i++)
        for (uint32_t end = 0; end < HR_NENDS; end++)
            hr_expo_sample(e, name, s->services[i].ends[end], "service", s->services[i].name,
                           "reason", hr_end_name(end), NULL);
}

/* Absent for a service that has not ended yet, and for the way it did not end. */
static void last_exits(struct hr_expo *e, const struct snapshot *s)
{
    hr_expo_family(e, "handrail_service_last_exit_code", "gauge",
                   "Exit code of the service's last process, if it ended by itself.");
    for (int i = 0; i < s->count; i++)
        if (s->services[i].last_status != -1 && WIFEXITED(s->services[i].last_status))
            hr_expo_sample(e, "handrail_service_last_exit_code",
                           WEXITSTATUS(s->services[i].last_status), "service", s->services[i].name,
                           NULL);
    hr_expo_family(e, "handrail_service_last_exit_signal", "gauge",
                   "Signal that ended the service's last process, if one did.");
    for (int i = 0; i < s->count; i++)
        if (s->services[i].last_status != -1 && WIFSIGNALED(s->services[i].last_status))
            hr_expo_sample(e, "handrail_service_last_exit_signal",
                           WTERMSIG(s->services[i].last_status), "service", s->services[i].name,
                           NULL);
}

static void of_services(struct hr_expo *e, const struct snapshot *s)
{
    family(e, s, "handrail_service_up", "gauge",
           "1 if the service runs and, for the server, has answered /ready.", up);
    states(e, s);
    family(e, s, "handrail_service_starts_total", "counter", "Processes started.", starts);
    family(e, s, "handrail_service_failures_total", "counter", "Ends that nobody asked for.",
           failures);
    exits(e, s);
    family(e, s, "handrail_service_uptime_seconds", "gauge",
           "Age of the service's process; 0 without one.", uptime);
    last_exits(e, s);
}

static void of_outputs(struct hr_expo *e, const struct snapshot *s)
{
    static const struct {
        const char *name;
        const char *help;
        size_t offset;
    } counters[] = {
        {"handrail_log_lines_total", "Lines the service has written.",
         offsetof(struct hr_board_output, lines)},
        {"handrail_log_bytes_total", "Bytes the service has written.",
         offsetof(struct hr_board_output, bytes)},
        {"handrail_log_dropped_lines_total",
         "Lines that were not passed on: over the rate limit, or our output was not being read.",
         offsetof(struct hr_board_output, dropped_lines)},
    };
    for (size_t k = 0; k < sizeof(counters) / sizeof(counters[0]); k++) {
        hr_expo_family(e, counters[k].name, "counter", counters[k].help);
        for (int i = 0; i < s->count; i++) {
            uint64_t value = 0;
            memcpy(&value, (const char *)&s->outputs[i] + counters[k].offset, sizeof(value));
            hr_expo_sample(e, counters[k].name, (double)value, "service", s->services[i].name,
                           NULL);
        }
    }
}

/* What the server says of itself is absent for one that does not. */
static void of_server(struct hr_expo *e, int64_t now, const struct hr_board_server *s)
{
    hr_expo_family(e, "handrail_init_replays_total", "counter",
                   "Initialisations posted again to a server that had died, by result.");
    hr_expo_sample(e, "handrail_init_replays_total", s->replays, "result", "success", NULL);
    hr_expo_sample(e, "handrail_init_replays_total", s->replay_errors, "result", "failure", NULL);
    if (!s->beat_ms)
        return;
    int64_t beat_ms = hr_wall_ms() - (now - s->beat_ms); /* by the clock as it is set now */
    hr_expo_family(e, "handrail_server_heartbeat_timestamp_seconds", "gauge",
                   "When the server's event loop last said that it runs, seconds since 1970.");
    hr_expo_sample(e, "handrail_server_heartbeat_timestamp_seconds", (double)beat_ms / 1000, NULL);
    if (s->lag_ms < 0)
        return;
    hr_expo_family(e, "handrail_server_loop_lag_seconds", "gauge",
                   "Worst lag of the server's event loop before its last heartbeat.");
    hr_expo_sample(e, "handrail_server_loop_lag_seconds", (double)s->lag_ms / 1000, NULL);
}

void hr_metrics_collect_board(struct hr_expo *e, void *arg)
{
    const struct hr_metrics_board *b = arg;
    struct hr_board_head head;
    struct hr_board_server server;
    struct snapshot s = {.now = hr_now_ms()};
    if (hr_board_get_head(b->board, &head))
        return; /* a scrape without them says so better than invented numbers */
    for (uint32_t i = 0; i < head.nservices && i < HR_MAX_SERVICES; i++)
        if (!hr_board_get_service(b->board, i, &s.services[s.count]) &&
            !hr_board_get_output(b->board, i, &s.outputs[s.count]))
            s.count++;
    int64_t started_s = head.started_wall_ms / 1000;
    hr_expo_family(e, "handrail_uptime_seconds", "gauge", "Age of the supervisor.");
    hr_expo_sample(e, "handrail_uptime_seconds", (double)(s.now - head.started_ms) / 1000, NULL);
    hr_expo_family(e, "handrail_start_time_seconds", "gauge",
                   "Start of the supervisor, seconds since 1970.");
    hr_expo_sample(e, "handrail_start_time_seconds", (double)started_s, NULL);
    hr_expo_family(e, "handrail_draining", "gauge",
                   "1 once a stop has begun, and during handrail drain.");
    hr_expo_sample(e, "handrail_draining", head.draining != 0, NULL);
    of_services(e, &s);
    of_outputs(e, &s);
    if (!hr_board_get_server(b->board, &server))
        of_server(e, s.now, &server);
}
