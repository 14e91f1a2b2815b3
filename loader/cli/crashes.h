/* SPDX-License-Identifier: MIT
 * The texts of `handrail crashes`. */
#ifndef HR_CLI_CRASHES_H
#define HR_CLI_CRASHES_H

#include <jansson.h>
#include <stdio.h>

/* Print the answer to the order crashes, a list of reports, as a table. */
void hr_crashes_print(FILE *out, const json_t *answer);

/* Print one report whole: every value it has, in its order, then its output.  Values that are null
 * and lists that are empty are left out. */
void hr_crash_print(FILE *out, const json_t *crash);

#endif
