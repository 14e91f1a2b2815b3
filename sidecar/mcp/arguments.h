/* SPDX-License-Identifier: MIT
 * The arguments of a call, from the moment they were read until nobody needs them any more.  As
 * JSON they can take a hundred times what they take as text, so text is how they are kept, and what
 * is kept for the same reason counts in one sum, which is how that is bounded. */
#ifndef HR_SIDECAR_MCP_ARGUMENTS_H
#define HR_SIDECAR_MCP_ARGUMENTS_H

#include <jansson.h>
#include <stddef.h>

/* All zero: none. */
struct hr_mcp_arguments {
    char *text; /* an object; owned */
    size_t len;
    size_t *sum; /* has len in it; borrowed, NULL: none */
};

/* From JSON.  0, -E2BIG: no CALL has room for them, or -ENOMEM. */
int hr_mcp_arguments_set(struct hr_mcp_arguments *a, const json_t *json);

/* As JSON again; NULL without memory. */
json_t *hr_mcp_arguments_json(const struct hr_mcp_arguments *a);

/* Count them in this sum, which they may already be in, and in no other.  0, or -ENOBUFS: it would
 * be more than max, and they count where they did before. */
int hr_mcp_arguments_count(struct hr_mcp_arguments *a, size_t *sum, size_t max);
void hr_mcp_arguments_uncount(struct hr_mcp_arguments *a);

void hr_mcp_arguments_free(struct hr_mcp_arguments *a);

#endif
