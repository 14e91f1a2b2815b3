/* SPDX-License-Identifier: MIT
 * The claim as it is handed to PID 1 for the hook: {"uid": "..."|null, "labels": {...},
 * "annotations": {...}} in an anonymous file that nobody can change, so that PID 1 has nothing to
 * read and can give the same one to every try. */
#ifndef HR_SIDECAR_POOL_CLAIM_H
#define HR_SIDECAR_POOL_CLAIM_H

#include <jansson.h>

/* labels, annotations: borrowed, NULL for none.  ret_fd is the caller's.  0 or -errno. */
int hr_claim_seal(const json_t *labels, const json_t *annotations, int *ret_fd);

#endif
