/* SPDX-License-Identifier: MIT
 * handrail lint: what makes a Dockerfile's image fail or leak. */
#ifndef HR_LINT_LINT_H
#define HR_LINT_LINT_H

#include "loader/image/report.h"

#include <stddef.h>

struct hr_ignore;

enum { HR_LINT_SUPPRESSIONS = 1000 }; /* rules that the comments of a file turn off */

/* Look at one Dockerfile of n bytes.  file: its name, for findings.  context: the folder that it is
 * built in, or NULL; ignore: what is not taken from there.  0 or -ENOMEM. */
int hr_lint_text(struct hr_report *report, const char *file, const char *context,
                 const struct hr_ignore *ignore, const char *data, size_t n);

/* The command: argv[0] is its name.  Its exit code. */
int hr_image_lint(char **argv);

#endif
