/* SPDX-License-Identifier: MIT
 * The answer to a scrape: the page in the format that was asked for, compressed if that was asked
 * for and is worth it.
 *
 * The memory of a page is kept for the next one: to take it anew costs as much time as to write
 * half of what is put there, because the kernel has to find and clear it.  What is above
 * HR_METRICS_KEPT_MAX is not kept.
 *
 * Loop's thread only. */
#ifndef HR_SIDECAR_METRICS_PAGE_H
#define HR_SIDECAR_METRICS_PAGE_H

#include "common/buf.h"
#include "metrics.h"

#define HR_METRICS_TYPE             "text/plain; version=0.0.4; charset=utf-8"
#define HR_METRICS_TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
/* Caches, and there are some in front of pods, must know that the answer depends on these. */
#define HR_METRICS_VARY "Accept, Accept-Encoding"

enum {
    HR_METRICS_GZIP_MIN = 4096,       /* bytes; less fits into a few packets as it is */
    HR_METRICS_KEPT_MAX = 256 * 1024, /* bytes of a buffer: a page with some 80 tools */
};

struct z_stream_s;

/* Where pages are made, one after the other; zeroed before the first. */
struct hr_metrics_page {
    const struct hr_buf *out; /* what to send: one of these two; valid until the next page */
    const char *type;         /* for Content-Type */
    const char *encoding;     /* for Content-Encoding; NULL: none */
    struct hr_buf body;
    struct hr_buf packed;
    struct z_stream_s *z; /* NULL: nothing was compressed yet */
};

/* accept, accept_encoding: the request's headers, NULL for none.  0; or -errno, and there is no
 * page. */
int hr_metrics_page(struct hr_metrics *m, const char *accept, const char *accept_encoding,
                    struct hr_metrics_page *page);
/* It was sent, or was none: give back what is not worth keeping. */
void hr_metrics_page_done(struct hr_metrics_page *page);
/* Give back all. */
void hr_metrics_page_free(struct hr_metrics_page *page);

/* Make of the body a gzip file, in page->packed.  0; -E2BIG if it does not become less than half;
 * -ENOMEM. */
int hr_metrics_gzip(struct hr_metrics_page *page);

#endif
