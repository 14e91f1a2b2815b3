/* SPDX-License-Identifier: MIT
 * Any bytes as the inside of a JSON string, into memory of a fixed size, and back: for the programs
 * that write and read JSON without building it first, PID 1 above all.  Allocates nothing, touches
 * nothing else. */
#ifndef HR_COMMON_JSON_ESCAPE_H
#define HR_COMMON_JSON_ESCAPE_H

#include <stddef.h>
#include <stdint.h>

enum { HR_JSON_ESCAPE_MAX = 6 }; /* bytes that one byte of the input becomes, at most */

/* Write the escaped form of s, without quotes and without a NUL, to out: as much of s as fits
 * whole, so never half an escape or half a character.  The bytes written; *ret_taken: the bytes of
 * s that they stand for, n when all of it fitted.
 *
 * Control characters (DEL too) are escaped; a piece that is not UTF-8 becomes one U+FFFD; the rest
 * of Unicode stays as it is.  A character that s ends in the middle of is not UTF-8: who passes on
 * a text in parts cuts it with hr_json_whole(). */
size_t hr_json_escape(char *out, size_t room, const char *s, size_t n, size_t *ret_taken);

/* The length of s without a character that has begun and may go on in the bytes that follow. */
size_t hr_json_whole(const char *s, size_t n);

/* The code point that the escape at s, a backslash first, stands for; never half of a surrogate
 * pair.  The bytes of the escape, up to 12; 0 if it is none, or is cut. */
size_t hr_json_unescape(const char *s, size_t n, uint32_t *ret);

#endif
