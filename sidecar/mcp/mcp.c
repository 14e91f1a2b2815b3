/* SPDX-License-Identifier: MIT
 * The MCP endpoint's object: its plugins and which of their tools are on offer.  See mcp.h. */
#include "mcp.h"

#include "caller.h"
#include "common/log.h"
#include "internal.h"
#include "list.h"
#include "listen.h"
#include "plugins.h"
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- beginning and end --- */

static void on_tools(void *arg);

static int read_settings(struct hr_mcp *m, const json_t *settings)
{
    const char *token =
        json_string_value(json_object_get(json_object_get(settings, "mcp"), "token"));
    const char *key = json_string_value(json_object_get(settings, "ipc_key"));
    if ((token && !*token) || !key || !*key)
        return -EPROTO;
    m->token = token ? strdup(token) : NULL;
    m->ipc_key = strdup(key);
    if ((token && !m->token) || !m->ipc_key)
        return -ENOMEM;
    return hr_mcp_plugins_set(m, json_object_get(settings, "plugins"), on_tools);
}

int hr_mcp_new(struct ev_loop *loop, const json_t *settings, const struct hr_board *board,
               struct hr_mcp **ret)
{
    struct hr_mcp *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->loop = loop;
    m->board = board;
    m->catalogue_wait_ms = HR_MCP_CATALOGUE_WAIT_MS;
    m->stream_after_ms = HR_MCP_STREAM_AFTER_MS;
    m->page_tools = HR_MCP_PAGE_TOOLS;
    hr_buf_init(&m->phase, HR_PHASE_NAME_MAX + 1 + HR_PHASE_EVENT_MAX);
    hr_link_init(&m->waiting);
    hr_link_init(&m->calling);
    hr_link_init(&m->listening);
    hr_link_init(&m->sessions);
    m->catalogue = 1;
    ev_now_update(loop);
    int err = read_settings(m, settings);
    if (err)
        hr_mcp_free(m);
    else
        *ret = m;
    return err;
}

void hr_mcp_free(struct hr_mcp *m)
{
    if (!m)
        return;
    hr_mcp_serve_end(m);
    hr_mcp_listen_end(m);
    hr_mcp_sessions_end(m);
    hr_mcp_plugins_free(m);
    json_decref(m->shown);
    hr_buf_free(&m->phase);
    free(m->token);
    free(m->ipc_key);
    free(m);
}

void hr_mcp_forget_keys(struct hr_mcp *m)
{
    if (m->token)
        explicit_bzero(m->token, strlen(m->token));
    explicit_bzero(m->ipc_key, strlen(m->ipc_key));
}

/* --- the catalogue --- */

/* The first tool of the plugin in place `at` whose name a plugin before it has already; NULL if
 * there is none. */
static const struct hr_mcp_tool *find_clash(struct hr_mcp *m, size_t at, const char **ret_owner)
{
    const struct hr_mcp_tools *tools = m->plugins[at]->worker.tools;
    for (size_t k = 0; tools && k < at; k++) {
        const struct hr_mcp_plugin *q = m->plugins[k];
        if (!q->worker.tools || q->refused[0])
            continue;
        for (size_t i = 0; i < tools->n; i++) {
            const struct hr_mcp_tool *tool = &tools->tool[i];
            if (hr_mcp_tools_find(q->worker.tools, tool->name, tool->name_len)) {
                *ret_owner = q->worker.id;
                return tool;
            }
        }
    }
    return NULL;
}

/* Two tools of one name would make the client fail every conversation.  Half a plugin would
 * surprise its author, so the later one is refused as a whole; the registry's order decides, not
 * who happened to start faster. */
