/* SPDX-License-Identifier: MIT
 * The metrics of the MCP endpoint.  What they mean is in sidecar/metrics/README.md.
 *
 * Series are bounded whatever plugins do: those of tools by hr_mcp_tool_stats.folded, those of
 * plugins by HR_MAX_PLUGINS, those of requests by two enumerations. */
#include "internal.h"
#include "report.h"

#include <stdio.h>

/* ---- per plugin ---- */

/* All tools without series of their own as one.  How many there are. */
static unsigned sum_folded(const struct hr_mcp_plugin *p, struct hr_mcp_tool_stats *ret)
{
    unsigned n = 0;
    *ret = (struct hr_mcp_tool_stats){.name = HR_MCP_OTHER_TOOLS};
    for (const struct hr_mcp_tool_stats *t = p->stats.tools; t; t = t->next) {
        if (!t->folded)
            continue;
        n++;
        ret->retried += t->retried;
        ret->seconds.sum += t->seconds.sum;
        for (int o = 0; o < HR_MCP_NOUTCOMES; o++)
            ret->calls[o] += t->calls[o];
        for (int b = 0; b <= HR_HISTOGRAM_BUCKETS; b++)
            ret->seconds.buckets[b] += t->seconds.buckets[b];
    }
    return n;
}

typedef void write_tool(struct hr_expo *e, const char *name, const char *plugin,
                        const struct hr_mcp_tool_stats *t);

static void each_tool(struct hr_expo *e, const struct hr_mcp *m, const char *name,
                      write_tool *write)
{
    for (size_t i = 0; i < m->nplugins; i++) {
        const char *id = m->plugins[i]->worker.id;
        struct hr_mcp_tool_stats folded;
        for (const struct hr_mcp_tool_stats *t = m->plugins[i]->stats.tools; t; t = t->next)
            if (!t->folded)
                write(e, name, id, t);
        if (sum_folded(m->plugins[i], &folded))
            write(e, name, id, &folded);
    }
}

/* One sample per plugin. */
static void each_plugin(struct hr_expo *e, const struct hr_mcp *m, const char *name,
                        const char *help, double (*value)(const struct hr_mcp_plugin *p))
{
    hr_expo_family(e, name, "gauge", help);
    for (size_t i = 0; i < m->nplugins; i++)
        hr_expo_sample(e, name, value(m->plugins[i]), "plugin", m->plugins[i]->worker.id, NULL);
}

/* ---- requests and calls ---- */

static void collect_requests(struct hr_expo *e, const struct hr_mcp *m)
{
    static const char name[] = "handrail_mcp_requests_total";
    hr_expo_family(e, name, "counter",
                   "Requests to the MCP endpoint by method and how they ended.");
    for (int i = 0; i < HR_MCP_NMETHODS; i++)
        for (int j = 0; j < HR_MCP_NANSWERS; j++)
            if (m->requests[i][j])
                hr_expo_sample(e, name, (double)m->requests[i][j], "method",
                               hr_mcp_method_name((enum hr_mcp_method)i), "outcome",
                               hr_mcp_answer_name((enum hr_mcp_answer)j), NULL);
}

static void write_calls(struct hr_expo *e, const char *name, const char *plugin,
                        const struct hr_mcp_tool_stats *t)
{
    for (int o = 0; o < HR_MCP_NOUTCOMES; o++)
        hr_expo_sample(e, name, (double)t->calls[o], "plugin", plugin, "tool", t->name, "outcome",
                       hr_mcp_outcome_name((enum hr_mcp_outcome)o), NULL);
}

static void write_retries(struct hr_expo *e, const char *name, const char *plugin,
                          const struct hr_mcp_tool_stats *t)
{
    hr_expo_sample(e, name, (double)t->retried, "plugin", plugin, "tool", t->name, NULL);
}

static void write_seconds(struct hr_expo *e, const char *name, const char *plugin,
                          const struct hr_mcp_tool_stats *t)
{
    hr_expo_histogram(e, name, &t->seconds, "plugin", plugin, "tool", t->name, NULL);
}

static void collect_calls(struct hr_expo *e, const struct hr_mcp *m)
{
    hr_expo_family(e, "handrail_tool_calls_total", "counter",
                   "Tool calls by plugin, tool and how they ended.");
    each_tool(e, m, "handrail_tool_calls_total", write_calls);
    hr_expo_family(e, "handrail_tool_call_retries_total", "counter",
                   "Tool calls that were run again because their toolhost was lost.");
    each_tool(e, m, "handrail_tool_call_retries_total", write_retries);
    hr_expo_family(e, "handrail_tool_call_duration_seconds", "histogram",
                   "Time from a tool call's arrival to its answer; rejected calls are not in it.");
    each_tool(e, m, "handrail_tool_call_duration_seconds", write_seconds);
}

