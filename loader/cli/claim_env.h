/* SPDX-License-Identifier: MIT
 * The environment of the hook command, made from a claim: the given one, and
 *
 *   HANDRAIL_SUPERVISED=1         a handrail in the hook does not supervise once more
 *   HANDRAIL_CLAIM_UID            if it is known
 *   HANDRAIL_CLAIM_LABELS         JSON objects, of the pod as it was when the claim was
 *   HANDRAIL_CLAIM_ANNOTATIONS    handed over
 *   HANDRAIL_POD_LABEL_<NAME>     each of them, for a shell: the key with its letters in upper case
 *   HANDRAIL_POD_ANNOTATION_<NAME>
 *                                 and a _ for everything that is neither letter nor digit
 *
 * A claim can be larger than an environment.  Left out are a variable of more than
 * HR_CLAIM_VARIABLE_MAX, one whose value holds a NUL, and those whose keys come to the same name;
 * of the first, nothing is cut.  Variables of these names that were there before are gone: what is
 * there is the claim's. */
#ifndef HR_CLI_CLAIM_ENV_H
#define HR_CLI_CLAIM_ENV_H

#include <jansson.h>
#include <stddef.h>

enum {
    HR_CLAIM_VARIABLE_MAX = 128 * 1024 - 1, /* bytes of NAME=value: the kernel's MAX_ARG_STRLEN */
};

struct hr_claim_env {
    char **all;   /* NULL-ended; may be ended earlier, at one of the next two: */
    size_t given; /* of them are borrowed, the first ones */
    size_t n;
    size_t singles; /* where the variables of single labels and annotations begin, */
    size_t own;     /* and where all of ours that can be large do */
};

/* base is borrowed.  0, -EPROTO if the claim is no object of two objects, or -ENOMEM. */
int hr_claim_env_make(const json_t *claim, char *const *base, struct hr_claim_env *ret);
void hr_claim_env_free(struct hr_claim_env *env);

#endif
