/* SPDX-License-Identifier: MIT
 * Text for people, from JSON of others: what a program has written into its output or a file name
 * must not move the cursor of whoever looks at it. */
#ifndef HR_CLI_TEXT_H
#define HR_CLI_TEXT_H

#include "common/human.h"

#include <jansson.h>
#include <stdio.h>

/* Print a string on one line: control characters as "^X", as cat -v does. */
void hr_text_print(FILE *out, const char *s);

/* The same for n bytes, NULs among them, but lines and tabs stay what they are. */
void hr_text_print_lines(FILE *out, const char *s, size_t n);

/* The string under key, or `missing` if there is none. */
const char *hr_text_get(const json_t *object, const char *key, const char *missing);

/* The duration under key, in seconds; "-" if it is null or not there. */
void hr_text_get_duration(char out[HR_HUMAN_MAX], const json_t *object, const char *key);

#endif