/* ---- what there is at the moment, by tool ---- */

/* One sample per tool on offer, and one for all that are folded together; of a negative value there
 * is none. */
static void collect_tools(struct hr_expo *e, const struct hr_mcp *m, const char *name,
                          const char *help,
                          double (*value)(const struct hr_mcp_worker *w,
                                          const struct hr_mcp_tool *tool))
{
    hr_expo_family(e, name, "gauge", help);
    for (size_t i = 0; i < m->nplugins; i++) {
        const struct hr_mcp_worker *w = &m->plugins[i]->worker;
        double folded = -1;
        for (size_t j = 0; w->tools && j < w->tools->n; j++) {
            const struct hr_mcp_tool *tool = &w->tools->tool[j];
            double v = value(w, tool);
            if (v >= 0 && tool->stats && !tool->stats->folded)
                hr_expo_sample(e, name, v, "plugin", w->id, "tool", tool->name, NULL);
            else if (v >= 0)
                folded = v + (folded > 0 ? folded : 0);
        }
        if (folded >= 0)
            hr_expo_sample(e, name, folded, "plugin", w->id, "tool", HR_MCP_OTHER_TOOLS, NULL);
    }
}

static double value_running(const struct hr_mcp_worker *w, const struct hr_mcp_tool *tool)
{
    return hr_mcp_worker_load(w, tool).running;
}

static double value_waiting(const struct hr_mcp_worker *w, const struct hr_mcp_tool *tool)
{
    return hr_mcp_worker_load(w, tool).waiting;
}

static double value_limit(const struct hr_mcp_worker *w, const struct hr_mcp_tool *tool)
{
    (void)w;
    return tool->max_concurrency ? tool->max_concurrency : -1.;
}

/* ---- plugins ---- */

static double value_up(const struct hr_mcp_plugin *p)
{
    return hr_mcp_report_up(p);
}

static double value_healthy(const struct hr_mcp_plugin *p)
{
    return hr_mcp_report_ok(p);
}

static double value_tools(const struct hr_mcp_plugin *p)
{
    return p->worker.tools && !p->refused[0] ? (double)p->worker.tools->n : 0;
}

static double value_folded(const struct hr_mcp_plugin *p)
{
    struct hr_mcp_tool_stats sum;
    return sum_folded(p, &sum);
}

static double value_in_flight(const struct hr_mcp_plugin *p)
{
    return p->worker.ncalls;
}

static void collect_bytes(struct hr_expo *e, const struct hr_mcp *m)
{
    static const char name[] = "handrail_plugin_bytes_total";
    hr_expo_family(e, name, "counter", "Bytes exchanged with the plugin's toolhost.");
    for (size_t i = 0; i < m->nplugins; i++) {
        const struct hr_mcp_worker *w = &m->plugins[i]->worker;
        hr_expo_sample(e, name, (double)w->conn.bytes_out, "plugin", w->id, "direction", "sent",
                       NULL);
        hr_expo_sample(e, name, (double)w->conn.bytes_in, "plugin", w->id, "direction", "received",
                       NULL);
    }
}

void hr_mcp_collect(struct hr_expo *e, void *arg)
{
    const struct hr_mcp *m = arg;
    collect_requests(e, m);
    collect_calls(e, m);
    each_plugin(e, m, "handrail_tool_calls_in_flight", "Tool calls that wait or run.",
                value_in_flight);
    collect_tools(e, m, "handrail_tool_calls_running", "Tool calls that run, by tool.",
                  value_running);
    collect_tools(e, m, "handrail_tool_calls_waiting",
                  "Tool calls that wait for their toolhost, or for other calls of their tool.",
                  value_waiting);
    collect_tools(e, m, "handrail_tool_max_concurrency",
                  "Calls that a tool runs at once; tools without a limit are not in it.",
                  value_limit);
    each_plugin(e, m, "handrail_plugin_up",
                "1 if the plugin's toolhost is connected and its tools are on offer.", value_up);
    each_plugin(e, m, "handrail_plugin_healthy",
                "1 if the plugin is up and does not say itself that it cannot work.",
                value_healthy);
    each_plugin(e, m, "handrail_plugin_tools", "Tools of the plugin that are on offer.",
                value_tools);
    each_plugin(e, m, "handrail_plugin_folded_tools",
                "Tools that are counted together, as the tool \"other\".", value_folded);
    collect_bytes(e, m);
}
