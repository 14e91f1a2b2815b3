/* SPDX-License-Identifier: MIT
 * handrail status: one screen, once or again and again.
 *
 * What process 1 knows comes over its control socket, the rest from the sidecar over its own; if
 * that does not answer, this is said, and shown is what there is. */
#include "commands.h"
#include "common/clock.h"
#include "common/handoff.h"
#include "control_client.h"
#include "sidecar_client.h"
#include "status_screen.h"
#include "text.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "handrail status [plugins] [--json] [--watch[=SECONDS]] [--pid=N | --socket=NAME]";

static const char help[] =
    "\n"
    "One screen: the pod's phase, what probes are answered, the checks that fail and why, the\n"
    "services, the plugins, memory and disks against their limits, what the server says.\n"
    "\n"
    "  plugins   the tools instead, the busiest first: calls, errors, calls per second while\n"
    "            it is watched, open calls, median and 99th percentile of the time to an answer\n"
    "  --json    all that is known; with --watch a line each time, {\"error\": WHY} for no answer\n"
    "  --watch   again every SECONDS [2]; on a terminal until q is typed\n"
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

/* As o, but for the sidecar's socket; words go to why. */
static struct hr_client_options for_sidecar(const struct hr_client_options *o, int64_t pid,
                                            char *why)
{
    const char *variable = getenv("HANDRAIL_PROBE");
    struct hr_client_options s = *o;
    s.socket = NULL; /* it is the control socket's name */
    if (variable && *variable)
        s.pid = 0;
    else if (pid > 0)
        s.pid = pid;
    s.why = why;
    return s;
}

/* Add what only the sidecar knows to the answer of process 1, or null and why it is not known. */
static void add_sidecar(const struct hr_client_options *o, json_t *answer)
{
    static const char *const keys[] = {"hostname", "time",    "probes",   "phase",
                                       "checks",   "plugins", "resources"};
    char why[HR_CLIENT_WHY_MAX];
    struct hr_client_options s =
        for_sidecar(o, json_integer_value(json_object_get(answer, "pid")), why);
    json_t *more = NULL;
    int code = hr_sidecar_ask_json(&s, "/status", &more);
    (void)json_object_update_missing(answer, more);
    (void)json_object_set_new(answer, "sidecar_error", code ? json_string(why) : json_null());
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!json_object_get(answer, keys[i]))
            (void)json_object_set_new(answer, keys[i], json_null());
    json_decref(more);
}

static int fetch(const struct view *v, json_t **ret)
{
    json_t *answer = NULL;
    struct hr_client_options o = v->o;
    if (v->plugins) {
        o = for_sidecar(&o, 0, o.why);
        return hr_sidecar_ask_json(&o, "/plugins", ret);
    }
    o.json = false; /* it is printed when it is whole */
    int code = hr_client_ask(&o, json_pack("{s:s}", "order", "status"), &answer);
    if (code)
        return code;
    add_sidecar(&o, answer);
    *ret = answer;
    return 0;
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
