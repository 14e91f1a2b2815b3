/* SPDX-License-Identifier: MIT
 * The answer to `handrail probe`: an HTTP/1.1 response of the sidecar's health listener, which
 * always has a Content-Length.  It is read as it comes; anybody may have sent it. */
#ifndef HR_CLI_PROBE_ANSWER_H
#define HR_CLI_PROBE_ANSWER_H

#include <stddef.h>

enum { HR_PROBE_ANSWER_MAX = 64 * 1024 }; /* bytes of an answer to a probe, with its head */

struct hr_probe_answer {
    int status;       /* 100 to 999 */
    const char *body; /* within the bytes that were read */
    size_t len;
};

/* Read the first n bytes of an answer of at most max.  0: it is all there.  -EAGAIN: so far, so
 * good.  -EPROTO: it is none.  -E2BIG: it is longer than that. */
int hr_probe_answer_read(const char *data, size_t n, size_t max, struct hr_probe_answer *ret);

#endif
