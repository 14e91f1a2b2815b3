/* SPDX-License-Identifier: MIT
 * What is counted.  Counters of a tool live as long as its plugin's entry, through every restart of
 * the toolhost, so that they never go backwards. */
#ifndef HR_SIDECAR_MCP_STATS_H
#define HR_SIDECAR_MCP_STATS_H

#include "common/expo.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HR_MCP_TOOL_NAME_MAX = 64, /* bytes, without the NUL */
    HR_MCP_MAX_TOOLS = 256,    /* of one plugin; as many as a toolhost loads */
    /* Tools of one plugin that are counted by name over all of its lives; a plugin that comes back
     * with other names for ever must not make the page grow for ever. */
    HR_MCP_MAX_TOOL_STATS = 2 * HR_MCP_MAX_TOOLS,
    /* Tools that have series of their own on the page of metrics, which are 25 each: each plugin is
     * sure of the first number, and the second is for whoever comes first.  All others are one tool
     * named "other" there, one for each plugin.  So there are at most 13 400 series of tools,
     * and a plugin that is alone has one for each of its tools. */
    HR_MCP_OWN_SERIES = 8,
    HR_MCP_SHARED_SERIES = HR_MCP_MAX_TOOLS - HR_MCP_OWN_SERIES,
};

#define HR_MCP_OTHER_TOOLS "other"

/* How a tool call ended. */
enum hr_mcp_outcome {
    HR_MCP_OK,
    HR_MCP_ERROR, /* the tool says so, or its answer was unusable */
    HR_MCP_TIMEOUT,
    HR_MCP_CANCELLED, /* the client went away */
    HR_MCP_CRASHED,   /* its toolhost died under it */
    HR_MCP_REJECTED,  /* never reached the tool */
    HR_MCP_NOUTCOMES
};
const char *hr_mcp_outcome_name(enum hr_mcp_outcome outcome);

struct hr_mcp_tool_stats {
    struct hr_mcp_tool_stats *next;
    char name[HR_MCP_TOOL_NAME_MAX + 1];
    bool folded; /* into "other" on the page of metrics; for ever: a counter must not go back */
    uint64_t calls[HR_MCP_NOUTCOMES];
    uint64_t retried;            /* calls that were given to a second toolhost */
    struct hr_histogram seconds; /* of the calls that reached the tool */
};

struct hr_mcp_plugin_stats {
    struct hr_mcp_tool_stats *tools; /* in the order they were first seen */
    unsigned ntools;
    unsigned nnamed;  /* that have series of their own */
    unsigned *shared; /* of HR_MCP_SHARED_SERIES those that are taken; NULL: none is left */
};

/* The counters of a tool, made if they are new.  Once there are HR_MCP_MAX_TOOL_STATS the rest
 * share one entry named "other".  s: all zero at first, but for `shared`.  Borrowed; NULL without
 * memory. */
struct hr_mcp_tool_stats *hr_mcp_stats_tool(struct hr_mcp_plugin_stats *s, const char *name);
void hr_mcp_stats_free(struct hr_mcp_plugin_stats *s);

/* stats may be NULL. */
void hr_mcp_stats_count(struct hr_mcp_tool_stats *stats, enum hr_mcp_outcome outcome,
                        double seconds);

/* What was asked for, in a fixed list: a client must not be able to invent label values. */
enum hr_mcp_method {
    HR_MCP_NONE, /* no JSON-RPC message: refused before, or DELETE */
    HR_MCP_INITIALIZE,
    HR_MCP_PING,
    HR_MCP_SET_LEVEL,
    HR_MCP_TOOLS_LIST,
    HR_MCP_TOOLS_CALL,
    HR_MCP_SERVER_DISCOVER,
    HR_MCP_SUBSCRIPTIONS_LISTEN,
    HR_MCP_STREAM, /* a GET */
    HR_MCP_NOTIFICATION,
    HR_MCP_RESPONSE,
    HR_MCP_OTHER,
    HR_MCP_NMETHODS
};
const char *hr_mcp_method_name(enum hr_mcp_method method);

/* How a request was answered.  A tool's failure is a successful answer. */
enum hr_mcp_answer {
    HR_MCP_ANSWER_OK,
    HR_MCP_ANSWER_ERROR,   /* a JSON-RPC error */
    HR_MCP_ANSWER_REFUSED, /* an HTTP error */
    HR_MCP_ANSWER_GONE,    /* the client did not wait for it */
    HR_MCP_NANSWERS
};
const char *hr_mcp_answer_name(enum hr_mcp_answer answer);

#endif
