/* SPDX-License-Identifier: MIT
 * What a toolhost says of its confinement, for people: for /status, and a warning in the log. */
#ifndef HR_SIDECAR_MCP_CONFINEMENT_H
#define HR_SIDECAR_MCP_CONFINEMENT_H

#include <jansson.h>

enum {
    HR_MCP_CONFINEMENT_MAX = 32,       /* members of each of its lists that are shown */
    HR_MCP_CONFINEMENT_TEXT_MAX = 200, /* bytes of each name and reason */
};

/* "plugin" of the frame TOOLS -> {"enforced": [...], "missing": {...}, "landlock_abi": n}.  Only
 * what has that shape is taken over.  New reference; NULL if it says nothing, or without memory. */
json_t *hr_mcp_confinement_parse(const json_t *plugin);

/* Warn of what is missing, if that is not what was missing `before`.  Both may be NULL. */
void hr_mcp_confinement_warn(const char *id, const json_t *before, const json_t *now);

#endif
