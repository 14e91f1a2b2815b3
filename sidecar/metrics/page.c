/* SPDX-License-Identifier: MIT
 * The answer to a scrape.  See page.h. */
#include "page.h"

#include "accept.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

/* A page repeats itself from line to line, and lines are some hundred bytes: the fastest level and
 * a window that stays in the processor's first cache lose little (tests/bench, part "metrics"). */
enum {
    GZIP_LEVEL = 1,
    GZIP_WINDOW = 12 + 16, /* log2 of bytes; 16: a gzip file */
    GZIP_MEMORY = 5,       /* 2^(5 + 9) bytes */
};
_Static_assert(HR_METRICS_MAX < UINT_MAX, "zlib counts the bytes of a buffer as unsigned");

int hr_metrics_gzip(const struct hr_buf *in, struct hr_buf *out)
{
    z_stream z = {.next_in = (z_const Bytef *)in->data, .avail_in = (uInt)in->len};
    size_t room = in->len / 2;
    int err = hr_buf_reserve(out, room);
    if (err)
        return err;
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return -ENOMEM;
    z.next_out = (Bytef *)out->data + out->len;
    z.avail_out = (uInt)room;
    err = deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -E2BIG;
    if (!err) {
        out->len += (size_t)z.total_out;
        out->data[out->len] = '\0';
    }
    (void)deflateEnd(&z);
    return err;
}

/* Without the memory for it the page goes out as it is. */
static void compress_page(struct hr_metrics_page *page)
{
    struct hr_buf packed;
    hr_buf_init(&packed, HR_METRICS_MAX);
    if (!hr_metrics_gzip(&page->body, &packed)) {
        hr_buf_free(&page->body);
        page->body = packed;
        page->encoding = "gzip";
    } else {
        hr_buf_free(&packed);
    }
}

int hr_metrics_page(struct hr_metrics *m, const char *accept, const char *accept_encoding,
                    struct hr_metrics_page *ret)
{
    enum hr_expo_format format = hr_accept_format(accept);
    struct hr_metrics_page page = {
        .type = format == HR_EXPO_OPENMETRICS ? HR_METRICS_TYPE_OPENMETRICS : HR_METRICS_TYPE};
    hr_buf_init(&page.body, HR_METRICS_MAX);
    int err = hr_metrics_render(m, format, &page.body);
    if (err) {
        hr_buf_free(&page.body);
        return err;
    }
    if (page.body.len >= HR_METRICS_GZIP_MIN && hr_accept_gzip(accept_encoding))
        compress_page(&page);
    *ret = page;
    return 0;
}

void hr_metrics_page_free(struct hr_metrics_page *page)
{
    hr_buf_free(&page->body);
}
