/* SPDX-License-Identifier: MIT
 * Prometheus' text formats.  See expo.h; the rules are those of
 * https://prometheus.io/docs/instrumenting/exposition_formats/ and
 * https://prometheus.io/docs/specs/om/open_metrics_spec/ */
#include "expo.h"

#include "utf8.h"
#include "whole.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const double hr_histogram_bounds[HR_HISTOGRAM_BUCKETS] = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03,
                                                          0.1,    0.3,    1.0,   3.0,   10.0, 60.0};

/* The same as OpenMetrics writes numbers in `le`; in 0.0.4 any way of writing one will do. */
static const char *const bound_texts[HR_HISTOGRAM_BUCKETS + 1] = {
    "0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1",
    "0.3",    "1.0",    "3.0",   "10.0",  "60.0", "+Inf"};

static const struct {
    const char *name;   /* in OpenMetrics */
    const char *text;   /* in 0.0.4 */
    const char *suffix; /* of the samples' names; in OpenMetrics the family goes without it */
} types[HR_EXPO_NTYPES] = {
    [HR_EXPO_COUNTER] = {"counter", "counter", "_total"},
    [HR_EXPO_GAUGE] = {"gauge", "gauge", ""},
    [HR_EXPO_HISTOGRAM] = {"histogram", "histogram", ""},
    [HR_EXPO_INFO] = {"info", "gauge", "_info"},
    [HR_EXPO_STATESET] = {"stateset", "gauge", ""},
    [HR_EXPO_UNKNOWN] = {"unknown", "untyped", ""},
};

/* ---- histograms ---- */

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

/* ---- pieces of a line ---- */

/* A page is ten thousand of these, so what fits is put there without a call. */
static inline void put(struct hr_expo *e, const char *s, size_t n)
{
    struct hr_buf *b = e->out;
    if (e->err)
        return;
    if (b->cap - b->len <= n) { /* it never has more than its maximum and the NUL */
        e->err = hr_buf_add(b, s, n);
        return;
    }
    memcpy(b->data + b->len, s, n);
    b->len += n;
    b->data[b->len] = '\0';
}

static inline void put_text(struct hr_expo *e, const char *s)
{
    put(e, s, strlen(s));
}

static void put_escaped(struct hr_expo *e, const char *s, size_t len, bool quotes)
{
    const char *end = s + len;
    const char *special = quotes ? "\\\n\"" : "\\\n";
    while (s < end) {
        size_t n = strcspn(s, special);
        put(e, s, n);
        s += n;
        if (s >= end)
            break;
        put(e, *s == '\\' ? "\\\\" : *s == '\n' ? "\\n" : "\\\"", 2);
        s++;
    }
}

/* One value that is not UTF-8 would cost the whole page. */
static void put_mended(struct hr_expo *e, const char *s, size_t len)
{
    struct hr_buf clean;
    hr_buf_init(&clean, 3 * len);
    int err = hr_utf8_clean(&clean, s, len);
    if (err && !e->err)
        e->err = err;
    put_escaped(e, hr_buf_str(&clean), clean.len, true);
    hr_buf_free(&clean);
}

static void put_value(struct hr_expo *e, const char *s)
{
    size_t len = 0;
    while (s[len] && (signed char)s[len] > 0 && s[len] != '\\' && s[len] != '\n' && s[len] != '"')
        len++;
    if (!s[len]) { /* nearly always */
        put(e, s, len);
        return;
    }
    len += strlen(s + len);
    if (hr_utf8_valid(s, len) == len)
        put_escaped(e, s, len, true);
    else
        put_mended(e, s, len);
}

/* Nearly all numbers are whole, and printf is most of the cost of a page. */
static void put_whole(struct hr_expo *e, double v)
{
    char text[24];
    char *p = text + sizeof(text);
    uint64_t n = (uint64_t)fabs(v);
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    if (v < 0)
        *--p = '-';
    put(e, p, (size_t)(text + sizeof(text) - p));
}

static void put_number(struct hr_expo *e, double v)
{
    char text[40];
    if (isinf(v)) {
        put_text(e, v > 0 ? "+Inf" : "-Inf");
    } else if (isnan(v)) {
        put_text(e, "NaN");
    } else if (fabs(v) < 1e15 && v == hr_whole_part(v)) {
        put_whole(e, v);
    } else {
        (void)snprintf(text, sizeof(text), "%.15g", v);
        put_text(e, text);
    }
}

