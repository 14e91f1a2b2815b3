/* SPDX-License-Identifier: MIT
 * Ends a call with a reason the caller can act on. */
#ifndef WS_FAIL_H
#define WS_FAIL_H

#include <handrail/plugin.h>

/* The host, and the request it runs for; both are the host's. */
struct ws_call {
    const handrail_host *host;
    handrail_call *call;
};

enum { WS_REASON_MAX = 1024 }; /* bytes; the rest is cut */

/* Attach the formatted reason and answer status.  Pieces that are no UTF-8 are replaced. */
__attribute__((format(printf, 3, 4))) handrail_status ws_fail(const struct ws_call *c,
                                                              handrail_status status,
                                                              const char *format, ...);

#endif
