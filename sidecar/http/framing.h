/* SPDX-License-Identifier: MIT
 * What a request says, before anybody is asked: what its target means, and whether it is refused
 * from its head alone, whatever it asks for. */
#ifndef HR_SIDECAR_HTTP_FRAMING_H
#define HR_SIDECAR_HTTP_FRAMING_H

#include <microhttpd.h>
#include <stddef.h>

enum { HR_HTTP_TOO_LARGE = 413 }; /* its name in microhttpd.h changed between versions */

/* Replace every "%41" in s by its byte, in place; the new length.  "%00" and what is no such triple
 * stay as they are: a NUL would cut the text short, and its reader would be asked for another path
 * than the client has named. */
size_t hr_http_unescape(char *s);

/* The path of a target.  A client may send a whole "http://HOST/path" (RFC 9112, 3.2.2), and means
 * "/path".  Any other target is returned as it is. */
const char *hr_http_target_path(const char *target);

/* The status to refuse a request with once its headers are known, or 0.  version: "HTTP/1.1". */
unsigned hr_http_refusal(struct MHD_Connection *connection, const char *version, size_t body_max);

/* What the client is told; also for a 503, which is for want of memory. */
const char *hr_http_refusal_text(unsigned status);

#endif
