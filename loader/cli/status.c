/* SPDX-License-Identifier: MIT
 * handrail status: one screen. */
#include "status.h"

#include "commands.h"
#include "control_client.h"
#include "text.h"

#include <string.h>

static long long integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static bool truth(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* Why it is in this state, and what comes next; or how its last process ended. */
static void print_reason(FILE *out, const json_t *service)
{
    char retry[HR_HUMAN_MAX];
    const char *reason = hr_text_get(service, "reason", "");
    const json_t *last = json_object_get(service, "last_exit");
    hr_text_print(out, reason);
    if (json_is_number(json_object_get(service, "retry_in_seconds"))) {
        hr_text_get_duration(retry, service, "retry_in_seconds");
        (void)fprintf(out, "%sagain in %s", *reason ? "; " : "", retry);
    } else if (!*reason && json_object_get(last, "signal")) {
        (void)fprintf(out, "its last process was ended by signal %lld", integer(last, "signal"));
    } else if (!*reason && json_object_get(last, "code")) {
        (void)fprintf(out, "its last process ended with code %lld", integer(last, "code"));
    }
}

static void print_service(FILE *out, const json_t *service, int width)
{
    char uptime[HR_HUMAN_MAX];
    char since[HR_HUMAN_MAX];
    char pid[24] = "-";
    long long starts = integer(service, "starts");
    const char *name = hr_text_get(service, "name", "?");
    hr_text_get_duration(uptime, service, "uptime_seconds");
    hr_text_get_duration(since, service, "state_seconds");
    if (json_is_integer(json_object_get(service, "pid")))
        (void)snprintf(pid, sizeof(pid), "%lld", integer(service, "pid"));
    hr_text_print(out, name);
    (void)fprintf(out, "%*s  %-8s  %-8s  %-7s  %-8s  %8lld  ", width - (int)strlen(name), "",
                  hr_text_get(service, "state", "?"), since, pid, uptime,
                  starts > 0 ? starts - 1 : 0);
    print_reason(out, service);
    (void)fputc('\n', out);
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
    (void)fprintf(out, "\n%-*s  %-8s  %-8s  %-7s  %-8s  %8s  %s\n", width, "SERVICE", "STATE",
                  "SINCE", "PID", "UPTIME", "RESTARTS", "REASON");
    json_array_foreach (services, i, service)
        print_service(out, service, width);
}

/* What the server tells of itself, if its helper is there to tell. */
static void print_server(FILE *out, const json_t *server)
{
    char age[HR_HUMAN_MAX];
    const char *agent = hr_text_get(server, "agent", "unknown");
    const char *words = hr_text_get(server, "status", NULL);
    (void)fputs("\nheartbeat   ", out);
    hr_text_get_duration(age, server, "heartbeat_age_seconds");
    if (!json_is_number(json_object_get(server, "heartbeat_age_seconds")))
        (void)fputs("none", out);
    else if (json_is_integer(json_object_get(server, "loop_lag_ms")))
        (void)fprintf(out, "%s ago, loop lag %lld ms", age, integer(server, "loop_lag_ms"));
    else
        (void)fprintf(out, "%s ago", age);
    if (words) {
        (void)fputs("\nsays        ", out);
        hr_text_print(out, words);
    }
    (void)fputs("\nagent       ", out);
    if (strcmp(agent, "wrong") == 0) {
        (void)fputs("wrong: ", out);
        hr_text_print(out, hr_text_get(server, "agent_error", "no reason was given"));
    } else {
        hr_text_print(out, strcmp(agent, "unknown") == 0 ? "not checked" : agent);
    }
    (void)fputs("\ninit        ", out);
    if (!truth(server, "recorded"))
        (void)fputs("nothing recorded\n", out);
    else
        (void)fprintf(out, "recorded, this server %s; replayed %lld times, failed %lld times\n",
                      truth(server, "initialised") ? "has it" : "still waits for it",
                      integer(server, "replays"), integer(server, "replay_errors"));
}

void hr_status_print(FILE *out, const json_t *status)
{
    char uptime[HR_HUMAN_MAX];
    hr_text_get_duration(uptime, status, "uptime_seconds");
    (void)fputs("handrail ", out);
    hr_text_print(out, hr_text_get(status, "version", "?"));
    (void)fprintf(out, ", pid %lld, up %s%s\n", integer(status, "pid"), uptime,
                  truth(status, "draining") ? ", draining: readiness is off" : "");
    print_services(out, json_object_get(status, "services"));
    print_server(out, json_object_get(status, "server"));
}

int hr_cli_status(char **argv)
{
    struct hr_client_options o;
    json_t *answer = NULL;
    int code = hr_client_parse(argv, 0, "handrail status [--json] [--pid=N | --socket=NAME]", &o);
    if (code || o.help)
        return code;
    code = hr_client_ask(&o, json_pack("{s:s}", "order", "status"), &answer);
    if (!code && !o.json)
        hr_status_print(stdout, answer);
    json_decref(answer);
    return code;
}
