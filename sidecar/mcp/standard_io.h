/* SPDX-License-Identifier: MIT
 * MCP over standard streams: one message a line, in and out, for one client that has started us and
 * is at the other end of both.
 *
 * Everything shares the one channel, and that is what differs from HTTP:
 *
 *   - There is one session, from the first byte to the last, for both kinds of clients.
 *   - A request is cancelled by notifications/cancelled, and then nothing is sent for it any more.
 *   - News that nobody asked for go to a client that has called `initialize` and has seen a list of
 *     tools; one of revision 2026-07-28 hears of changes if it listens.
 *
 * Nothing here waits for the client.  What it does not read is kept; with more than
 * HR_MCP_BACKLOG_MAX of that, nothing more is read from it and it is told no news, and calls go on
 * to their end or deadline.  An answer for which there is no room any more becomes an error.
 *
 * The end:
 *   - End of input: what runs is answered, for HR_MCP_STDIO_FINISH_MS at most.
 *   - Nobody reads any more (EPIPE), or writing fails for another reason: at once.
 *   - Both are told by on_end, after which the owner frees the endpoint, which answers what is
 *     still open, and then this, which sends it.  At a signal he does the same by himself.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_MCP_STANDARD_IO_H
#define HR_SIDECAR_MCP_STANDARD_IO_H

#include "mcp.h"

enum {
    HR_MCP_STDIO_OPEN_MAX = 256, /* requests that wait for an answer */
    HR_MCP_STDIO_FINISH_MS = 30 * 1000,
    HR_MCP_STDIO_FLUSH_MS = 1000, /* at the end, for a client that is slow to read the rest */
};

struct hr_mcp_stdio;

/* in, out: stay the caller's, and need not be non-blocking; SIGPIPE must be ignored.  on_end is
 * called once, from the loop.  0 or -ENOMEM. */
int hr_mcp_stdio_new(struct hr_mcp *m, int in, int out, void (*on_end)(void *arg), void *arg,
                     struct hr_mcp_stdio **ret);
/* After hr_mcp_free().  Sends what is left.  NULL is fine. */
void hr_mcp_stdio_free(struct hr_mcp_stdio *s);

#endif
