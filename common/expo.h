/* SPDX-License-Identifier: MIT
 * A page of metrics for Prometheus, in either of its text formats: 0.0.4 and OpenMetrics 1.0.
 * Callers say the same for both; what differs is done here: OpenMetrics names the family of a
 * counter without its "_total", knows more types, and ends with "# EOF".
 *
 * It cannot write a page that a scraper refuses.  A family is declared once, hr_expo_family(), and
 * followed by all of its samples; a sample that is not of the family declared last, a family that
 * was there before, a name or a value that its type does not allow are left out, and remembered in
 * `misuse` for whoever renders the page to complain about.  Two samples with the same labels are
 * not noticed here: tests/strict_metrics.py does.
 *
 * Labels are given as name, value, name, value, ..., NULL; values are escaped here, and mended if
 * they are not UTF-8.  The labels of a series are the same in both formats, so that its history
 * does not break when a scraper changes its mind.
 *
 * Errors (the buffer's maximum, memory) are kept and told once by hr_expo_finish().
 */
#ifndef HR_COMMON_EXPO_H
#define HR_COMMON_EXPO_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hr_expo_format { HR_EXPO_TEXT, HR_EXPO_OPENMETRICS };

enum { HR_EXPO_FAMILIES_MAX = 256 }; /* of a page; they are all literals of the program */

enum hr_expo_type {
    HR_EXPO_COUNTER,   /* the name ends in _total */
    HR_EXPO_GAUGE,     /* any value */
    HR_EXPO_HISTOGRAM, /* hr_expo_histogram() writes it */
    HR_EXPO_INFO,      /* the name ends in _info and the value is 1; in 0.0.4 a gauge */
    HR_EXPO_STATESET,  /* hr_expo_states() writes it; in 0.0.4 a gauge */
    HR_EXPO_UNKNOWN,   /* "untyped" in 0.0.4 */
    HR_EXPO_NTYPES
};

struct hr_expo {
    struct hr_buf *out;
    enum hr_expo_format format;
    int err;            /* the first failure, 0 if none */
    const char *misuse; /* the name that was first used wrongly, NULL if none; borrowed */
    /* the family declared last */
    const char *name; /* borrowed; NULL: none, or one that is left out */
    size_t len;       /* of its name */
    enum hr_expo_type type;
    /* hashes of the names of all */
    unsigned nfamilies;
    uint64_t families[HR_EXPO_FAMILIES_MAX];
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

void hr_expo_init(struct hr_expo *e, struct hr_buf *out); /* in 0.0.4 */
void hr_expo_init_as(struct hr_expo *e, struct hr_buf *out, enum hr_expo_format format);

/* type: "counter", "gauge", "histogram", "info", "stateset" or "unknown".  The name is borrowed
 * until the next family or the end, and is what the samples are called. */
void hr_expo_family(struct hr_expo *e, const char *name, const char *type, const char *help);
void hr_expo_sample(struct hr_expo *e, const char *name, double value, ...)
    __attribute__((sentinel));
/* All of a histogram's samples for one set of labels. */
void hr_expo_histogram(struct hr_expo *e, const char *name, const struct hr_histogram *h, ...)
    __attribute__((sentinel));
/* All samples of a state set for one set of labels: one for each of the n states, 1 for the present
 * one and 0 for the others.  The label that names the state is called as the family is, which is
 * what OpenMetrics asks for.  present: an index into states; n or more for none of them. */
void hr_expo_states(struct hr_expo *e, const char *name, const char *const states[], size_t n,
                    size_t present, ...) __attribute__((sentinel));

/* End the page.  0, or the first failure; the page is then incomplete and must not be served. */
int hr_expo_finish(struct hr_expo *e);

/* What a part of the program gives to be asked for its metrics. */
typedef void hr_collector(struct hr_expo *e, void *arg);

#endif
