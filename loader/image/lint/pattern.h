/* SPDX-License-Identifier: MIT
 * The patterns of ${X#p}, ${X%p} and ${X/p/r}: "*" is anything, "?" is one character, a backslash
 * takes the meaning from either and from itself. */
#ifndef HR_LINT_PATTERN_H
#define HR_LINT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

enum { HR_PATTERN_MAX = 256 }; /* characters of a pattern */

/* What the pattern matches at the start of value (at its end, if `suffix`): the longest match if
 * `longest`, else the shortest.  work: steps that may be taken, which becomes less.  ret_n: its
 * bytes, -1 if there is none.  0; -EINVAL: the pattern has an escape that means nothing; -E2BIG: it
 * is too long, or too much work. */
int hr_pattern_match(const char *pattern, size_t n, const char *value, size_t value_n, bool suffix,
                     bool longest, size_t *work, long *ret_n);

#endif
