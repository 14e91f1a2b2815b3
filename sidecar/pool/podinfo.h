/* SPDX-License-Identifier: MIT
 * The files of a downwardAPI volume, "labels" and "annotations", and what they say about the pool.
 *
 * A line is key="value", the value quoted as Go's strconv.Quote() does, which is what the kubelet
 * writes.  Read strictly: what it would not write is refused, with the number of the line, because
 * it is not from the kubelet or not whole.  Nothing in here is trusted: whoever can create a claim
 * writes what he likes into the values.
 *
 * Pure; no I/O.  Fuzzed by tests/fuzz/fuzz_podinfo.c. */
#ifndef HR_SIDECAR_POOL_PODINFO_H
#define HR_SIDECAR_POOL_PODINFO_H

#include <jansson.h>
#include <stddef.h>

enum {
    /* Bytes of a file.  Kubernetes allows 256 KiB of annotations, and the quoting makes at most
     * six bytes of one. */
    HR_PODINFO_MAX = 2 * 1024 * 1024,
    HR_PODINFO_KEY_MAX = 253 + 1 + 63, /* bytes: prefix/name */
};

/* The file as an object of strings; bytes that are not UTF-8 are replaced in them.  New reference.
 * 0; -ENOMEM; -E2BIG; or -EPROTO, and ret_line says where. */
int hr_podinfo_parse(const char *text, size_t n, json_t **ret, unsigned *ret_line);

/* Whose the pod is. */
enum hr_standing {
    HR_STANDING_UNKNOWN, /* nobody has said: there is no volume, or no controller of pools */
    HR_STANDING_POOLED,  /* it waits in a warm pool */
    HR_STANDING_CLAIMED, /* it does not, or not any more */
};

/* By the labels of agents.x-k8s.io.  labels may be NULL. */
enum hr_standing hr_podinfo_standing(const json_t *labels);

/* The claim's uid, of a label or an annotation; NULL: not told, or none that can be one.  Borrowed.
 */
const char *hr_podinfo_claim_uid(const json_t *labels, const json_t *annotations);

#endif
