/* SPDX-License-Identifier: MIT
 * The page of metrics with as much on it as plugins can bring about: as many of them as there may
 * be, with as many tools, all other ones in a second life, and the longest names and numbers. */
#include "sidecar/mcp/internal.h"
#include "sidecar/metrics/metrics.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERIES_OF_TOOL = HR_MCP_NOUTCOMES + 1 + HR_HISTOGRAM_BUCKETS + 3 + 3,
    SERIES_OF_PLUGIN = 7,
    TOOLS_MOST = HR_MAX_PLUGINS * (HR_MCP_OWN_SERIES + 1) + HR_MCP_SHARED_SERIES,
};
static const uint64_t many = 999999999999999; /* the longest that is written in full */

static struct hr_mcp mcp;
static struct hr_mcp_plugin plugins[HR_MAX_PLUGINS];
static struct hr_buf page;

static struct hr_mcp_tools *most_tools(const char *prefix)
{
    struct hr_mcp_tools *tools = NULL;
    char why[256] = "";
    json_t *all = json_pack("{s:{s:s}, s:[]}", "plugin", "id", "p", "tools");
    for (int i = 0; i < HR_MCP_MAX_TOOLS; i++) {
        char name[HR_MCP_TOOL_NAME_MAX + 1] = {0};
        int n = snprintf(name, sizeof(name), "%s%d_", prefix, i);
        memset(name + n, 'x', sizeof(name) - 1 - (size_t)n);
        json_t *tool = json_pack("{s:s, s:{s:s}, s:i}", "name", name, "inputSchema", "type",
                                 "object", "maxConcurrency", 2000000000);
        assert_int_equal(json_array_append_new(json_object_get(all, "tools"), tool), 0);
    }
    char *text = json_dumps(all, JSON_COMPACT);
    if (hr_mcp_tools_parse(text, strlen(text), &tools, why, sizeof(why)))
        fail_msg("%s", why);
    free(text);
    json_decref(all);
    return tools;
}

static void live(struct hr_mcp_plugin *p, const char *prefix)
{
    hr_mcp_tools_free(p->worker.tools);
    p->worker.tools = most_tools(prefix);
    for (size_t i = 0; i < p->worker.tools->n; i++) {
        struct hr_mcp_tool *tool = &p->worker.tools->tool[i];
        tool->stats = hr_mcp_stats_tool(&p->stats, tool->name);
        assert_non_null(tool->stats);
        for (int o = 0; o < HR_MCP_NOUTCOMES; o++)
            tool->stats->calls[o] = many / (2 * HR_MCP_MAX_TOOLS);
        tool->stats->retried = 1;
    }
}

static int set_up(void **state)
{
    (void)state;
    hr_buf_init(&page, HR_METRICS_MAX);
    for (int i = 0; i < HR_MAX_PLUGINS; i++) {
        struct hr_mcp_plugin *p = &plugins[i];
        (void)snprintf(p->worker.id, sizeof(p->worker.id), "p%d_", i);
        size_t n = strlen(p->worker.id);
        memset(p->worker.id + n, 'y', HR_PLUGIN_ID_MAX - n);
        hr_link_init(&p->worker.queued);
        hr_link_init(&p->worker.running);
        hr_link_init(&p->worker.dying);
        p->stats.shared = &mcp.shared_series;
        live(p, "before");
        live(p, "after");
        mcp.plugins[mcp.nplugins++] = p;
    }
    for (int i = 0; i < HR_MCP_NMETHODS; i++)
        for (int j = 0; j < HR_MCP_NANSWERS; j++)
            mcp.requests[i][j] = many;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < HR_MAX_PLUGINS; i++) {
        hr_mcp_tools_free(plugins[i].worker.tools);
        hr_mcp_stats_free(&plugins[i].stats);
    }
    hr_buf_free(&page);
    return 0;
}

static void render(enum hr_expo_format format)
{
    struct hr_expo e;
    hr_buf_reset(&page);
    hr_expo_init_as(&e, &page, format);
    hr_mcp_collect(&e, &mcp);
    assert_int_equal(hr_expo_finish(&e), 0);
    assert_null(e.misuse);
}

static int by_text(const void *a, const void *b)
{
    const char *x = *(const char *const *)a;
    const char *y = *(const char *const *)b;
    return strcmp(x, y);
}

/* Their number.  No two have the same name and labels. */
static size_t count_series(char *text)
{
    static const char *lines[TOOLS_MOST * SERIES_OF_TOOL + 4096];
    size_t n = 0;
    for (char *p = text; *p;) {
        char *end = strchr(p, '\n');
        *end = '\0';
        if (*p != '#') {
            *strrchr(p, ' ') = '\0';
            assert_true(n < sizeof(lines) / sizeof(lines[0]));
            lines[n++] = p;
        }
        p = end + 1;
    }
    qsort(lines, n, sizeof(lines[0]), by_text);
    for (size_t i = 1; i < n; i++)
        assert_string_not_equal(lines[i - 1], lines[i]);
    return n;
}

static void series_and_bytes_are_bounded(void **state)
{
    static const enum hr_expo_format formats[] = {HR_EXPO_TEXT, HR_EXPO_OPENMETRICS};
    (void)state;
    for (int i = 0; i < 2; i++) {
        render(formats[i]);
        print_message("%zu bytes\n", page.len);
        assert_in_range(page.len, 1, HR_METRICS_MAX / 4);
        size_t n = count_series(page.data);
        print_message("%zu series\n", n);
        assert_in_range(n, 1,
                        TOOLS_MOST * SERIES_OF_TOOL + HR_MAX_PLUGINS * SERIES_OF_PLUGIN +
                            HR_MCP_NMETHODS * HR_MCP_NANSWERS);
    }
}

/* The sum of all samples that begin so, and how many there are. */
static double sum_of(const char *start, unsigned *ret_n)
{
    double sum = 0;
    *ret_n = 0;
    for (const char *p = page.data; *p; p = strchr(p, '\n') + 1) {
        if (strncmp(p, start, strlen(start)) != 0)
            continue;
        sum += strtod(strstr(p, "} ") + 2, NULL);
        ++*ret_n;
    }
    return sum;
}

static void nothing_that_is_folded_is_lost(void **state)
{
    (void)state;
    unsigned n = 0;
    render(HR_EXPO_TEXT);
    for (int i = 0; i < HR_MAX_PLUGINS; i++) {
        char start[256];
        (void)snprintf(start, sizeof(start), "handrail_tool_call_retries_total{plugin=\"%s\"",
                       plugins[i].worker.id);
        double sum = sum_of(start, &n);
        assert_true(sum == plugins[i].stats.ntools); /* one each, but for the shared entry */
        assert_true(n > HR_MCP_OWN_SERIES);          /* and "other" */
        double folded = plugins[i].stats.ntools - (double)(n - 1);
        (void)snprintf(start, sizeof(start), "handrail_plugin_folded_tools{plugin=\"%s\"",
                       plugins[i].worker.id);
        assert_true(sum_of(start, &n) == folded);
        assert_int_equal(n, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_and_bytes_are_bounded),
        cmocka_unit_test(nothing_that_is_folded_is_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
