/* SPDX-License-Identifier: MIT
 * JSON strings of text that others have written, which need not be UTF-8: a process's last words,
 * a message that was cut in the middle of a character. */
#ifndef HR_COMMON_JSON_TEXT_H
#define HR_COMMON_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* The string of n bytes, with U+FFFD for what is not UTF-8 (utf8.h).  New reference, or NULL
 * without memory. */
json_t *hr_json_text(const char *data, size_t n);

/* The same of a string in a field of that many bytes, with or without a NUL; null for "". */
json_t *hr_json_field(const char *s, size_t size);

#endif
