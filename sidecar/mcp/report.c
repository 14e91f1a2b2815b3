/* SPDX-License-Identifier: MIT
 * What the MCP endpoint tells about itself: readiness of its plugins, status. */
#include "report.h"
#include "common/json_text.h"
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int hr_mcp_report_up(const struct hr_mcp_plugin *p)
{
    return p->worker.conn.is_up && !p->refused[0];
}

int hr_mcp_report_ok(const struct hr_mcp_plugin *p)
{
    char why[HR_MCP_SENTENCE_MAX];
    return hr_mcp_report_up(p) && hr_mcp_worker_healthy(&p->worker, why, sizeof(why));
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
    else if (hr_mcp_report_up(p))
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
        (void)json_object_set_new(json, "reason", hr_json_text(why, strlen(why)));
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
