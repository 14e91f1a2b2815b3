/* SPDX-License-Identifier: MIT
 * The word that somebody probably meant: for messages about options and keys that do not exist. */
#ifndef HR_COMMON_NEAREST_H
#define HR_COMMON_NEAREST_H

#include <stddef.h>

/* How many letters have to be put in, taken out, changed or swapped with the next to make one of
 * the other; case, and a "_" for a "-", do not count.  A word too long for that is far from all. */
unsigned hr_word_distance(const char *a, const char *b);

/* Is a word at this distance from a known one still a slip of the pen for it? */
int hr_word_is_near(const char *word, unsigned distance);

#endif
