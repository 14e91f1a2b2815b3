/* SPDX-License-Identifier: MIT
 * What the files of this folder share: mcp.c owns it, methods.c, serve.c and session.c answer
 * messages with it, http.c and standard_io.c bring them, report.c tells about it. */
#ifndef HR_SIDECAR_MCP_INTERNAL_H
#define HR_SIDECAR_MCP_INTERNAL_H

#include "mcp.h"
#include "worker.h"

enum {
    /* A request for tools waits no longer for toolhosts that have not told theirs yet; the client
     * itself waits 30 s for all of its servers together. */
    HR_MCP_CATALOGUE_WAIT_MS = 5 * 1000,
};

struct hr_mcp_plugin {
    struct hr_mcp *mcp;
    struct hr_mcp_worker worker; /* worker.id is the plugin's */
    struct hr_mcp_plugin_stats stats;
    /* Why none of its tools are on offer although it has told them; "" if they are. */
    char refused[200];
};

struct hr_mcp {
    struct ev_loop *loop;
    const struct hr_board *board;
    char *token; /* of the HTTP endpoint; NULL: nobody has it */
    char *ipc_key;
    int64_t catalogue_wait_ms; /* HR_MCP_CATALOGUE_WAIT_MS */
    int64_t stream_after_ms;   /* HR_MCP_STREAM_AFTER_MS */
    size_t page_tools;         /* HR_MCP_PAGE_TOOLS */
    struct hr_buf phase;       /* of the pod: payload of PHASE; empty while none is known */
    json_t *shown;             /* all tools on offer, as last looked at; owned, NULL at first */
    struct hr_link waiting;    /* requests that wait for the catalogue */
    size_t unsettled_bytes;    /* of arguments of those */
    struct hr_link calling;    /* requests that wait for a tool */
    uint64_t catalogue;        /* which one that is: every change makes it one more, from 1 on */
    struct hr_link listening;  /* streams of subscriptions/listen */
    struct hr_link sessions;   /* the one used most recently last */
    unsigned nsessions;
    unsigned nstreams; /* of sessions and of subscriptions/listen */
    uint64_t requests[HR_MCP_NMETHODS][HR_MCP_NANSWERS];
    unsigned shared_series; /* of HR_MCP_SHARED_SERIES, those that are taken */
    size_t nplugins;
    struct hr_mcp_plugin *plugins[HR_MAX_PLUGINS]; /* owned; in the order of the settings */
};

/* The tool of that name that is on offer, and its plugin; NULL if there is none. */
const struct hr_mcp_tool *hr_mcp_find_tool(struct hr_mcp *m, const char *name, size_t len,
                                           struct hr_mcp_plugin **ret_plugin);

/* Has every plugin told its tools, or is it clear that it will not do so soon? */
int hr_mcp_settled(const struct hr_mcp *m);

/* The catalogue, or what is known about the toolhosts, has changed: look at the waiting requests
 * again. */
void hr_mcp_serve_waiting(struct hr_mcp *m);

/* Answer everything that is still open: the object is going. */
void hr_mcp_serve_end(struct hr_mcp *m);

#endif