/* ---- families ---- */

static bool ends_with(const char *s, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len > n && memcmp(s + len - n, end, n) == 0;
}

static void misused(struct hr_expo *e, const char *name)
{
    if (!e->misuse)
        e->misuse = name;
}

/* FNV-1a, 64 bits: of some hundred literals no two will ever have the same. */
static uint64_t hash(const char *s)
{
    uint64_t h = 14695981039346656037U;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211U;
    return h;
}

/* Remember the name.  False if it was there already. */
static bool is_new(struct hr_expo *e, const char *name)
{
    uint64_t h = hash(name);
    for (unsigned i = 0; i < e->nfamilies; i++)
        if (e->families[i] == h)
            return false;
    if (e->nfamilies == HR_EXPO_FAMILIES_MAX)
        return false;
    e->families[e->nfamilies++] = h;
    return true;
}

/* A family must not be called as the samples of another one may be. */
static bool fits(const char *name, size_t len, enum hr_expo_type type)
{
    static const char *const reserved[] = {"_total", "_info",   "_count",
                                           "_sum",   "_bucket", "_created"};
    if (*types[type].suffix)
        return ends_with(name, len, types[type].suffix);
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (ends_with(name, len, reserved[i]))
            return false;
    return true;
}

/* "# WORD name value". */
static void put_comment(struct hr_expo *e, const char *word, size_t len, const char *value)
{
    put_text(e, word);
    put(e, e->name, len);
    put(e, " ", 1);
    put_text(e, value);
    put(e, "\n", 1);
}

static void put_unit(struct hr_expo *e, size_t len)
{
    static const char *const units[] = {"seconds", "bytes", "cores", "percent"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t n = strlen(units[i]);
        if (ends_with(e->name, len, units[i]) && e->name[len - n - 1] == '_')
            put_comment(e, "# UNIT ", len, units[i]);
    }
}

static void put_head(struct hr_expo *e, const char *help)
{
    bool om = e->format == HR_EXPO_OPENMETRICS;
    size_t len = e->len - (om ? strlen(types[e->type].suffix) : 0);
    put_text(e, "# HELP ");
    put(e, e->name, len);
    put(e, " ", 1);
    put_escaped(e, help, strlen(help), om);
    put(e, "\n", 1);
    put_comment(e, "# TYPE ", len, om ? types[e->type].name : types[e->type].text);
    if (om && e->type != HR_EXPO_INFO && e->type != HR_EXPO_STATESET)
        put_unit(e, len);
}

void hr_expo_family(struct hr_expo *e, const char *name, const char *type, const char *help)
{
    size_t len = strlen(name);
    unsigned t = 0;
    e->name = NULL;
    while (t < HR_EXPO_NTYPES && strcmp(types[t].name, type) != 0)
        t++;
    if (t == HR_EXPO_NTYPES || !fits(name, len, (enum hr_expo_type)t) || !is_new(e, name)) {
        misused(e, name);
        return;
    }
    e->name = name;
    e->len = len;
    e->type = (enum hr_expo_type)t;
    put_head(e, help);
}

/* Is the family open, and is `name` its name?  Callers nearly always give the same pointer. */
static bool is_open(struct hr_expo *e, const char *name, bool type_fits)
{
    bool ok = e->name && (e->name == name || strcmp(e->name, name) == 0) && type_fits;
    if (!ok)
        misused(e, name);
    return ok;
}

/* ---- samples ---- */

/* "{a="x",b="y"", without the end; the labels of `ap`.  How many there were. */
static int put_labels(struct hr_expo *e, va_list ap)
{
    const char *name = NULL;
    int n = 0;
    while ((name = va_arg(ap, const char *))) {
        put(e, n++ ? "," : "{", 1);
        put_text(e, name);
        put(e, "=\"", 2);
        put_value(e, va_arg(ap, const char *));
        put(e, "\"", 1);
    }
    return n;
}

static void put_end(struct hr_expo *e, int nlabels, double value)
{
    put_text(e, nlabels ? "} " : " ");
    put_number(e, value);
    put(e, "\n", 1);
}

