/* SPDX-License-Identifier: MIT
 * How a plugin is, for everything that tells of it: readiness, /status, /plugins, metrics. */
#ifndef HR_SIDECAR_MCP_REPORT_H
#define HR_SIDECAR_MCP_REPORT_H

#include "internal.h"

/* Is it connected, with its tools on offer? */
int hr_mcp_report_up(const struct hr_mcp_plugin *p);

/* And well by its own account? */
int hr_mcp_report_ok(const struct hr_mcp_plugin *p);

/* Why it is not, as a phrase. */
void hr_mcp_report_describe(const struct hr_mcp *m, const struct hr_mcp_plugin *p, char *text,
                            size_t size);

/* The state of its toolhost, "unknown" without a board; *s is then all zero. */
const char *hr_mcp_report_state(const struct hr_mcp *m, const struct hr_mcp_plugin *p,
                                struct hr_board_service *s);

#endif
