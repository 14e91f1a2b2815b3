/* SPDX-License-Identifier: MIT
 * Event ids.  See event_id.h. */
#include "event_id.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "call:" /* and the request's id as JSON, in ASCII: it will be a header's value */

void hr_mcp_event_id(const json_t *id, char ret[HR_MCP_EVENT_ID_MAX])
{
    char text[HR_MCP_EVENT_ID_MAX - sizeof(PREFIX)];
    size_t n =
        json_dumpb(id, text, sizeof(text), JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_COMPACT);
    ret[0] = '\0';
    /* That character is ASCII to jansson, but nothing that a header's value may have. */
    if (n && n <= sizeof(text) && !memchr(text, 0x7f, n))
        (void)snprintf(ret, HR_MCP_EVENT_ID_MAX, PREFIX "%.*s", (int)n, text);
}

json_t *hr_mcp_event_request(const char *event_id)
{
    const size_t n = sizeof(PREFIX) - 1;
    if (!event_id || strncmp(event_id, PREFIX, n) != 0 || strlen(event_id) >= HR_MCP_EVENT_ID_MAX)
        return NULL;
    json_t *id = json_loads(event_id + n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (json_is_string(id) || json_is_integer(id))
        return id;
    json_decref(id);
    return NULL;
}
