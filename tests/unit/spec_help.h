/* SPDX-License-Identifier: MIT
 * Texts of specifications, and what is found in them. */
#ifndef HR_TESTS_UNIT_SPEC_HELP_H
#define HR_TESTS_UNIT_SPEC_HELP_H

#include "loader/image/spec/rules.h"
#include "loader/image/spec/spec.h"

/* What `handrail check --spec` finds: an array of findings, the caller's. */
json_t *spec_findings(const char *text, size_t n);

/* Held against a place. */
json_t *spec_findings_at(const char *text, size_t n, const struct hr_spec_place *place);

/* One line for each: "LINE:COLUMN rule message". In static memory. */
const char *spec_lines(const json_t *findings);

/* How many of them are of this rule; line and column: only those that are there, unless 0. */
size_t spec_count(const json_t *findings, const char *rule, int line, int column);

#endif
