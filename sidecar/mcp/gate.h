/* SPDX-License-Identifier: MIT
 * Who may speak to the MCP endpoint at all: what is decided from the head of a request, before a
 * byte of its body is looked at. */
#ifndef HR_SIDECAR_MCP_GATE_H
#define HR_SIDECAR_MCP_GATE_H

#include "sidecar/http/server.h"

enum hr_mcp_gate {
    HR_MCP_PASS,    /* a POST whose body may be read, a GET or a DELETE; not answered yet */
    HR_MCP_REFUSED, /* answered with an HTTP error */
};

enum hr_mcp_gate hr_mcp_gate(struct hr_http_req *req, const char *token);

#endif
