/* SPDX-License-Identifier: MIT
 * Which plugins there are.  See plugins.h. */
#include "plugins.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the settings say of one. */
struct entry {
    const char *id; /* borrowed from them */
    uint32_t service;
    unsigned char socket[HR_MCP_SOCKET_MAX];
    size_t len;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* 1 to HR_MCP_SOCKET_MAX bytes in hexadecimal. */
static int parse_socket(const char *hex, struct entry *ret)
{
    size_t n = hex ? strlen(hex) : 0;
    if (n == 0 || n % 2 || n / 2 > HR_MCP_SOCKET_MAX)
        return -EPROTO;
    for (size_t i = 0; i < n; i += 2) {
        int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
        if (high < 0 || low < 0)
            return -EPROTO;
        ret->socket[i / 2] = (unsigned char)(high << 4 | low);
    }
    ret->len = n / 2;
    return 0;
}

static int parse_entry(const json_t *settings, struct entry *ret)
{
    const json_t *service = json_object_get(settings, "service");
    *ret = (struct entry){.id = json_string_value(json_object_get(settings, "id"))};
    if (!ret->id || !*ret->id || strlen(ret->id) > HR_PLUGIN_ID_MAX || !json_is_integer(service) ||
        json_integer_value(service) < 0 || json_integer_value(service) >= HR_MAX_SERVICES)
        return -EPROTO;
    ret->service = (uint32_t)json_integer_value(service);
    return parse_socket(json_string_value(json_object_get(settings, "socket")), ret);
}

static int is_it(const struct hr_mcp_plugin *p, const struct entry *e)
{
    const struct hr_mcp_worker *w = &p->worker;
    return strcmp(w->id, e->id) == 0 && w->service == e->service &&
           hr_mcp_conn_leads_to(&w->conn, e->socket, e->len);
}

/* It does not connect yet. */
static struct hr_mcp_plugin *plugin_new(struct hr_mcp *m, const struct entry *e,
                                        void (*on_tools)(void *arg))
{
    struct hr_mcp_plugin *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->mcp = m;
    p->stats.shared = &m->shared_series;
    (void)snprintf(p->worker.id, sizeof(p->worker.id), "%s", e->id);
    p->worker.board = m->board;
    p->worker.service = e->service;
    p->worker.phase = &m->phase;
    p->worker.on_tools = on_tools;
    p->worker.arg = p;
    return p;
}

static void plugin_free(struct hr_mcp_plugin *p)
{
    hr_mcp_worker_stop(&p->worker);
    hr_mcp_stats_free(&p->stats);
    free(p);
}

static void plugin_remove(struct hr_mcp_plugin *p)
{
    char why[HR_MCP_SENTENCE_MAX];
    (void)snprintf(why, sizeof(why),
                   "The plugin \"%s\" was taken out of the tool registry while this call was open.",
                   p->worker.id);
    hr_mcp_worker_end_calls(&p->worker, why);
    plugin_free(p);
}

/* The plugin of this entry, out of those that there were. */
static struct hr_mcp_plugin *take_old(struct hr_mcp_plugin *old[], size_t n, const struct entry *e)
{
    for (size_t i = 0; i < n; i++) {
        struct hr_mcp_plugin *p = old[i];
        if (!p || !is_it(p, e))
            continue;
        old[i] = NULL;
        return p;
    }
    return NULL;
}

int hr_mcp_plugins_set(struct hr_mcp *m, const json_t *list, void (*on_tools)(void *arg))
{
    struct entry entries[HR_MAX_PLUGINS];
    struct hr_mcp_plugin *old[HR_MAX_PLUGINS];
    struct hr_mcp_plugin *now[HR_MAX_PLUGINS];
    bool is_new[HR_MAX_PLUGINS];
    size_t n = json_array_size(list), nold = m->nplugins;
    int err = json_is_array(list) && n <= HR_MAX_PLUGINS ? 0 : -EPROTO;
    for (size_t i = 0; i < n && !err; i++)
        err = parse_entry(json_array_get(list, i), &entries[i]);
    if (err)
        return err;
    memcpy(old, m->plugins, sizeof(old));
    for (size_t i = 0; i < n; i++) {
        now[i] = take_old(old, nold, &entries[i]);
        is_new[i] = !now[i];
        if (is_new[i] && !(now[i] = plugin_new(m, &entries[i], on_tools))) {
            while (i-- > 0)
                if (is_new[i])
                    free(now[i]);
            return -ENOMEM;
        }
    }
    memcpy(m->plugins, now, n * sizeof(struct hr_mcp_plugin *));
    m->nplugins = n;
    for (size_t i = 0; i < nold; i++)
        if (old[i])
            plugin_remove(old[i]);
    for (size_t i = 0; i < n; i++)
        if (is_new[i])
            hr_mcp_worker_start(&now[i]->worker, m->loop, m->ipc_key, entries[i].socket,
                                entries[i].len);
    return 0;
}

void hr_mcp_plugins_free(struct hr_mcp *m)
{
    for (size_t i = 0; i < m->nplugins; i++)
        plugin_free(m->plugins[i]);
    m->nplugins = 0;
}
