/* SPDX-License-Identifier: MIT
 * What `handrail lint` can find. */
#ifndef HR_LINT_RULES_H
#define HR_LINT_RULES_H

#include "loader/image/report.h"

enum hr_lint_rule {
    HR_LINT_SYNTAX,
    HR_LINT_EMPTY_CONTINUATION,
    HR_LINT_TOO_LARGE,
    HR_LINT_SUPPRESSION_UNKNOWN,
    HR_LINT_SUPPRESSION_UNUSED,
    HR_LINT_NRULES,
};

/* By enum hr_lint_rule. */
extern const struct hr_rule hr_lint_rules[HR_LINT_NRULES];

#endif
