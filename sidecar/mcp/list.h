/* SPDX-License-Identifier: MIT
 * tools/list: the tools on offer, in pages.
 *
 * They are sorted by name, and a cursor says after which name a page begins.  So a cursor needs no
 * memory here: it means the same after a restart, and when the list has changed meanwhile no tool
 * that was there all the time is left out or shown twice. */
#ifndef HR_SIDECAR_MCP_LIST_H
#define HR_SIDECAR_MCP_LIST_H

#include "internal.h"

enum {
    HR_MCP_PAGE_TOOLS = 256, /* of one page: clients that ask for one page only are not rare */
    /* For how long a modern client may keep the list, ms; it is told of changes if it listens. */
    HR_MCP_LIST_TTL_MS = 60 * 1000,
};

/* After which tool does this cursor's page begin?  "" without a cursor; NULL for one that was not
 * given out here.  Borrowed from it. */
const char *hr_mcp_cursor_after(const json_t *cursor);

/* The page that begins after this name, as a result.  New reference, or NULL. */
json_t *hr_mcp_list_page(const struct hr_mcp *m, const char *after, int modern);

/* All of them, in order.  New reference, or NULL. */
json_t *hr_mcp_list_all(const struct hr_mcp *m);

/* What a modern client is told of how long it may keep an answer. */
int hr_mcp_list_caching(json_t *result, const struct hr_mcp *m);

#endif
