/* SPDX-License-Identifier: MIT
 * The answer to a scrape.  See page.h. */
#include "page.h"

#include "accept.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

/* A page repeats itself from line to line, so the fastest level loses little.  Each time the window
 * is full zlib goes through its whole hash table: a window of 4 KiB costs a quarter more time than
 * one of 16 KiB, and so does a table that is twice as large (tests/bench, part "metrics"). */
enum {
    GZIP_LEVEL = 1,
    GZIP_WINDOW = 14 + 16, /* log2 of bytes; 16: a gzip file */
    GZIP_MEMORY = 5,       /* a hash table of 2^(5 + 7) entries */
};
_Static_assert(HR_METRICS_MAX < UINT_MAX, "zlib counts the bytes of a buffer as unsigned");

/* 0, and page->z is ready for a file; or -ENOMEM. */
static int begin_file(struct hr_metrics_page *page)
{
    if (page->z)
        return deflateReset(page->z) == Z_OK ? 0 : -EIO;
    z_stream *z = calloc(1, sizeof(*z));
    if (!z || deflateInit2(z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                           Z_DEFAULT_STRATEGY) != Z_OK) {
        free(z);
        return -ENOMEM;
    }
    page->z = z;
    return 0;
}

int hr_metrics_gzip(struct hr_metrics_page *page)
{
    size_t room = page->body.len / 2;
    page->packed.max = HR_METRICS_MAX;
    hr_buf_reset(&page->packed);
    int err = hr_buf_reserve(&page->packed, room);
    if (!err)
        err = begin_file(page);
    if (err)
        return err;
    z_stream *z = page->z;
    z->next_in = (z_const Bytef *)page->body.data;
    z->avail_in = (uInt)page->body.len;
    z->next_out = (Bytef *)page->packed.data;
    z->avail_out = (uInt)room;
    if (deflate(z, Z_FINISH) != Z_STREAM_END)
        return -E2BIG;
    page->packed.len = (size_t)z->total_out;
    page->packed.data[page->packed.len] = '\0';
    return 0;
}

int hr_metrics_page(struct hr_metrics *m, const char *accept, const char *accept_encoding,
                    struct hr_metrics_page *page)
{
    enum hr_expo_format format = hr_accept_format(accept);
    page->type = format == HR_EXPO_OPENMETRICS ? HR_METRICS_TYPE_OPENMETRICS : HR_METRICS_TYPE;
    page->encoding = NULL;
    page->out = &page->body;
    page->body.max = HR_METRICS_MAX;
    hr_buf_reset(&page->body);
    int err = hr_metrics_render(m, format, &page->body);
    if (err)
        return err;
    /* Without the memory for it the page goes out as it is. */
    if (page->body.len >= HR_METRICS_GZIP_MIN && hr_accept_gzip(accept_encoding) &&
        hr_metrics_gzip(page) == 0) {
        page->out = &page->packed;
        page->encoding = "gzip";
    }
    return 0;
}

void hr_metrics_page_done(struct hr_metrics_page *page)
{
    if (page->body.cap > HR_METRICS_KEPT_MAX)
        hr_buf_free(&page->body);
    if (page->packed.cap > HR_METRICS_KEPT_MAX)
        hr_buf_free(&page->packed);
}

void hr_metrics_page_free(struct hr_metrics_page *page)
{
    hr_buf_free(&page->body);
    hr_buf_free(&page->packed);
    if (page->z)
        (void)deflateEnd(page->z);
    free(page->z);
    page->z = NULL;
}
