/* SPDX-License-Identifier: MIT
 * Regular expressions as JSON Schema has them: ECMAScript's, searched for anywhere in the string.
 * Matched by PCRE2's interpreter, which keeps its state on the heap; just-in-time compilation would
 * be faster, but does not count its work, and wants memory that is writable and executable.
 * One difference is left: at each turn of a repetition ECMAScript forgets what the groups inside it
 * held, so that \1 in ^(?:(a)|b)*\1$ may be empty; here they keep it.  Private to this folder. */
#ifndef HR_COMMON_SCHEMA_REGEX_H
#define HR_COMMON_SCHEMA_REGEX_H

#include <stddef.h>

struct hr_buf;
struct hr_schema;
struct hr_schema_regex;
struct hr_schema_run;

/* Compile; the schema owns the result.  0; -EINVAL with words in why; -ENOMEM. */
int hr_schema_regex_new(struct hr_schema *s, const char *pattern, size_t len,
                        const struct hr_schema_regex **ret, char *why, size_t size);

void hr_schema_regex_free_all(struct hr_schema_regex *first);

/* 0: found; 1: not; -E2BIG, -ENOMEM, noted in the run. */
int hr_schema_regex_search(struct hr_schema_run *r, const struct hr_schema_regex *x,
                           const char *subject, size_t len);

/* Release what the first match of a run made for all of them. */
void hr_schema_regex_end(struct hr_schema_run *r);

/* The same expression in PCRE2's syntax.  0; -EINVAL with words in why; -E2BIG, -ENOMEM. */
int hr_schema_regex_translate(struct hr_buf *out, const char *pattern, size_t len, char *why,
                              size_t size);

#endif
