/* SPDX-License-Identifier: MIT
 * Counters.  See stats.h. */
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *hr_mcp_outcome_name(enum hr_mcp_outcome outcome)
{
    static const char *const names[HR_MCP_NOUTCOMES] = {"ok",        "error",   "timeout",
                                                        "cancelled", "crashed", "rejected"};
    return names[outcome];
}

const char *hr_mcp_method_name(enum hr_mcp_method method)
{
    static const char *const names[HR_MCP_NMETHODS] = {"none",
                                                       "initialize",
                                                       "ping",
                                                       "logging/setLevel",
                                                       "tools/list",
                                                       "tools/call",
                                                       "server/discover",
                                                       "subscriptions/listen",
                                                       "stream",
                                                       "notification",
                                                       "response",
                                                       "other"};
    return names[method];
}

const char *hr_mcp_answer_name(enum hr_mcp_answer answer)
{
    static const char *const names[HR_MCP_NANSWERS] = {"ok", "error", "refused", "gone"};
    return names[answer];
}

/* May one more tool of this plugin have series of its own? */
static bool take_series(struct hr_mcp_plugin_stats *s, const char *name)
{
    if (strcmp(name, HR_MCP_OTHER_TOOLS) == 0)
        return false; /* or there would be two of that name */
    if (s->nnamed >= HR_MCP_OWN_SERIES) {
        if (!s->shared || *s->shared >= HR_MCP_SHARED_SERIES)
            return false;
        (*s->shared)++;
    }
    s->nnamed++;
    return true;
}

struct hr_mcp_tool_stats *hr_mcp_stats_tool(struct hr_mcp_plugin_stats *s, const char *name)
{
    struct hr_mcp_tool_stats **at = &s->tools;
    for (; *at; at = &(*at)->next)
        if (!strcmp((*at)->name, name))
            return *at;
    /* The last place is for "other", so this goes one level deep. */
    if (s->ntools >= HR_MCP_MAX_TOOL_STATS - 1 && strcmp(name, HR_MCP_OTHER_TOOLS) != 0)
        return hr_mcp_stats_tool(s, HR_MCP_OTHER_TOOLS);
    struct hr_mcp_tool_stats *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    (void)snprintf(made->name, sizeof(made->name), "%s", name);
    made->folded = !take_series(s, name);
    *at = made;
    s->ntools++;
    return made;
}

void hr_mcp_stats_free(struct hr_mcp_plugin_stats *s)
{
    while (s->tools) {
        struct hr_mcp_tool_stats *next = s->tools->next;
        free(s->tools);
        s->tools = next;
    }
    if (s->shared && s->nnamed > HR_MCP_OWN_SERIES)
        *s->shared -= s->nnamed - HR_MCP_OWN_SERIES;
    s->ntools = s->nnamed = 0;
}

void hr_mcp_stats_count(struct hr_mcp_tool_stats *stats, enum hr_mcp_outcome outcome,
                        double seconds)
{
    if (!stats)
        return;
    stats->calls[outcome]++;
    if (outcome != HR_MCP_REJECTED)
        hr_histogram_observe(&stats->seconds, seconds);
}
