/* SPDX-License-Identifier: MIT
 * JSON strings of any text.  See json_text.h. */
#include "json_text.h"

#include "buf.h"
#include "utf8.h"

#include <stdint.h>
#include <string.h>

json_t *hr_json_text(const char *data, size_t n)
{
    if (hr_utf8_valid(data, n) == n)
        return json_stringn_nocheck(data, n);
    struct hr_buf clean;
    hr_buf_init(&clean, SIZE_MAX / 3 < n ? SIZE_MAX : n * 3);
    json_t *text = NULL;
    if (!hr_utf8_clean(&clean, data, n))
        text = json_stringn_nocheck(hr_buf_str(&clean), clean.len);
    hr_buf_free(&clean);
    return text;
}

json_t *hr_json_field(const char *s, size_t size)
{
    size_t n = strnlen(s, size);
    return n ? hr_json_text(s, n) : json_null();
}
