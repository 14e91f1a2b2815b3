/* SPDX-License-Identifier: MIT
 * Ids of the events of a call's stream: each names the call, by its request's id, so that they mean
 * the same to a later life of ours. */
#ifndef HR_SIDECAR_MCP_EVENT_ID_H
#define HR_SIDECAR_MCP_EVENT_ID_H

#include <jansson.h>

enum { HR_MCP_EVENT_ID_MAX = 80 }; /* bytes, with the NUL */

/* For the events of the request with this id, a string or an integer; "" if it is too
 * long, or holds what a header's value cannot. */
void hr_mcp_event_id(const json_t *id, char ret[HR_MCP_EVENT_ID_MAX]);

/* The id of the request that an event names, as a client has sent it back: a new reference.  NULL
 * if it is none of ours. */
json_t *hr_mcp_event_request(const char *event_id);

#endif
