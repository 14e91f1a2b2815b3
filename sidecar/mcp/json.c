/* SPDX-License-Identifier: MIT
 * JSON into a buffer.  See json.h. */
#include "json.h"

#include <errno.h>

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
