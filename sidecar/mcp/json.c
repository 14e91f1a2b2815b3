/* SPDX-License-Identifier: MIT
 * JSON into a buffer.  See json.h. */
#include "json.h"

#include "common/utf8.h"

#include <errno.h>
#include <stdint.h>

int hr_mcp_json_add(struct hr_buf *out, const json_t *json, size_t flags, size_t guess)
{
    size_t left = out->max - out->len;
    int err = hr_buf_reserve(out, guess < left ? guess : left);
    if (err)
        return err;
    size_t room = out->cap - out->len - 1;
    size_t n = json_dumpb(json, out->data + out->len, room, flags);
    if (n > room) {
        err = hr_buf_reserve(out, n);
        if (!err)
            n = json_dumpb(json, out->data + out->len, n, flags);
    }
    if (!err && !n)
        err = -EINVAL;
    if (!err)
        out->len += n;
    if (out->data)
        out->data[out->len] = '\0';
    return err;
}

json_t *hr_mcp_json_text(const char *data, size_t n)
{
    if (hr_utf8_valid(data, n) == n)
        return json_stringn_nocheck(data, n);
    struct hr_buf clean;
    hr_buf_init(&clean, SIZE_MAX / 2 < n * 3 ? n : n * 3);
    json_t *text = NULL;
    if (!hr_utf8_clean(&clean, data, n))
        text = json_stringn_nocheck(hr_buf_str(&clean), clean.len);
    hr_buf_free(&clean);
    return text;
}
