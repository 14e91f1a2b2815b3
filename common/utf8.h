/* SPDX-License-Identifier: MIT
 * UTF-8, as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef HR_COMMON_UTF8_H
#define HR_COMMON_UTF8_H

#include <stddef.h>
#include <stdint.h>

struct hr_buf;

/* Bytes of the longest valid prefix of data. */
size_t hr_utf8_valid(const char *data, size_t n);

/* Characters, which are code points, of what is valid. */
size_t hr_utf8_count(const char *data, size_t n);

/* Bytes of the character at s, of which there are n, if it gives an order to a terminal or turns
 * the direction of the text behind it: up to U+001F, U+007F to U+009F, U+202A to U+202E, U+2066 to
 * U+2069.  0 for any other. */
size_t hr_utf8_steers(const char *s, size_t n);

/* Write a code point, which is no surrogate and not above U+10FFFF.  Its bytes. */
size_t hr_utf8_encode(char out[4], uint32_t c);

/* Append data with every maximal invalid piece replaced by U+FFFD.  0, -E2BIG or -ENOMEM. */
int hr_utf8_clean(struct hr_buf *out, const char *data, size_t n);

#endif
