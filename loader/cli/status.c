/* SPDX-License-Identifier: MIT
 * handrail status: one screen, once or again and again.
 *
 * What process 1 knows comes over its control socket, the rest from the sidecar over its own; if
 * one of them does not answer, this is said, and shown is what the other knows. */
#include "commands.h"
#include "common/clock.h"
#include "common/handoff.h"
#include "common/json_text.h"
#include "control_client.h"
#include "sidecar_client.h"
#include "status_screen.h"
#include "text.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the 2 s until there is something to see, if process 1 is stopped. */
enum { SUPERVISOR_MS = 1000, SIDECAR_MS = 1000 };

static const char usage[] = "handrail status [plugins] [options]";

static const char help[] =
    "\n"
    "One screen: the pod's phase, what probes are answered, the checks that fail and\n"
    "why, the services, the plugins, memory and disks against their limits, what the\n"
    "server says.\n"
    "\n"
    "  plugins             the tools instead, the busiest first: calls, errors, calls\n"
    "                      a second while it is watched, open calls, median and 99th\n"
    "                      percentile of the time to an answer\n"
    "  --json              all that is known; with --watch a line each time,\n"
    "                      {\"error\": WHY} for no answer\n"
    "  --watch[=SECONDS]   again every SECONDS [2]; on a terminal until q is typed\n"
    "  --pid=N             of the supervisor; without it the sidecar is asked at\n"
    "                      HANDRAIL_PROBE, if that is set\n"
    "  --socket=NAME       the supervisor's control socket\n"
    "\n"
    "Colours: on a terminal, unless NO_COLOR is set.\n";

struct view {
    struct hr_client_options o;
    char why[HR_CLIENT_WHY_MAX];
    bool plugins;
    bool shown;     /* there was an answer before */
    json_t *before; /* the last answer about plugins; NULL: none */
    int64_t before_ms;
};

/* As o, but for the sidecar's socket, of the supervisor with this pid (0: not known); words go to
 * why.  What was said here wins over HANDRAIL_PROBE, and that over what was found out. */
static struct hr_client_options for_sidecar(const struct hr_client_options *o, int64_t pid,
                                            char *why)
{
    const char *variable = getenv("HANDRAIL_PROBE");
    struct hr_client_options s = *o;
    s.socket = NULL; /* it is the control socket's name */
    s.timeout_ms = 0;
    s.why = why;
    if (!s.pid && !(variable && *variable))
        s.pid = pid;
    return s;
}

/* The sidecar's /status, from the sidecar of that supervisor and of no other.  0 or 69. */
static int ask_sidecar(const struct hr_client_options *o, const json_t *pid, json_t **ret)
{
    json_t *answer = NULL;
    int code = hr_sidecar_ask_json(o, "/status", &answer);
    const json_t *whose = json_object_get(answer, "pid");
    if (!code && json_is_integer(pid) && json_is_integer(whose) && !json_equal(pid, whose))
        code = hr_client_fail(o, HR_EXIT_UNAVAILABLE,
                              "it is the sidecar of another supervisor, pid %lld: see "
                              "HANDRAIL_PROBE",
                              (long long)json_integer_value(whose));
    if (code)
        json_decref(answer);
    else
        *ret = answer;
    return code;
}

/* Keys that one of the two alone has. */
static void complete(json_t *answer)
{
    static const char *const keys[] = {"server",  "services",  "hostname",      "time",
                                       "probes",  "phase",     "checks",        "plugins",
                                       "webhook", "resources", "sidecar_error", "supervisor_error"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!json_object_get(answer, keys[i]))
            (void)json_object_set_new(answer, keys[i], json_null());
}

/* Add what only the sidecar knows to the answer of process 1, or why it is not known. */
static void add_sidecar(const struct hr_client_options *o, json_t *answer)
{
    char why[HR_CLIENT_WHY_MAX];
    const json_t *pid = json_object_get(answer, "pid");
    struct hr_client_options s = for_sidecar(o, json_integer_value(pid), why);
    json_t *more = NULL;
    if (ask_sidecar(&s, pid, &more))
        (void)json_object_set_new(answer, "sidecar_error", hr_json_text(why, strlen(why)));
    (void)json_object_update_missing(answer, more);
    json_decref(more);
}

/* Process 1 does not answer, or not to us, and why says so: what its sidecar knows of it.  0 or 69,
 * and why says more. */
