/* SPDX-License-Identifier: MIT
 * Text for people, from JSON of others: what a program has written into its output or a file name
 * must not move the cursor of whoever looks at it. */
#ifndef HR_CLI_TEXT_H
#define HR_CLI_TEXT_H

#include "common/human.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Print a string on one line: control characters as "^X", as cat -v does, and those that turn the
 * direction of writing as "<U+202E>". */
void hr_text_print(FILE *out, const char *s);

/* The same with something else, as it is, in the place of each c. */
void hr_text_print_with(FILE *out, const char *s, char c, const char *instead);

/* The same for n bytes, NULs among them, but lines and tabs stay what they are. */
void hr_text_print_lines(FILE *out, const char *s, size_t n);

/* Colours: for a terminal that has some, unless NO_COLOR is set and not empty. */
enum hr_paint { HR_PLAIN, HR_BOLD, HR_DIM, HR_YELLOW, HR_RED };
bool hr_text_is_screen(int fd); /* a terminal that can do more than write lines */
bool hr_text_wants_colours(int fd);
void hr_text_set_colours(bool on); /* for all that is printed from here on; off at first */

/* Print a string as hr_text_print() does, painted and padded to that many columns: negative ones
 * pad it on the left.  A longer one is not cut. */
void hr_text_cell(FILE *out, enum hr_paint paint, const char *s, int width);

/* "1 OOM kill", "2 OOM kills" */
void hr_text_things(FILE *out, long long n, const char *thing);

/* The string under key, or `missing` if there is none. */
const char *hr_text_get(const json_t *object, const char *key, const char *missing);

/* The duration under key, in seconds; "-" if it is null or not there. */
void hr_text_get_duration(char out[HR_HUMAN_MAX], const json_t *object, const char *key);

#endif
