/* SPDX-License-Identifier: MIT
 * The answer to a scrape: the page in the format that was asked for, compressed if that was asked
 * for and is worth it.
 *
 * Nothing is kept between two scrapes: a page costs its memory while it is being sent.
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

enum { HR_METRICS_GZIP_MIN = 4096 }; /* bytes; less fits into a few packets as it is */

struct hr_metrics_page {
    struct hr_buf body;
    const char *type;     /* for Content-Type */
    const char *encoding; /* for Content-Encoding; NULL: none */
};

/* accept, accept_encoding: the request's headers, NULL for none.  0, and then the page is to be
 * freed; or -errno. */
int hr_metrics_page(struct hr_metrics *m, const char *accept, const char *accept_encoding,
                    struct hr_metrics_page *ret);
void hr_metrics_page_free(struct hr_metrics_page *page);

/* Append in, compressed as a gzip file, to out.  0; -E2BIG if it does not become less than half;
 * -ENOMEM. */
int hr_metrics_gzip(const struct hr_buf *in, struct hr_buf *out);

#endif