static void decide(struct hr_mcp *m, size_t at)
{
    struct hr_mcp_plugin *p = m->plugins[at];
    const char *owner = NULL;
    char why[sizeof(p->refused)] = "";
    const struct hr_mcp_tool *clash = find_clash(m, at, &owner);
    if (clash)
        (void)snprintf(why, sizeof(why),
                       "its tool \"%s\" has the name of a tool of plugin \"%s\": rename one",
                       clash->name, owner);
    if (clash && strcmp(why, p->refused) != 0)
        hr_error("plugin %s: none of its tools are offered: %s", p->worker.id, why);
    (void)snprintf(p->refused, sizeof(p->refused), "%s", why);
}

/* Toolhosts tell their tools whenever they start; only a list that differs is news. */
static void look_for_changes(struct hr_mcp *m)
{
    json_t *all = hr_mcp_list_all(m);
    if (!all)
        return; /* no memory: seen the next time */
    int same = m->shown && json_equal(all, m->shown);
    json_decref(m->shown);
    m->shown = all;
    if (same)
        return;
    m->catalogue++;
    hr_mcp_listen_changed(m);
}

/* Somebody's tools have changed, or who has some. */
static void offer(struct hr_mcp *m)
{
    for (size_t i = 0; i < m->nplugins; i++)
        decide(m, i);
    look_for_changes(m);
    hr_mcp_sessions_changed(m);
    hr_mcp_serve_waiting(m);
}

static void on_tools(void *arg)
{
    struct hr_mcp_plugin *p = arg;
    struct hr_mcp *m = p->mcp;
    struct hr_mcp_tools *tools = p->worker.tools;
    for (size_t i = 0; i < tools->n; i++)
        tools->tool[i].stats = hr_mcp_stats_tool(&p->stats, tools->tool[i].name);
    offer(m);
}

int hr_mcp_update(struct hr_mcp *m, const json_t *settings)
{
    int err = hr_mcp_plugins_set(m, json_object_get(settings, "plugins"), on_tools);
    if (!err)
        offer(m);
    return err;
}

int hr_mcp_phase(struct hr_mcp *m, const char *phase, const char *event)
{
    struct hr_buf payload;
    const char *at = NULL;
    hr_buf_init(&payload, m->phase.max);
    int err = hr_buf_add(&payload, phase, strlen(phase) + 1);
    if (!err)
        err = hr_buf_adds(&payload, event);
    if (!err)
        err = hr_frame_phase(payload.data, payload.len, &at);
    if (err) {
        hr_buf_free(&payload);
        return err == -ENOMEM ? err : -EINVAL;
    }
    hr_buf_free(&m->phase);
    m->phase = payload;
    for (size_t i = 0; i < m->nplugins; i++)
        hr_mcp_worker_phase_changed(&m->plugins[i]->worker);
    return 0;
}

const struct hr_mcp_tool *hr_mcp_find_tool(struct hr_mcp *m, const char *name, size_t len,
                                           struct hr_mcp_plugin **ret_plugin)
{
    for (size_t i = 0; i < m->nplugins; i++) {
        struct hr_mcp_plugin *p = m->plugins[i];
        const struct hr_mcp_tool *tool = NULL;
        if (p->worker.tools && !p->refused[0])
            tool = hr_mcp_tools_find(p->worker.tools, name, len);
        if (tool) {
            *ret_plugin = p;
            return tool;
        }
    }
    return NULL;
}

int hr_mcp_settled(const struct hr_mcp *m)
{
    for (size_t i = 0; i < m->nplugins; i++) {
        const struct hr_mcp_worker *w = &m->plugins[i]->worker;
        char why[HR_MCP_SENTENCE_MAX];
        if (!w->tools && !hr_mcp_worker_down(w, m->catalogue_wait_ms, why, sizeof(why)))
            return 0;
    }
    return 1;
}

void hr_mcp_board_changed(struct hr_mcp *m)
{
    for (size_t i = 0; i < m->nplugins; i++)
        hr_mcp_worker_board_changed(&m->plugins[i]->worker);
    hr_mcp_sessions_changed(m);
    if (!hr_link_empty(&m->waiting))
        hr_mcp_serve_waiting(m);
}
