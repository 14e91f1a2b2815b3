/* SPDX-License-Identifier: MIT
 * /plugins: each plugin and each of its tools, with all that is counted of it.  A value that is not
 * known, or does not apply, is null. */
#include "common/json_text.h"
#include "internal.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

static json_t *text(const char *s)
{
    return *s ? hr_json_text(s, strlen(s)) : json_null();
}

static json_t *known(json_t *value)
{
    return value ? json_incref(value) : json_null();
}

static json_t *quantile(const struct hr_histogram *h, double q)
{
    double seconds = hr_histogram_quantile(h, q);
    return seconds < 0 ? json_null() : json_real(seconds);
}

static json_t *latency(const struct hr_histogram *h)
{
    uint64_t count = 0;
    for (int i = 0; i <= HR_HISTOGRAM_BUCKETS; i++)
        count += h->buckets[i];
    return json_pack("{s:I, s:f, s:o, s:o, s:o}", "count", (json_int_t)count, "sum", h->sum, "p50",
                     quantile(h, 0.5), "p90", quantile(h, 0.9), "p99", quantile(h, 0.99));
}

static json_t *outcomes(const struct hr_mcp_tool_stats *s)
{
    json_t *all = json_object();
    for (int i = 0; i < HR_MCP_NOUTCOMES; i++)
        (void)json_object_set_new(all, hr_mcp_outcome_name((enum hr_mcp_outcome)i),
                                  json_integer((json_int_t)s->calls[i]));
    return all;
}

static json_t *one_tool(const struct hr_mcp_worker *w, const struct hr_mcp_tool *tool)
{
    static const struct hr_mcp_tool_stats none;
    const struct hr_mcp_tool_stats *s = tool->stats ? tool->stats : &none;
    struct hr_mcp_load load = hr_mcp_worker_load(w, tool);
    return json_pack("{s:s, s:o, s:o, s:i, s:i, s:o, s:I, s:I, s:o}", "name", tool->name,
                     "annotations", known(json_object_get(tool->entry, "annotations")), "calls",
                     outcomes(s), "in_flight", (int)(load.running + load.waiting), "waiting",
                     (int)load.waiting, "max_concurrency",
                     tool->max_concurrency ? json_integer(tool->max_concurrency) : json_null(),
                     "timeout_ms", (json_int_t)tool->timeout_ms, "retried", (json_int_t)s->retried,
                     "latency_seconds", latency(&s->seconds));
}

/* What it says of itself; null if it has no health(), or its tools are not known yet. */
static json_t *health(const struct hr_mcp_worker *w)
{
    if (!w->tools || !w->tools->has_health)
        return json_null();
    int told = w->conn.is_up && w->health_known;
    return json_pack("{s:o, s:o}", "ok", told ? json_boolean(w->health == 0) : json_null(),
                     "reason", told ? text(w->ailment) : json_null());
}

/* A tool, and how many calls it has had. */
struct entry {
    const struct hr_mcp_tool *tool;
    uint64_t calls;
};

/* Those with the most calls first, then as they were. */
static int busier(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    if (x->calls != y->calls)
        return x->calls > y->calls ? -1 : 1;
    return (x->tool > y->tool) - (x->tool < y->tool);
}

static uint64_t calls_of(const struct hr_mcp_tool *tool)
{
    uint64_t n = 0;
    for (int i = 0; tool->stats && i < HR_MCP_NOUTCOMES; i++)
        n += tool->stats->calls[i];
    return n;
}

/* At most cap of them. */
static json_t *tools_of(const struct hr_mcp_worker *w, size_t cap)
{
    struct entry all[HR_MCP_MAX_TOOLS];
    size_t n = w->tools ? w->tools->n : 0;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        all[i] = (struct entry){&w->tools->tool[i], calls_of(&w->tools->tool[i])};
    if (n > cap)
        qsort(all, n, sizeof(all[0]), busier);
    for (size_t i = 0; i < n && i < cap; i++)
        (void)json_array_append_new(list, one_tool(w, all[i].tool));
    return list;
}

/* Of all of its tools. */
static json_t *totals_of(const struct hr_mcp_worker *w)
{
    uint64_t calls = 0;
    uint64_t well = 0;
    for (size_t i = 0; w->tools && i < w->tools->n; i++) {
        const struct hr_mcp_tool *tool = &w->tools->tool[i];
        calls += calls_of(tool);
        well += tool->stats ? tool->stats->calls[HR_MCP_OK] : 0;
    }
    return json_pack("{s:I, s:I, s:I}", "calls", (json_int_t)calls, "errors",
                     (json_int_t)(calls - well), "in_flight", (json_int_t)w->ncalls);
}

/* How many are listed if no plugin lists more than cap. */
static size_t listed(const struct hr_mcp *m, size_t cap)
{
    size_t sum = 0;
    for (size_t i = 0; i < m->nplugins; i++) {
        const struct hr_mcp_tools *tools = m->plugins[i]->worker.tools;
        size_t n = tools ? tools->n : 0;
        sum += n < cap ? n : cap;
    }
    return sum;
}

/* The most that each plugin may list, so that all of them together list no more than max. */
static size_t share_of(const struct hr_mcp *m, size_t max)
{
    size_t cap = 0;
    while (cap < HR_MCP_MAX_TOOLS && listed(m, cap + 1) <= max)
        cap++;
    return cap;
}

static json_t *one_plugin(const struct hr_mcp *m, const struct hr_mcp_plugin *p, size_t cap)
{
    struct hr_board_service s;
    char why[HR_MCP_SENTENCE_MAX] = "";
    const char *state = hr_mcp_report_state(m, p, &s);
    const struct hr_mcp_tools *tools = p->worker.tools;
    int ok = hr_mcp_report_ok(p);
    if (!ok)
        hr_mcp_report_describe(m, p, why, sizeof(why));
    return json_pack("{s:s, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:I, s:o, s:I, s:o}", "id",
                     p->worker.id, "version", text(tools ? tools->version : ""), "sha256",
                     text(tools ? tools->sha256 : ""), "state", state, "ok", ok, "reason",
                     text(why), "health", health(&p->worker), "confinement",
                     known(tools ? tools->confinement : NULL), "starts", (json_int_t)s.starts,
                     "tools", tools_of(&p->worker, cap), "tool_count",
                     (json_int_t)(tools ? tools->n : 0), "totals", totals_of(&p->worker));
}

json_t *hr_mcp_plugins(const struct hr_mcp *m, size_t tools_max)
{
    json_t *list = json_array();
    size_t cap = share_of(m, tools_max);
    for (size_t i = 0; i < m->nplugins; i++)
        (void)json_array_append_new(list, one_plugin(m, m->plugins[i], cap));
    return json_pack("{s:o}", "plugins", list);
}
