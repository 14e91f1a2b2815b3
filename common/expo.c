/* SPDX-License-Identifier: MIT
 * Prometheus text exposition.  See expo.h; the rules are those of
 * https://prometheus.io/docs/instrumenting/exposition_formats/ */
#include "expo.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

const double hr_histogram_bounds[HR_HISTOGRAM_BUCKETS] = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03,
                                                          0.1,    0.3,    1.0,   3.0,   10.0, 60.0};

void hr_histogram_observe(struct hr_histogram *h, double seconds)
{
    int i = 0;
    while (i < HR_HISTOGRAM_BUCKETS && seconds > hr_histogram_bounds[i])
        i++;
    h->buckets[i]++;
    h->sum += seconds;
}

double hr_histogram_quantile(const struct hr_histogram *h, double q)
{
    uint64_t count = 0;
    for (int i = 0; i <= HR_HISTOGRAM_BUCKETS; i++)
        count += h->buckets[i];
    if (!count)
        return -1;
    double rank = q * (double)count;
    double below = 0;
    for (int i = 0; i < HR_HISTOGRAM_BUCKETS; i++) {
        double in = (double)h->buckets[i];
        double from = i ? hr_histogram_bounds[i - 1] : 0;
        if (in > 0 && below + in >= rank)
            return from + (hr_histogram_bounds[i] - from) * (rank - below) / in;
        below += in;
    }
    return hr_histogram_bounds[HR_HISTOGRAM_BUCKETS - 1];
}

void hr_expo_init(struct hr_expo *e, struct hr_buf *out)
{
    *e = (struct hr_expo){.out = out};
}

static void put(struct hr_expo *e, const char *s)
{
    if (!e->err)
        e->err = hr_buf_adds(e->out, s);
}

static void put_escaped(struct hr_expo *e, const char *s, int quotes)
{
    for (; *s && !e->err; s++) {
        if (*s == '\\')
            put(e, "\\\\");
        else if (*s == '\n')
            put(e, "\\n");
        else if (*s == '"' && quotes)
            put(e, "\\\"");
        else
            e->err = hr_buf_addc(e->out, *s);
    }
}

static void put_number(struct hr_expo *e, double v)
{
    char text[40];
    if (isinf(v))
        (void)snprintf(text, sizeof(text), v > 0 ? "+Inf" : "-Inf");
    else if (isnan(v))
        (void)snprintf(text, sizeof(text), "NaN");
    else if (v == floor(v) && fabs(v) < 1e15)
        (void)snprintf(text, sizeof(text), "%.0f", v);
    else
        (void)snprintf(text, sizeof(text), "%.15g", v);
    put(e, text);
}

void hr_expo_family(struct hr_expo *e, const char *name, const char *type, const char *help)
{
    put(e, "# HELP ");
    put(e, name);
    put(e, " ");
    put_escaped(e, help, 0);
    put(e, "\n# TYPE ");
    put(e, name);
    put(e, " ");
    put(e, type);
    put(e, "\n");
}

/* The labels of `ap`, then one more pair unless extra_name is NULL. */
static void put_labels(struct hr_expo *e, va_list ap, const char *extra_name,
                       const char *extra_value)
{
    int n = 0;
    for (;;) {
        const char *name = va_arg(ap, const char *);
        const char *value = name ? va_arg(ap, const char *) : extra_value;
        int last = !name;
        if (last)
            name = extra_name;
        if (!name)
            break;
        put(e, n++ ? "," : "{");
        put(e, name);
        put(e, "=\"");
        put_escaped(e, value, 1);
        put(e, "\"");
        if (last)
            break;
    }
    if (n)
        put(e, "}");
}

static void put_line(struct hr_expo *e, const char *name, const char *suffix, double value,
                     va_list ap, const char *extra_name, const char *extra_value)
{
    va_list copy;
    va_copy(copy, ap);
    put(e, name);
    put(e, suffix);
    put_labels(e, copy, extra_name, extra_value);
    va_end(copy);
    put(e, " ");
    put_number(e, value);
    put(e, "\n");
}

void hr_expo_sample(struct hr_expo *e, const char *name, double value, ...)
{
    va_list ap;
    va_start(ap, value);
    put_line(e, name, "", value, ap, NULL, NULL);
    va_end(ap);
}

void hr_expo_histogram(struct hr_expo *e, const char *name, const struct hr_histogram *h, ...)
{
    va_list ap;
    va_start(ap, h);
    uint64_t count = 0;
    for (int i = 0; i <= HR_HISTOGRAM_BUCKETS; i++) {
        char le[32] = "+Inf";
        if (i < HR_HISTOGRAM_BUCKETS)
            (void)snprintf(le, sizeof(le), "%g", hr_histogram_bounds[i]);
        count += h->buckets[i];
        put_line(e, name, "_bucket", (double)count, ap, "le", le);
    }
    put_line(e, name, "_sum", h->sum, ap, NULL, NULL);
    put_line(e, name, "_count", (double)count, ap, NULL, NULL);
    va_end(ap);
}

int hr_expo_finish(const struct hr_expo *e)
{
    return e->err;
}
