/* SPDX-License-Identifier: MIT
 * Prometheus text exposition, format 0.0.4: a writer that cannot produce a malformed page as long
 * as its callers keep one family together: hr_expo_family() once, then its samples.
 *
 * Labels are given as name, value, name, value, ..., NULL; values are escaped here.
 * Errors (the buffer's maximum, memory) are kept and told once by hr_expo_finish().
 */
#ifndef HR_COMMON_EXPO_H
#define HR_COMMON_EXPO_H

#include "buf.h"

#include <stdint.h>

struct hr_expo {
    struct hr_buf *out;
    int err; /* the first failure, 0 if none */
};

/* A fixed-bucket histogram, seconds.  Plain data: count with hr_histogram_observe(). */
enum { HR_HISTOGRAM_BUCKETS = 12 };
extern const double hr_histogram_bounds[HR_HISTOGRAM_BUCKETS]; /* upper bounds, seconds */
struct hr_histogram {
    uint64_t buckets[HR_HISTOGRAM_BUCKETS + 1]; /* not cumulative; the last is +Inf */
    double sum;
};
void hr_histogram_observe(struct hr_histogram *h, double seconds);
/* The q-quantile (0 to 1), estimated as Prometheus does: evenly spread within its bucket, and the
 * last bound for all that is above it.  -1 if nothing was observed. */
double hr_histogram_quantile(const struct hr_histogram *h, double q);

void hr_expo_init(struct hr_expo *e, struct hr_buf *out);

/* type: "counter", "gauge" or "histogram". */
void hr_expo_family(struct hr_expo *e, const char *name, const char *type, const char *help);
void hr_expo_sample(struct hr_expo *e, const char *name, double value, ...)
    __attribute__((sentinel));
/* All of a histogram's samples for one set of labels; the family must be open. */
void hr_expo_histogram(struct hr_expo *e, const char *name, const struct hr_histogram *h, ...)
    __attribute__((sentinel));

/* 0, or the first failure; the page is then incomplete and must not be served. */
int hr_expo_finish(const struct hr_expo *e);

/* What a part of the program gives to be asked for its metrics. */
typedef void hr_collector(struct hr_expo *e, void *arg);

#endif
