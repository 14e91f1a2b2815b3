/* SPDX-License-Identifier: MIT
 * The claim for the hook.  See claim.h. */
#include "claim.h"

#include "common/fd.h"
#include "podinfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A new reference to what is there, or to an empty object. */
static json_t *or_empty(const json_t *object)
{
    return object ? json_incref((json_t *)(uintptr_t)object) : json_object();
}

int hr_claim_seal(const json_t *labels, const json_t *annotations, int *ret_fd)
{
    json_t *all = json_pack("{s:s?, s:o, s:o}", "uid", hr_podinfo_claim_uid(labels, annotations),
                            "labels", or_empty(labels), "annotations", or_empty(annotations));
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    int err = text ? hr_memfd_sealed("handrail-claim", text, strlen(text), ret_fd) : -ENOMEM;
    free(text);
    json_decref(all);
    return err;
}
