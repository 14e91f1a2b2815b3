/* SPDX-License-Identifier: MIT
 * A time for people and for JSON: RFC 3339 in UTC, with milliseconds. */
#ifndef HR_COMMON_WALL_TEXT_H
#define HR_COMMON_WALL_TEXT_H

#include <stdint.h>

enum { HR_WALL_TEXT = 25 }; /* bytes, with the NUL */

/* Milliseconds since 1970 as "2026-11-21T09:30:00.123Z"; "" before 1970 and after the year 9999. */
void hr_wall_text(int64_t wall_ms, char out[HR_WALL_TEXT]);

#endif
