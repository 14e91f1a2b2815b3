/* SPDX-License-Identifier: MIT
 * Requests that are refused from their head alone, whatever they ask for. */
#ifndef HR_SIDECAR_HTTP_FRAMING_H
#define HR_SIDECAR_HTTP_FRAMING_H

#include <microhttpd.h>
#include <stddef.h>

enum { HR_HTTP_TOO_LARGE = 413 }; /* its name in microhttpd.h changed between versions */

/* The status to refuse a request with once its headers are known, or 0. */
unsigned hr_http_refusal(struct MHD_Connection *connection, size_t body_max);

/* What the client is told; also for a 503, which is for want of memory. */
const char *hr_http_refusal_text(unsigned status);

#endif
