/* SPDX-License-Identifier: MIT
 * `handrail check --spec=FILE`: a sandbox specification, read and held against itself. */
#ifndef HR_IMAGE_SPEC_SPEC_H
#define HR_IMAGE_SPEC_SPEC_H

#include "loader/image/report.h"

/* Check a file; what is found goes to the report.  0, or HR_REPORT_EXIT_NO_INPUT if it cannot be
 * read, or 70 without memory: then that has been said on standard error. */
int hr_spec_check(const char *file, struct hr_report *r);

/* The same of text in memory; file stands for it in messages.  0 or 70. */
int hr_spec_check_text(const char *file, const char *text, size_t n, struct hr_report *r);

#endif
