/* SPDX-License-Identifier: MIT
 * How many values a text of JSON holds.  See json_values.h. */
#include "json_values.h"

bool hr_json_has_more(const char *json, size_t n, size_t max)
{
    size_t values = 1;
    bool inside = false; /* a string */
    if (n <= max)
        return false; /* none takes less than a byte */
    for (size_t i = 0; i < n; i++) {
        char c = json[i];
        if (c == '"')
            inside = !inside;
        else if (inside)
            i += c == '\\';
        else
            values += c == '[' || c == '{' || c == ',';
    }
    return values > max;
}
