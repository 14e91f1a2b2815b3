/* SPDX-License-Identifier: MIT
 * How many values a text of JSON holds, before it is read: read, each takes many times its text. */
#ifndef HR_COMMON_JSON_VALUES_H
#define HR_COMMON_JSON_VALUES_H

#include <stdbool.h>
#include <stddef.h>

/* JSON values in a message that comes, and in the structured part of a result: some 40 bytes for a
 * number, 170 for the worst, so 85 MB for as long as it is looked at. */
enum { HR_JSON_VALUES_MAX = 500000 };

/* Does this text hold more than max values?  An empty object or array counts twice.  Allocates
 * nothing, and whatever is not JSON counts somehow. */
bool hr_json_has_more(const char *json, size_t n, size_t max);

#endif
