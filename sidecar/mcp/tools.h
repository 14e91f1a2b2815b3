/* SPDX-License-Identifier: MIT
 * The list of tools a toolhost sends (TOOLS in common/frame.h), checked and made ready to be shown
 * to clients.  The toolhost runs foreign code, so nothing in it is trusted: one bad entry can make
 * the client lose every tool it has. */
#ifndef HR_SIDECAR_MCP_TOOLS_H
#define HR_SIDECAR_MCP_TOOLS_H

#include "common/schema/schema.h"
#include "stats.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_MCP_TIMEOUT_DEFAULT_MS = 60 * 1000, /* a tool that names none */
    /* The client gives a call up after 300 s and then loses its session: stay well below. */
    HR_MCP_TIMEOUT_MAX_MS = 240 * 1000,
    HR_MCP_VERSION_MAX = 64,
    HR_MCP_SHA256 = 64,       /* hexadecimal digits */
    HR_MCP_REFUSAL_MAX = 400, /* bytes of the reason for which a schema is refused */
    /* JSON values in a list, each of which takes some 600 bytes for as long as it is offered. */
    HR_MCP_TOOLS_VALUES_MAX = 250000,
};

struct hr_mcp_tool {
    char name[HR_MCP_TOOL_NAME_MAX + 1];
    size_t name_len;
    uint32_t timeout_ms;      /* never 0 */
    uint32_t max_concurrency; /* 0: no limit */
    int structured;           /* it has an output schema: a success must carry structured output */
    int repeatable;           /* read-only or idempotent: a call may run a second time */
    json_t *entry;            /* as tools/list shows it; owned */
    struct hr_schema *input;  /* what arguments are held against; owned */
    struct hr_mcp_tool_stats *stats; /* the owner of the counters fills it in; may be NULL */
};

struct hr_mcp_tools {
    char version[HR_MCP_VERSION_MAX + 1]; /* the plugin's own, UTF-8; "" if it gave none */
    char sha256[HR_MCP_SHA256 + 1];       /* of the plugin's file; "" if it gave none */
    json_t *confinement;                  /* see confinement.h; owned; NULL: not told */
    int has_health;                       /* the plugin tells of its health */
    size_t n;
    struct hr_mcp_tool tool[]; /* in the toolhost's order: the index is the tool's number */
};

/* 0, -ENOMEM, or -EPROTO with the reason, a phrase, in why.  The list is the caller's. */
int hr_mcp_tools_parse(const char *json, size_t len, struct hr_mcp_tools **ret, char *why,
                       size_t size);
void hr_mcp_tools_free(struct hr_mcp_tools *tools); /* NULL is fine */

/* NULL if it has none of that name.  Borrowed. */
const struct hr_mcp_tool *hr_mcp_tools_find(const struct hr_mcp_tools *tools, const char *name,
                                            size_t len);

#endif
