/* SPDX-License-Identifier: MIT
 * Which plugins there are, as the supervisor says. */
#ifndef HR_SIDECAR_MCP_PLUGINS_H
#define HR_SIDECAR_MCP_PLUGINS_H

#include "internal.h"

/* Have these ("plugins" of the sidecar's settings, common/handoff.h) in the place of those that
 * there are.  One that stays where it is keeps its connection, its calls and its counters; the
 * calls of one that is gone end with that reason.  0, or -EPROTO or -ENOMEM and nothing has
 * changed. */
int hr_mcp_plugins_set(struct hr_mcp *m, const json_t *list, void (*on_tools)(void *arg));

/* There are none any more, and no calls. */
void hr_mcp_plugins_free(struct hr_mcp *m);

#endif
