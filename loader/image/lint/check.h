/* SPDX-License-Identifier: MIT
 * One Dockerfile while the rules go over it. */
#ifndef HR_LINT_CHECK_H
#define HR_LINT_CHECK_H

#include "dockerfile.h"
#include "rules.h"

#include <stdbool.h>

struct hr_lint {
    struct hr_report *report;
    const char *file; /* its name, as findings give it */
    const struct hr_dockerfile *d;
    struct hr_suppression *suppressions;
    size_t nsuppressions;
};

/* Report a finding of a rule, unless a comment turns the rule off there.  i: the instruction it is
 * about, or NULL; fix: NULL: the rule's own. */
void hr_lint_found(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                   uint32_t line, uint32_t column, const char *fix, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

/* Read the comments that turn rules off.  0 or -ENOMEM. */
int hr_suppressions_read(struct hr_lint *l);

/* Whether one does here; it has then been of use. */
bool hr_suppressed(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                   uint32_t line);

/* Say which of them turned nothing off. */
void hr_suppressions_unused(struct hr_lint *l);

#endif
