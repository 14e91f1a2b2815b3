/* SPDX-License-Identifier: MIT
 * The plugins and their tools. */
#include "parts.h"

#include <string.h>

enum { OPEN_MAX = 4 }; /* plugins, up to which each shows its tools without being asked */

/* All but "ok". */
static long long errors_of(const json_t *calls)
{
    long long n = 0;
    const char *outcome = NULL;
    json_t *count = NULL;
    json_object_foreach ((json_t *)(uintptr_t)calls, outcome, count)
        if (strcmp(outcome, "ok") != 0)
            n += json_integer_value(count);
    return n;
}

static long long calls_of(const json_t *calls)
{
    return errors_of(calls) + hr_page_count(calls, "ok");
}

static void put_latency(struct hr_html *h, const json_t *latency, const char *key)
{
    char text[HR_HUMAN_MAX] = "\xe2\x80\x93";
    if (hr_page_is_number(latency, key))
        hr_human_latency(text, hr_page_number(latency, key));
    hr_html(h, "<td class=\"n\">%s</td>", text);
}

/* "timeout 2, crashed 1" */
static void put_outcomes(struct hr_html *h, const json_t *calls)
{
    const char *outcome = NULL;
    const char *between = "";
    json_t *count = NULL;
    if (errors_of(calls) == 0)
        return;
    hr_html(h, "<p>");
    json_object_foreach ((json_t *)(uintptr_t)calls, outcome, count) {
        if (strcmp(outcome, "ok") == 0 || json_integer_value(count) == 0)
            continue;
        hr_html(h, "%s%s %lld", between, outcome, (long long)json_integer_value(count));
        between = ", ";
    }
    hr_html(h, "</p>");
}

static void put_tool(struct hr_html *h, const json_t *tool)
{
    const char *name = hr_page_text(tool, "name");
    const json_t *calls = json_object_get(tool, "calls");
    const json_t *latency = json_object_get(tool, "latency_seconds");
    hr_html(h, "<tr data-k=\"%s\"><th scope=\"row\"><bdi>%s</bdi>", name, name);
    put_outcomes(h, calls);
    hr_html(h, "</th><td class=\"n\">%lld</td><td class=\"n%s\">%lld</td><td class=\"n\">%lld</td>",
            calls_of(calls), errors_of(calls) ? " some" : "", errors_of(calls),
            hr_page_count(tool, "in_flight"));
    put_latency(h, latency, "p50");
    put_latency(h, latency, "p99");
    hr_html(h, "</tr>\n");
}

static void put_tools(struct hr_html *h, const json_t *plugin)
{
    size_t i = 0;
    const json_t *tool = NULL;
    const json_t *tools = json_object_get(plugin, "tools");
    long long more = hr_page_count(plugin, "tool_count") - (long long)json_array_size(tools);
    if (json_array_size(tools) == 0) {
        hr_html(h, "<p class=\"none\">Its tools are not known yet.</p>\n");
        return;
    }
    hr_html(h, "<table class=\"stack tools\"><thead><tr><th scope=\"col\">Tool</th><th "
               "scope=\"col\" class=\"n\">Calls</th>"
               "<th scope=\"col\" class=\"n\">Errors</th><th scope=\"col\" class=\"n\">Open</th>"
               "<th scope=\"col\" class=\"n\">p50</th><th scope=\"col\" class=\"n\">p99</th></tr>"
               "</thead>\n<tbody>\n");
    json_array_foreach (tools, i, tool)
        put_tool(h, tool);
    hr_html(h, "</tbody></table>\n");
    if (more > 0)
        hr_html(h,
                "<p class=\"note\">And %lld with no more calls than these: <a "
                "href=\"plugins\">/plugins</a>.</p>\n",
                more);
}

static enum hr_tone tone_of(const json_t *plugin)
{
    const char *state = hr_page_text(plugin, "state");
    if (strcmp(state, "failed") == 0)
        return HR_TONE_BAD;
    if (strcmp(state, "up") != 0)
        return strcmp(state, "backoff") == 0 ? HR_TONE_WARN : HR_TONE_BUSY;
    return json_is_true(json_object_get(plugin, "ok")) ? HR_TONE_OK : HR_TONE_WARN;
}

static void put_confinement(struct hr_html *h, const json_t *confinement)
{
    const char *what = NULL;
    json_t *why = NULL;
    const json_t *missing = json_object_get(confinement, "missing");
    json_object_foreach ((json_t *)(uintptr_t)missing, what, why)
        hr_html(h,
                "<p data-k=\"missing/%s\" class=\"why\">not confined in <bdi>%s</bdi>: "
                "<bdi>%s</bdi></p>\n",
                what, what, json_string_value(why));
}

/* open: a bool. */
static void put_plugin(struct hr_html *h, const json_t *plugin, const void *open)
{
    const char *id = hr_page_text(plugin, "id");
    const char *reason = hr_page_text(plugin, "reason");
    const json_t *totals = json_object_get(plugin, "totals");
    enum hr_tone tone = tone_of(plugin);
    hr_html(
        h, "<details data-k=\"%s\"%s><summary><h3><bdi>%s</bdi> <small><bdi>%s</bdi></small></h3> ",
        id, *(const bool *)open ? " open" : "", id, hr_page_text(plugin, "version"));
    hr_page_state(h, tone, hr_page_text(plugin, "state"));
    hr_html(h, " <small>");
    hr_page_things(h, hr_page_count(totals, "calls"), "call");
    hr_html(h, ", ");
    hr_page_things(h, hr_page_count(totals, "errors"), "error");
    hr_html(h, ", %lld open</small></summary>\n", hr_page_count(totals, "in_flight"));
    if (*reason)
        hr_html(h, "<p class=\"why\"><bdi>%s</bdi></p>\n", reason);
    put_confinement(h, json_object_get(plugin, "confinement"));
    put_tools(h, plugin);
    hr_html(h, "</details>\n");
}

void hr_page_plugins(struct hr_html *h, const json_t *plugins)
{
    const json_t *all = json_object_get(plugins, "plugins");
    bool open = json_array_size(all) <= OPEN_MAX;
    hr_html(h, "<section aria-labelledby=\"plugins\">\n<h2 id=\"plugins\">Plugins</h2>\n");
    if (!json_is_array(all))
        hr_html(h, "<p class=\"none\">Not known.</p>\n");
    else if (json_array_size(all) == 0)
        hr_html(h, "<p class=\"none\">None: the tool registry names no plugin.</p>\n");
    hr_page_worst_first(h, all, tone_of, put_plugin, &open);
    hr_html(h, "</section>\n");
}
