/* SPDX-License-Identifier: MIT
 * What the MCP endpoint tells about itself: readiness of its plugins, status, metrics. */
#include "report.h"
#include "internal.h"
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int is_up(const struct hr_mcp_plugin *p)
{
    return p->worker.conn.is_up && !p->refused[0];
}

int hr_mcp_report_ok(const struct hr_mcp_plugin *p)
{
    char why[HR_MCP_SENTENCE_MAX];
    return is_up(p) && hr_mcp_worker_healthy(&p->worker, why, sizeof(why));
}

const char *hr_mcp_report_state(const struct hr_mcp *m, const struct hr_mcp_plugin *p,
                                struct hr_board_service *s)
{
    if (hr_board_get_service(m->board, p->worker.service, s) < 0) {
        memset(s, 0, sizeof(*s));
        return "unknown";
    }
    return hr_state_name(s->state);
}

void hr_mcp_report_describe(const struct hr_mcp *m, const struct hr_mcp_plugin *p, char *text,
                            size_t size)
{
    struct hr_board_service s;
    const char *state = hr_mcp_report_state(m, p, &s);
    if (p->refused[0])
        (void)snprintf(text, size, "none of its tools are offered: %s", p->refused);
    else if (p->worker.fault[0])
        (void)snprintf(text, size, "its toolhost %s", p->worker.fault);
    else if (is_up(p))
        (void)hr_mcp_worker_healthy(&p->worker, text, size);
    else if (s.state == HR_UP)
        (void)snprintf(text, size, "its toolhost is up but has not told its tools yet");
    else
        (void)snprintf(text, size, "its toolhost is not up (%s)%s%s", state,
                       s.reason[0] ? ": " : "", s.reason);
}

int hr_mcp_plugin_ok(const struct hr_mcp *m, const char *id, char *reason, size_t size)
{
    for (size_t i = 0; i < m->nplugins; i++) {
        const struct hr_mcp_plugin *p = m->plugins[i];
        if (strcmp(p->worker.id, id) != 0)
            continue;
        if (hr_mcp_report_ok(p))
            return 0;
        hr_mcp_report_describe(m, p, reason, size);
        return -EAGAIN;
    }
    (void)snprintf(reason, size, "no plugin has this id");
    return -EAGAIN;
}

/* --- status --- */

static json_t *tool_status(const struct hr_mcp_tool *tool)
{
    static const struct hr_mcp_tool_stats none;
    const struct hr_mcp_tool_stats *s = tool->stats ? tool->stats : &none;
    uint64_t calls = 0;
    json_t *json =
        json_pack("{s:s, s:I}", "name", tool->name, "timeout_ms", (json_int_t)tool->timeout_ms);
    for (int i = 0; i < HR_MCP_NOUTCOMES; i++)
        calls += s->calls[i];
    (void)json_object_set_new(json, "calls", json_integer((json_int_t)calls));
    (void)json_object_set_new(json, "errors",
                              json_integer((json_int_t)(calls - s->calls[HR_MCP_OK])));
    (void)json_object_set_new(json, "retried", json_integer((json_int_t)s->retried));
    for (int i = 0; i < HR_MCP_NOUTCOMES; i++)
        if (s->calls[i])
            (void)json_object_set_new(json, hr_mcp_outcome_name((enum hr_mcp_outcome)i),
                                      json_integer((json_int_t)s->calls[i]));
    return json;
}

static json_t *plugin_status(const struct hr_mcp *m, const struct hr_mcp_plugin *p)
{
    struct hr_board_service s;
    const char *state = hr_mcp_report_state(m, p, &s);
    const struct hr_mcp_tools *tools = p->worker.tools;
    json_t *list = json_array();
    for (size_t i = 0; tools && i < tools->n; i++)
        (void)json_array_append_new(list, tool_status(&tools->tool[i]));
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:b, s:i, s:i, s:o}", "id", p->worker.id, "version",
                  tools ? tools->version : "", "state", state, "ok", hr_mcp_report_ok(p), "starts",
                  (int)s.starts, "calls_in_flight", (int)p->worker.ncalls, "tools", list);
    if (tools && tools->sha256[0])
        (void)json_object_set_new(json, "sha256", json_string(tools->sha256));
    if (tools && tools->confinement)
        (void)json_object_set(json, "confinement", tools->confinement);
    if (!hr_mcp_report_ok(p)) {
        char why[HR_MCP_SENTENCE_MAX];
        hr_mcp_report_describe(m, p, why, sizeof(why));
        (void)json_object_set_new(json, "reason", hr_mcp_json_text(why, strlen(why)));
    }
    return json;
}

json_t *hr_mcp_status(const struct hr_mcp *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->nplugins; i++)
        (void)json_array_append_new(list, plugin_status(m, m->plugins[i]));
    return list;
}

/* --- metrics --- */

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

