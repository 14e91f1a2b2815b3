/* SPDX-License-Identifier: MIT
 * What a value says: a number, or that there is none.  Whatever the locale, which is the process's
 * and anybody's to change. */
#ifndef DA_NUMBER_H
#define DA_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* Once, before the others.  0 or -ENOMEM. */
int da_number_init(void);

/* Is all of it one decimal number that is finite? */
bool da_number_parse(const char *text, size_t len, double *ret);

/* Nothing, NA, N/A, NaN or null, in small letters or large ones. */
bool da_number_missing(const char *text, size_t len);

#endif
