/* SPDX-License-Identifier: MIT
 * The screen of `handrail status plugins`.  See status_screen.h. */
#include "status_screen.h"

#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Columns, so that all of a row is 80, and stays where it is. */
enum { TOOL_WIDTH = 18, PLUGIN_WIDTH = 15 };

/* One tool of one plugin. */
struct row {
    const char *plugin; /* its id; borrowed, as all is */
    const json_t *tool;
    long long calls;
    long long errors;
    long long open;
    double rate; /* calls ended per second since the answer before; -1: not known */
};

static long long integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

long long hr_status_calls(const json_t *calls, long long *ret_errors)
{
    const char *outcome = NULL;
    json_t *count = NULL;
    long long errors = 0;
    json_object_foreach ((json_t *)(uintptr_t)calls, outcome, count)
        if (strcmp(outcome, "ok") != 0)
            errors += json_integer_value(count);
    *ret_errors = errors;
    return errors + integer(calls, "ok");
}

/* The element whose `key` is that text, or NULL. */
static const json_t *find(const json_t *list, const char *key, const char *text)
{
    size_t i = 0;
    const json_t *element = NULL;
    json_array_foreach (list, i, element)
        if (strcmp(hr_text_get(element, key, ""), text) == 0)
            return element;
    return NULL;
}

/* Calls per second of a tool that has had so many by now. */
static double rate_of(const json_t *before, const struct row *row, double seconds)
{
    long long errors = 0;
    const json_t *plugin = find(json_object_get(before, "plugins"), "id", row->plugin);
    const json_t *tool =
        find(json_object_get(plugin, "tools"), "name", hr_text_get(row->tool, "name", ""));
    if (!tool || seconds <= 0)
        return -1;
    long long then = hr_status_calls(json_object_get(tool, "calls"), &errors);
    return row->calls >= then ? (double)(row->calls - then) / seconds : -1; /* a new sidecar */
}

/* The busiest first; then as they were. */
static int busier(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    if (x->open != y->open)
        return x->open > y->open ? -1 : 1;
    if (x->rate < y->rate || x->rate > y->rate)
        return x->rate > y->rate ? -1 : 1;
    if (x->calls != y->calls)
        return x->calls > y->calls ? -1 : 1;
    int order = strcmp(x->plugin, y->plugin);
    return order ? order
                 : strcmp(hr_text_get(x->tool, "name", ""), hr_text_get(y->tool, "name", ""));
}

/* All tools of all plugins, sorted; the memory is the caller's.  NULL without any. */
static struct row *collect(const json_t *plugins, const json_t *before, double seconds,
                           size_t *ret_n)
{
    size_t i = 0;
    size_t j = 0;
    size_t n = 0;
    const json_t *plugin = NULL;
    const json_t *tool = NULL;
    json_array_foreach (plugins, i, plugin)
        n += json_array_size(json_object_get(plugin, "tools"));
    struct row *rows = n ? calloc(n, sizeof(*rows)) : NULL;
    *ret_n = rows ? n : 0;
    n = 0;
    if (!rows)
        return NULL;
    json_array_foreach (plugins, i, plugin) {
        json_array_foreach (json_object_get(plugin, "tools"), j, tool) {
            struct row *row = &rows[n++];
            row->plugin = hr_text_get(plugin, "id", "?");
            row->tool = tool;
            row->open = integer(tool, "in_flight");
            row->calls = hr_status_calls(json_object_get(tool, "calls"), &row->errors);
            row->rate = rate_of(before, row, seconds);
        }
    }
    qsort(rows, n, sizeof(*rows), busier);
    return rows;
}

static void print_latency(FILE *out, const json_t *latency, const char *key)
{
    char text[HR_HUMAN_MAX] = "-";
    const json_t *v = json_object_get(latency, key);
    if (json_is_number(v))
        hr_human_latency(text, json_number_value(v));
    (void)fprintf(out, "  %7s", text);
}

static void print_row(FILE *out, const struct row *row)
{
    char rate[16] = "-";
    char errors[24];
    const json_t *latency = json_object_get(row->tool, "latency_seconds");
    if (row->rate >= 0)
        (void)snprintf(rate, sizeof(rate), row->rate < 99.95 ? "%.1f/s" : "%.0f/s",
                       row->rate < 1e9 ? row->rate : 1e9);
    (void)snprintf(errors, sizeof(errors), "%lld", row->errors);
    hr_text_cell(out, HR_PLAIN, hr_text_get(row->tool, "name", "?"), TOOL_WIDTH);
    (void)fputc(' ', out);
    hr_text_cell(out, HR_DIM, row->plugin, PLUGIN_WIDTH);
    (void)fprintf(out, " %6lld ", row->calls);
    hr_text_cell(out, row->errors ? HR_RED : HR_PLAIN, errors, -6);
    (void)fprintf(out, "  %6s  %4lld", rate, row->open);
    print_latency(out, latency, "p50");
    print_latency(out, latency, "p99");
    (void)fputc('\n', out);
}

static void print_plugin(FILE *out, const json_t *plugin)
{
    const char *state = hr_text_get(plugin, "state", "?");
    const char *reason = hr_text_get(plugin, "reason", "");
    bool well = json_is_true(json_object_get(plugin, "ok"));
    hr_text_cell(out, HR_PLAIN, hr_text_get(plugin, "id", "?"), TOOL_WIDTH);
    (void)fputc(' ', out);
    hr_text_cell(out, HR_PLAIN, hr_text_get(plugin, "version", "-"), 10);
    hr_text_cell(out,
                 well                           ? HR_PLAIN
                 : strcmp(state, "failed") == 0 ? HR_RED
                                                : HR_YELLOW,
                 state, 10);
    (void)fprintf(out, "%8lld", integer(plugin, "starts") > 0 ? integer(plugin, "starts") - 1 : 0);
    (void)fputs(*reason ? "  " : "", out);
    hr_text_print(out, reason);
    (void)fputc('\n', out);
}

void hr_status_print_plugins(FILE *out, const json_t *answer, const json_t *before, double seconds)
{
    size_t i = 0;
    size_t n = 0;
    const json_t *plugin = NULL;
    const json_t *plugins = json_object_get(answer, "plugins");
    if (json_array_size(plugins) == 0) {
        (void)fputs(json_is_array(plugins) ? "there are no plugins\n" : "plugins are not known\n",
                    out);
        return;
    }
    (void)fprintf(out, "%-*s %-10s%-10sRESTARTS  REASON\n", TOOL_WIDTH, "PLUGIN", "VERSION",
                  "STATE");
    json_array_foreach (plugins, i, plugin)
        print_plugin(out, plugin);
    struct row *rows = collect(plugins, before, seconds, &n);
    (void)fprintf(out, "\n%-*s %-*s  CALLS ERRORS    RATE  OPEN      P50      P99\n", TOOL_WIDTH,
                  "TOOL", PLUGIN_WIDTH, "PLUGIN");
    for (size_t r = 0; r < n; r++)
        print_row(out, &rows[r]);
    free(rows);
}