static void collect_calls(struct hr_expo *e, const struct hr_mcp *m)
{
    static const char name[] = "handrail_tool_calls_total";
    hr_expo_family(e, name, "counter", "Tool calls by plugin, tool and how they ended.");
    for (size_t i = 0; i < m->nplugins; i++)
        for (const struct hr_mcp_tool_stats *t = m->plugins[i]->stats.tools; t; t = t->next)
            for (int o = 0; o < HR_MCP_NOUTCOMES; o++)
                hr_expo_sample(e, name, (double)t->calls[o], "plugin", m->plugins[i]->worker.id,
                               "tool", t->name, "outcome",
                               hr_mcp_outcome_name((enum hr_mcp_outcome)o), NULL);
}

static void collect_retries(struct hr_expo *e, const struct hr_mcp *m)
{
    static const char name[] = "handrail_tool_call_retries_total";
    hr_expo_family(e, name, "counter",
                   "Tool calls that were run again because their toolhost was lost.");
    for (size_t i = 0; i < m->nplugins; i++)
        for (const struct hr_mcp_tool_stats *t = m->plugins[i]->stats.tools; t; t = t->next)
            hr_expo_sample(e, name, (double)t->retried, "plugin", m->plugins[i]->worker.id, "tool",
                           t->name, NULL);
}

static void collect_seconds(struct hr_expo *e, const struct hr_mcp *m)
{
    static const char name[] = "handrail_tool_call_duration_seconds";
    hr_expo_family(e, name, "histogram",
                   "Time from a tool call's arrival to its answer; rejected calls are not in it.");
    for (size_t i = 0; i < m->nplugins; i++)
        for (const struct hr_mcp_tool_stats *t = m->plugins[i]->stats.tools; t; t = t->next)
            hr_expo_histogram(e, name, &t->seconds, "plugin", m->plugins[i]->worker.id, "tool",
                              t->name, NULL);
}

/* One gauge per tool on offer; of a negative value there is none. */
static void collect_tools(struct hr_expo *e, const struct hr_mcp *m, const char *name,
                          const char *help,
                          double (*value)(const struct hr_mcp_worker *w,
                                          const struct hr_mcp_tool *tool))
{
    hr_expo_family(e, name, "gauge", help);
    for (size_t i = 0; i < m->nplugins; i++) {
        const struct hr_mcp_worker *w = &m->plugins[i]->worker;
        for (size_t j = 0; w->tools && j < w->tools->n; j++) {
            double v = value(w, &w->tools->tool[j]);
            if (v >= 0)
                hr_expo_sample(e, name, v, "plugin", w->id, "tool", w->tools->tool[j].name, NULL);
        }
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

/* One gauge per plugin. */
static void collect_gauge(struct hr_expo *e, const struct hr_mcp *m, const char *name,
                          const char *help, double (*value)(const struct hr_mcp_plugin *p))
{
    hr_expo_family(e, name, "gauge", help);
    for (size_t i = 0; i < m->nplugins; i++)
        hr_expo_sample(e, name, value(m->plugins[i]), "plugin", m->plugins[i]->worker.id, NULL);
}

static double value_up(const struct hr_mcp_plugin *p)
{
    return is_up(p);
}

static double value_healthy(const struct hr_mcp_plugin *p)
{
    return hr_mcp_report_ok(p);
}

static double value_tools(const struct hr_mcp_plugin *p)
{
    return p->worker.tools && !p->refused[0] ? (double)p->worker.tools->n : 0;
}

static double value_in_flight(const struct hr_mcp_plugin *p)
{
    return p->worker.ncalls;
}

void hr_mcp_collect(struct hr_expo *e, void *arg)
{
    const struct hr_mcp *m = arg;
    collect_requests(e, m);
    collect_calls(e, m);
    collect_retries(e, m);
    collect_seconds(e, m);
    collect_gauge(e, m, "handrail_tool_calls_in_flight", "Tool calls that wait or run.",
                  value_in_flight);
    collect_tools(e, m, "handrail_tool_calls_running", "Tool calls that run, by tool.",
                  value_running);
    collect_tools(e, m, "handrail_tool_calls_waiting",
                  "Tool calls that wait for their toolhost, or for other calls of their tool.",
                  value_waiting);
    collect_tools(e, m, "handrail_tool_max_concurrency",
                  "Calls that a tool runs at once; tools without a limit are not in it.",
                  value_limit);
    collect_gauge(e, m, "handrail_plugin_up",
                  "1 if the plugin's toolhost is connected and its tools are on offer.", value_up);
    collect_gauge(e, m, "handrail_plugin_healthy",
                  "1 if the plugin is up and does not say itself that it cannot work.",
                  value_healthy);
    collect_gauge(e, m, "handrail_plugin_tools", "Tools of the plugin that are on offer.",
                  value_tools);
}
