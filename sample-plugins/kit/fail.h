/* SPDX-License-Identifier: MIT
 * Ends a call with a reason the caller can act on. */
#ifndef KIT_FAIL_H
#define KIT_FAIL_H

#include <handrail/plugin.h>

/* The host, and the request it runs for; both are the host's. */
struct kit_call {
    const handrail_host *host;
    handrail_call *call;
};

enum { KIT_REASON_MAX = 1024 }; /* bytes; the rest is cut */

/* Attach the formatted reason and answer status.  Pieces that are no UTF-8 are replaced. */
__attribute__((format(printf, 3, 4))) handrail_status kit_fail(const struct kit_call *c,
                                                               handrail_status status,
                                                               const char *format, ...);

#endif