void hr_expo_sample(struct hr_expo *e, const char *name, double value, ...)
{
    bool counts = e->type != HR_EXPO_COUNTER || value >= 0; /* false for NaN */
    bool fit = counts && e->type != HR_EXPO_HISTOGRAM && e->type != HR_EXPO_STATESET &&
               (e->type != HR_EXPO_INFO || value == 1);
    va_list ap;
    if (!is_open(e, name, fit))
        return;
    put(e, e->name, e->len);
    va_start(ap, value);
    put_end(e, put_labels(e, ap), value);
    va_end(ap);
}

/* Several series that share their labels: the first to be written leaves them to the others, which
 * copy them from the page. */
struct group {
    size_t at; /* in the page, of its labels */
    size_t len;
    int n; /* labels */
};

static void put_group_labels(struct hr_expo *e, const struct group *g)
{
    if (!e->err)
        e->err = hr_buf_reserve(e->out, g->len); /* it may move; what is at g->at moves with it */
    if (!e->err)
        put(e, e->out->data + g->at, g->len);
}

static void begin_group(struct hr_expo *e, const char *suffix, struct group *g, va_list ap)
{
    put(e, e->name, e->len);
    put_text(e, suffix);
    g->at = e->out->len;
    g->n = put_labels(e, ap);
    g->len = e->out->len - g->at;
}

static void put_line(struct hr_expo *e, const char *suffix, const struct group *g, double value)
{
    put(e, e->name, e->len);
    put_text(e, suffix);
    put_group_labels(e, g);
    put_end(e, g->n, value);
}

/* The end of a line whose labels are there but for the last. */
static void put_last_label(struct hr_expo *e, const struct group *g, const char *name,
                           const char *label, double value)
{
    put(e, g->n ? "," : "{", 1);
    put_text(e, name);
    put(e, "=\"", 2);
    put_value(e, label);
    put(e, "\"", 1);
    put_end(e, g->n + 1, value);
}

void hr_expo_histogram(struct hr_expo *e, const char *name, const struct hr_histogram *h, ...)
{
    struct group g = {.at = 0};
    uint64_t count = 0;
    va_list ap;
    if (!is_open(e, name, e->type == HR_EXPO_HISTOGRAM))
        return;
    for (int i = 0; i <= HR_HISTOGRAM_BUCKETS; i++) {
        if (i == 0) {
            va_start(ap, h);
            begin_group(e, "_bucket", &g, ap);
            va_end(ap);
        } else {
            put(e, e->name, e->len);
            put(e, "_bucket", 7);
            put_group_labels(e, &g);
        }
        count += h->buckets[i];
        put_last_label(e, &g, "le", bound_texts[i], (double)count);
    }
    put_line(e, "_sum", &g, h->sum);
    put_line(e, "_count", &g, (double)count);
}

void hr_expo_states(struct hr_expo *e, const char *name, const char *const states[], size_t n,
                    size_t present, ...)
{
    struct group g = {.at = 0};
    va_list ap;
    if (!is_open(e, name, e->type == HR_EXPO_STATESET))
        return;
    for (size_t i = 0; i < n; i++) {
        if (i == 0) {
            va_start(ap, present);
            begin_group(e, "", &g, ap);
            va_end(ap);
        } else {
            put(e, e->name, e->len);
            put_group_labels(e, &g);
        }
        put_last_label(e, &g, e->name, states[i], i == present);
    }
}

/* ---- the page ---- */

void hr_expo_init(struct hr_expo *e, struct hr_buf *out)
{
    hr_expo_init_as(e, out, HR_EXPO_TEXT);
}

void hr_expo_init_as(struct hr_expo *e, struct hr_buf *out, enum hr_expo_format format)
{
    e->out = out;
    e->format = format;
    e->err = 0;
    e->misuse = NULL;
    e->name = NULL;
    e->len = 0;
    e->type = HR_EXPO_UNKNOWN;
    e->nfamilies = 0;
}

int hr_expo_finish(struct hr_expo *e)
{
    e->name = NULL;
    if (e->format == HR_EXPO_OPENMETRICS)
        put_text(e, "# EOF\n");
    return e->err;
}
