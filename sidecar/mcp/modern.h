/* SPDX-License-Identifier: MIT
 * The rules of protocol revision 2026-07-28, which has no sessions: each request says in its _meta
 * which revision it speaks, and over HTTP repeats in headers what a proxy may want to route by.  A
 * request that breaks one of these rules comes from no client that could have worked, so it is
 * refused, with the HTTP status that the revision asks for.
 *
 * Everything else is legacy: 2025-11-25 and older, chosen once by `initialize`. */
#ifndef HR_SIDECAR_MCP_MODERN_H
#define HR_SIDECAR_MCP_MODERN_H

#include "peer.h"
#include "rpc.h"

#define HR_MCP_META_VERSION "io.modelcontextprotocol/protocolVersion"
#define HR_MCP_META_CLIENT  "io.modelcontextprotocol/clientCapabilities"
#define HR_MCP_META_SERVER  "io.modelcontextprotocol/serverInfo"

struct hr_mcp_refusal {
    unsigned status;
    int code;
    char why[256];
    json_t *data; /* the error's; NULL for none; hr_mcp_reply_refusal() takes it */
};

/* Is this a request by the modern rules?  Its _meta decides; without one, MCP-Protocol-Version does
 * (version; NULL: not sent), except for `initialize`, which is what legacy begins with, and `ping`,
 * which the modern client of the Go SDK still sends: it gives its connection up if that fails. */
int hr_mcp_is_modern(const struct hr_mcp_message *msg, const char *version);

/* Does it obey them, as far as that can be told without knowing the tools?  0 or -EPROTO. */
int hr_mcp_modern_check(const struct hr_mcp_message *msg, const struct hr_mcp_peer *peer,
                        struct hr_mcp_refusal *ret);

/* Do its Mcp-Param-* headers agree with the arguments, for a tool with this input schema?
 * 0 or -EPROTO. */
int hr_mcp_params_check(const json_t *schema, const json_t *arguments,
                        const struct hr_mcp_peer *peer, struct hr_mcp_refusal *ret);

/* Make a result, taken over, one of this revision: its type, and who says so.  NULL stays NULL, and
 * is what it becomes without memory. */
json_t *hr_mcp_modern_result(json_t *result);

json_t *hr_mcp_server_info(void); /* new reference, or NULL */

#endif
