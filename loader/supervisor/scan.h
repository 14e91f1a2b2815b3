/* SPDX-License-Identifier: MIT
 * Is this text one JSON object (RFC 8259), and which of three keys does it have at the top?  For
 * logline.c, which passes such lines on with something put in front.  Reads only; no allocation. */
#ifndef HR_SUPERVISOR_SCAN_H
#define HR_SUPERVISOR_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum hr_scan_key { HR_SCAN_TIME, HR_SCAN_SERVICE, HR_SCAN_STREAM, HR_SCAN_NKEYS };

struct hr_scan_object {
    size_t begin; /* behind its opening brace */
    size_t end;   /* behind its closing brace */
    bool members; /* it has any */
    bool has[HR_SCAN_NKEYS];
};

/* Stricter than the grammar in one thing: half a surrogate pair is not a character.  Blanks around
 * the object are allowed; values deeper than HR_LOGLINE_DEPTH are not.  ret is untouched if it is
 * false. */
bool hr_scan_object(const char *text, size_t n, struct hr_scan_object *ret);

#endif
