/* SPDX-License-Identifier: MIT
 * JSON into a buffer.  See json.h. */
#include "json.h"

#include <errno.h>

struct writer {
    struct hr_buf *out;
    int err;
};

static int write_piece(const char *text, size_t n, void *arg)
{
    struct writer *w = arg;
    w->err = hr_buf_add(w->out, text, n);
    return w->err ? -1 : 0;
}

int hr_mcp_json_add(struct hr_buf *out, const json_t *json, bool ascii)
{
    struct writer w = {.out = out};
    size_t len = out->len;
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | (ascii ? JSON_ENSURE_ASCII : 0);
    if (json_dump_callback(json, write_piece, &w, flags) == 0)
        return 0;
    out->len = len;
    if (out->data)
        out->data[len] = '\0';
    return w.err ? w.err : -ENOMEM;
}
