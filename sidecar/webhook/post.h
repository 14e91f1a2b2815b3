/* SPDX-License-Identifier: MIT
 * One POST of an event, with libcurl's blocking interface: names are resolved, which no loop can
 * wait for.  It runs in an aside (sidecar/aside), which is killed if it takes too long.
 *
 * Redirects are not followed: an event would go, with its authorization, where nobody has
 * configured it to go.  No proxy.  Of the answer only the status and Retry-After matter; its body
 * is thrown away, and not waited for beyond a few KiB. */
#ifndef HR_SIDECAR_WEBHOOK_POST_H
#define HR_SIDECAR_WEBHOOK_POST_H

#include "sidecar/aside/aside.h"

#include <stdint.h>

enum { HR_POST_ERROR_MAX = 256 }; /* bytes */

/* What it needs to know; the arg of the work. */
struct hr_post_target {
    const char *url;
    const char *authorization; /* value of that header; NULL: none */
    unsigned timeout_ms;       /* of the whole request, but for the name's resolution */
};

struct hr_post_answer {
    int32_t status;        /* of HTTP; 0: there was no answer, and error says why */
    int32_t retry_after_s; /* seconds; 0: not said */
    char error[HR_POST_ERROR_MAX];
};

/* The request is the body, the answer a struct hr_post_answer. */
hr_aside_work hr_post;

/* Can URLs of this scheme be asked, with the libcurl there is? */
bool hr_post_can(const char *url);

#endif
