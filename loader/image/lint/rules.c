/* SPDX-License-Identifier: MIT
 * The table of rules.  See rules.h. */
#include "rules.h"

const struct hr_rule hr_lint_rules[HR_LINT_NRULES] = {
    [HR_LINT_SYNTAX] =
        {"syntax", HR_FOUND_ERROR, "the Dockerfile cannot be built",
         "BuildKit refuses an instruction like this one, so no image comes of the file. What "
         "stands in it was not looked at by the other rules.",
         "Correct the instruction."},
    [HR_LINT_EMPTY_CONTINUATION] =
        {"empty-continuation", HR_FOUND_WARNING, "an empty line inside an instruction",
         "The instruction goes on behind the empty line, because the line before it ends with the "
         "escape character. Readers do not expect it, and BuildKit announces that it will be an "
         "error.",
         "Remove the empty line, or the escape character before it."},
    [HR_LINT_TOO_LARGE] = {"too-large", HR_FOUND_ERROR, "the file is over a limit of this program",
                           "A part of the file was not looked at, so nothing is known about it.",
                           "Make the file smaller: move long scripts into files of their own."},
    [HR_LINT_SUPPRESSION_UNKNOWN] =
        {"suppression-unknown", HR_FOUND_WARNING, "a handrail-lint comment that does nothing",
         "A comment that is meant to turn a rule off names none, so the rule stays on.",
         "Write \"# handrail-lint ignore=RULE,RULE\" before an instruction, or \"# handrail-lint "
         "ignore-file=RULE\" before the first one. handrail explain lists the rules."},
    [HR_LINT_SUPPRESSION_UNUSED] =
        {"suppression-unused", HR_FOUND_NOTE, "a handrail-lint comment for what is not there",
         "The comment turns off a rule that finds nothing here. It would hide what comes later.",
         "Remove it."},
};
