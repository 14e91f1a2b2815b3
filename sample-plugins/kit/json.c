/* SPDX-License-Identifier: MIT */
#include "json.h"

#include "text.h"

json_t *kit_json_string(const char *text, size_t len)
{
    json_t *v = json_stringn(text, len);
    struct kit_text clean = {.max = 3 * len + 1}; /* a bad byte becomes three */

    if (v)
        return v;
    kit_text_add_clean(&clean, text, len);
    if (clean.error == 0)
        v = json_stringn(clean.data ? clean.data : "", clean.len);
    kit_text_free(&clean);
    return v;
}
