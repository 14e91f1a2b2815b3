/* SPDX-License-Identifier: MIT
 * Values of MCP's headers.  What a header cannot carry is sent as "=?base64?...?=". */
#ifndef HR_SIDECAR_MCP_HEADERS_H
#define HR_SIDECAR_MCP_HEADERS_H

#include <jansson.h>

/* Does this header say the same as the value in the body?  Blanks around it are no part of it.  A
 * string in Base64 must be exactly that, padding included.  A header that is not of visible ASCII,
 * blanks and tabs says nothing.  Only strings, numbers and booleans can be said in a header: any
 * other value agrees with everything else. */
int hr_mcp_header_says(const char *header, const json_t *value);

#endif
