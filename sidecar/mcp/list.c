/* SPDX-License-Identifier: MIT
 * tools/list.  See list.h. */
#include "list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR "after:"

static const char *name_of(const json_t *entry)
{
    return json_string_value(json_object_get(entry, "name"));
}

static int by_name(const void *a, const void *b)
{
    const struct hr_mcp_tool *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* The tools on offer, sorted; the caller frees the array.  NULL without memory. */
static const struct hr_mcp_tool **sorted(const struct hr_mcp *m, size_t *ret_n)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < m->nplugins; i++)
        n += m->plugins[i]->worker.tools ? m->plugins[i]->worker.tools->n : 0;
    const struct hr_mcp_tool **list = calloc(n + 1, sizeof(struct hr_mcp_tool *));
    for (size_t i = 0; list && i < m->nplugins; i++) {
        const struct hr_mcp_tools *tools = m->plugins[i]->worker.tools;
        for (size_t j = 0; tools && !m->plugins[i]->refused[0] && j < tools->n; j++)
            list[at++] = &tools->tool[j];
    }
    if (list)
        qsort(list, at, sizeof(struct hr_mcp_tool *), by_name);
    *ret_n = at;
    return list;
}

json_t *hr_mcp_list_all(const struct hr_mcp *m)
{
    size_t n = 0;
    const struct hr_mcp_tool **list = sorted(m, &n);
    json_t *all = list ? json_array() : NULL;
    for (size_t i = 0; all && i < n; i++)
        if (json_array_append(all, list[i]->entry) < 0) {
            json_decref(all);
            all = NULL;
        }
    free(list);
    return all;
}

const char *hr_mcp_cursor_after(const json_t *cursor)
{
    const char *text = json_string_value(cursor);
    const size_t n = sizeof(CURSOR) - 1;
    if (!cursor || json_is_null(cursor))
        return "";
    if (!text || strlen(text) != json_string_length(cursor) || strncmp(text, CURSOR, n) != 0 ||
        !text[n] || strlen(text + n) > HR_MCP_TOOL_NAME_MAX)
        return NULL;
    return text + n;
}

int hr_mcp_list_caching(json_t *result, const struct hr_mcp *m)
{
    /* What is not whole yet is not worth keeping. */
    int ttl = hr_mcp_settled(m) ? HR_MCP_LIST_TTL_MS : 0;
    return json_object_set_new(result, "ttlMs", json_integer(ttl)) ||
           json_object_set_new(result, "cacheScope", json_string("private"));
}

json_t *hr_mcp_list_page(const struct hr_mcp *m, const char *after, int modern)
{
    char cursor[sizeof(CURSOR) + HR_MCP_TOOL_NAME_MAX];
    json_t *all = hr_mcp_list_all(m);
    json_t *page = json_array();
    size_t at = 0, n = json_array_size(all);
    int bad = !all;
    while (at < n && strcmp(name_of(json_array_get(all, at)), after) <= 0)
        at++;
    for (; at < n && json_array_size(page) < m->page_tools; at++)
        bad = json_array_append(page, json_array_get(all, at)) || bad;
    json_t *result = json_pack("{s:o}", "tools", page);
    if (at < n && at > 0) {
        (void)snprintf(cursor, sizeof(cursor), CURSOR "%s", name_of(json_array_get(all, at - 1)));
        bad = json_object_set_new(result, "nextCursor", json_string(cursor)) || bad;
    }
    if (modern)
        bad = hr_mcp_list_caching(result, m) || bad;
    json_decref(all);
    if (!bad)
        return result;
    json_decref(result);
    return NULL;
}
