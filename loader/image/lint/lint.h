/* SPDX-License-Identifier: MIT
 * handrail lint: what makes a Dockerfile's image fail or leak. */
#ifndef HR_LINT_LINT_H
#define HR_LINT_LINT_H

#include "loader/image/report.h"

#include <stddef.h>

/* Look at one Dockerfile of n bytes.  file: its name, for findings.  0 or -ENOMEM. */
int hr_lint_text(struct hr_report *report, const char *file, const char *data, size_t n);

/* The command: argv[0] is its name.  Its exit code. */
int hr_image_lint(char **argv);

#endif
