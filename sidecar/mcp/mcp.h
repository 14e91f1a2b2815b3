/* SPDX-License-Identifier: MIT
 * The MCP endpoint: the tools of every toolhost, offered at /mcp to the agent-server, or over
 * standard streams to a client that has started us (standard_io.h).
 *
 * Tools only, for clients of two kinds on one endpoint: those that `initialize`
 * (revisions 2025-11-25 to 2024-11-05) and those of revision 2026-07-28, which say in each request
 * what they are (modern.h).  The rules that shape the first kind come from how the real client
 * behaves over HTTP: it loses a session for good on one 404 and all running calls on any other
 * non-2xx, so a legitimate request is always answered 200 (or 202), every session id is taken
 * (session.h), and every deadline is ours.
 *
 * Loop's thread only.
 */
#ifndef HR_SIDECAR_MCP_MCP_H
#define HR_SIDECAR_MCP_MCP_H

#include "common/board.h"
#include "common/expo.h"
#include "sidecar/http/server.h"

#include <jansson.h>

/* On which clients hear of changes; each keeps a connection of the listener, and others need some
 * too. */
enum { HR_MCP_STREAMS_MAX = 128 };

/* Bytes of a client's message: less than a frame to a toolhost can carry. */
enum { HR_MCP_MESSAGE_MAX = 4 * 1024 * 1024 };

struct hr_mcp;

/* settings: the sidecar's (common/handoff.h); borrowed during the call.  Without /mcp/token nobody
 * passes hr_mcp_head().  board: borrowed for the
 * life of the object.  Starts to connect to the toolhosts at once.  0, -EPROTO (settings) or
 * -errno. */
int hr_mcp_new(struct ev_loop *loop, const json_t *settings, const struct hr_board *board,
               struct hr_mcp **ret);
/* Whatever is still open is answered first: to a client a connection that just ends is the end of
 * its session.  So free the listener, or hr_mcp_stdio, after this, which sends the answers, and do
 * not run the loop in between.  NULL is fine. */
void hr_mcp_free(struct hr_mcp *m);

/* For a copy of this process that has no use for them: wipe the keys.  Nothing but the end of the
 * process may follow, as far as this object is concerned. */
void hr_mcp_forget_keys(struct hr_mcp *m);

/* The handlers for the MCP listener; arg is the struct hr_mcp.  The first refuses strangers from
 * the head of their request; the second takes it from there. */
hr_http_handler hr_mcp_head;
hr_http_handler hr_mcp_handle;

/* The settings are new ones: have their plugins, and tell the clients.  0, or -EPROTO or -ENOMEM
 * and nothing has changed. */
int hr_mcp_update(struct hr_mcp *m, const json_t *settings);

/* The board has changed: a toolhost may have died or come up. */
void hr_mcp_board_changed(struct hr_mcp *m);

/* The pod's phase, and the event (common/frame.h, PHASE) that plugins are told.  0, -EINVAL, or
 * -ENOMEM, and nothing has changed. */
int hr_mcp_phase(struct hr_mcp *m, const char *phase, const char *event);

/* Is this plugin connected, with all of its tools on offer, and well by its own account?  0, or
 * -EAGAIN with the reason (a sentence for people) in `reason`. */
int hr_mcp_plugin_ok(const struct hr_mcp *m, const char *id, char *reason, size_t size);

/* New reference: [{"id","version","state","ok","starts","calls_in_flight",("reason"),"tools":
 * [{"name","timeout_ms","calls","errors","retried", and one member for each way in which a call has
 * ended: "ok","error","timeout","cancelled","crashed","rejected"}]}, ...].  "errors" are all but
 * "ok"; "retried", the calls that were run again because their toolhost was lost. */
json_t *hr_mcp_status(const struct hr_mcp *m);

/* New reference: what sidecar/README.md says of /plugins; NULL without memory.  tools_max: of all
 * plugins together no more tools than that are listed.  Each plugin lists all of its own or as many
 * as any other, those with the most calls first; and their number and totals tell of the rest. */
json_t *hr_mcp_plugins(const struct hr_mcp *m, size_t tools_max);

hr_collector hr_mcp_collect; /* arg is the struct hr_mcp */

#endif