static int fall_back(const struct hr_client_options *o, int64_t supervisor, char *why, json_t **ret)
{
    char more[HR_CLIENT_WHY_MAX];
    struct hr_client_options s = for_sidecar(o, supervisor, more);
    s.timeout_ms = SIDECAR_MS;
    if (o->socket && !supervisor) /* whoever it was meant to be */
        return HR_EXIT_UNAVAILABLE;
    int code = ask_sidecar(&s, NULL, ret);
    if (!code) {
        (void)json_object_set_new(*ret, "supervisor_error", hr_json_text(why, strlen(why)));
    } else if (supervisor) {
        size_t n = strlen(why);
        (void)snprintf(why + n, HR_CLIENT_WHY_MAX - n, "; and its sidecar: %s", more);
    }
    return code;
}

static int fetch_status(const struct hr_client_options *options, char *why, json_t **ret)
{
    json_t *answer = NULL;
    int64_t supervisor = 0;
    struct hr_client_options o = *options;
    o.json = false; /* it is printed when it is whole */
    o.why = why;
    o.timeout_ms = SUPERVISOR_MS;
    int code = hr_client_ask(&o, json_pack("{s:s}", "order", "status"), &supervisor, &answer);
    if (!code)
        add_sidecar(&o, answer);
    else if ((code == HR_EXIT_UNAVAILABLE || code == HR_EXIT_REFUSED) && /* of another user */
             !fall_back(&o, supervisor, why, &answer))
        code = 0;
    if (code)
        return code;
    complete(answer);
    *ret = answer;
    return 0;
}

/* The plugins are the sidecar's alone. */
static int fetch_plugins(const struct hr_client_options *options, char *why, json_t **ret)
{
    int64_t supervisor = 0;
    struct hr_client_options o = *options;
    o.why = why;
    o.timeout_ms = SUPERVISOR_MS;
    int code = o.socket && !o.pid ? hr_client_supervisor(&o, &supervisor) : 0;
    if (code)
        return code;
    o = for_sidecar(&o, supervisor, why);
    return hr_sidecar_ask_json(&o, "/plugins", ret);
}

static int fetch(const struct view *v, json_t **ret)
{
    char why[HR_CLIENT_WHY_MAX] = "";
    int code = (v->plugins ? fetch_plugins : fetch_status)(&v->o, why, ret);
    return code ? hr_client_fail(&v->o, code, "%s", why) : 0;
}

static void print_json(FILE *out, const json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    (void)fprintf(out, "%s\n", text ? text : "null");
    free(text);
}

/* Steals answer. */
static void print_plugins(FILE *out, struct view *v, json_t *answer)
{
    int64_t now_ms = hr_now_ms();
    hr_status_print_plugins(out, answer, v->before, (double)(now_ms - v->before_ms) / 1000);
    json_decref(v->before);
    v->before = answer;
    v->before_ms = now_ms;
}

/* Why there is nothing to be seen; among lines of JSON one like them. */
static void print_why(FILE *out, const struct view *v)
{
    if (v->o.json && v->shown) {
        json_t *why = json_pack("{s:s}", "error", v->why);
        print_json(out, why);
        json_decref(why);
        return;
    }
    (void)fprintf(out, "handrail %s: ", v->o.command);
    hr_text_print(out, v->why);
    (void)fputc('\n', out);
}

static int look(FILE *out, void *arg)
{
    struct view *v = arg;
    json_t *answer = NULL;
    int code = fetch(v, &answer);
    if (code && v->o.why) /* else it has been said */
        print_why(out, v);
    if (code)
        return code;
    v->shown = true;
    if (v->o.json) {
        print_json(out, answer);
        json_decref(answer);
    } else if (v->plugins) {
        print_plugins(out, v, answer);
    } else {
        hr_status_print(out, answer);
        json_decref(answer);
    }
    return 0;
}

int hr_cli_status(char **argv)
{
    struct view v = {.plugins = false};
    int code = hr_client_parse(argv, HR_TAKES_WORD | HR_TAKES_WATCH, usage, &v.o);
    if (!code && v.o.help)
        (void)fputs(help, stdout);
    if (code || v.o.help)
        return code;
    v.plugins = v.o.word != NULL;
    if (v.plugins && strcmp(v.o.word, "plugins") != 0)
        return hr_client_fail(&v.o, HR_EXIT_USAGE, "%s: expected plugins, or nothing; usage: %s",
                              v.o.word, usage);
    hr_text_set_colours(!v.o.json && hr_text_wants_colours(STDOUT_FILENO));
    if (v.o.watch_ms) {
        v.o.why = v.why;
        code = hr_watch(look, &v, v.o.watch_ms, v.o.json);
    } else {
        code = look(stdout, &v);
    }
    json_decref(v.before);
    return code;
}
