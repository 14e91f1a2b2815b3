/* SPDX-License-Identifier: MIT
 * A client's message, whatever it came by: what each method does. */
#ifndef HR_SIDECAR_MCP_METHODS_H
#define HR_SIDECAR_MCP_METHODS_H

#include "peer.h"

/* Take a message, which is answered at once or later; text is borrowed during the call. */
void hr_mcp_receive(struct hr_mcp_peer *peer, const char *text, size_t len);

#endif
