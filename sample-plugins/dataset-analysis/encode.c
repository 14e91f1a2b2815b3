/* SPDX-License-Identifier: MIT */
#include "encode.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { ROWS_PER_POLL = 1024 };

/* Room for each column's worst: a feature for each of its values, and one for "missing". */
static size_t features_most(const struct da_data *d)
{
    size_t n = 1; /* calloc of nothing may answer NULL */

    for (size_t i = 0; i < d->ncolumns; i++)
        n += da_column_type(&d->columns[i]) == DA_CATEGORY ? d->columns[i].values.count + 1 : 1;
    return n;
}

static void drop(struct da_encoding *e, size_t column, const char *why)
{
    e->dropped[e->ndropped++] = (struct da_dropped){column, why};
}

static void learn_number(struct da_encoding *e, size_t column, const struct da_split *s)
{
    const double *numbers = e->data->columns[column].numbers;
    double mean = 0, squares = 0; /* Welford's, which is exact where sums of squares are not */
    size_t n = 0;

    for (size_t i = 0; i < s->ntrain; i++) {
        double v = numbers[s->rows[i]];
        if (isnan(v))
            continue;
        double before = v - mean;
        mean += before / (double)++n;
        squares += before * (v - mean);
    }
    double deviation = n > 0 ? sqrt(squares / (double)n) : 0;
    if (n == 0) {
        drop(e, column, "no values in the training part");
    } else if (!isfinite(mean) || !isfinite(deviation)) {
        drop(e, column, "numbers too large to compute with");
    } else if (!(deviation > 1e-12 * fabs(mean))) {
        drop(e, column, "the same number everywhere in the training part");
    } else {
        /* Missing values become the mean, so the feature varies less than the numbers do. */
        double spread = sqrt((double)n / (double)s->ntrain);
        e->features[e->count++] =
            (struct da_feature){column, DA_NUMBER_FEATURE, mean, deviation, spread};
    }
}

static int learn_category(struct da_encoding *e, size_t column, const struct da_split *s)
{
    const struct da_column *c = &e->data->columns[column];
    size_t *times = calloc(c->values.count + 1, sizeof(*times)); /* of code - 1: missing is -1 */
    size_t different = 0;

    if (!times)
        return -ENOMEM;
    for (size_t i = 0; i < s->ntrain; i++)
        different += times[c->codes[s->rows[i]] + 1]++ == 0;
    if (different < 2)
        drop(e, column, "the same value everywhere in the training part");
    for (size_t i = 0; different >= 2 && i <= c->values.count; i++) {
        double part = (double)times[i] / (double)s->ntrain;
        if (times[i] > 0)
            e->features[e->count++] =
                (struct da_feature){column, (int32_t)i - 1, 0, 1, sqrt(part * (1 - part))};
    }
    free(times);
    return 0;
}

int da_encoding_learn(struct da_encoding *e, const struct da_data *d, size_t target,
                      const struct da_split *s)
{
    *e = (struct da_encoding){
        .data = d,
        .target = target,
        .features = calloc(features_most(d), sizeof(*e->features)),
        .dropped = calloc(d->ncolumns, sizeof(*e->dropped)),
        .first = calloc(d->ncolumns + 1, sizeof(*e->first)),
    };
    if (!e->features || !e->dropped || !e->first)
        return -ENOMEM;
    for (size_t i = 0; i < d->ncolumns; i++) {
        e->first[i] = e->count;
        if (i == target)
            continue;
        switch (da_column_type(&d->columns[i])) {
        case DA_EMPTY: drop(e, i, "no values"); break;
        case DA_TEXT: drop(e, i, "text with more than 50 different values, or long ones"); break;
        case DA_NUMBER: learn_number(e, i, s); break;
        case DA_CATEGORY:
            if (learn_category(e, i, s) < 0)
                return -ENOMEM;
            break;
        }
    }
    e->first[d->ncolumns] = e->count;
    return 0;
}

void da_encoding_free(struct da_encoding *e)
{
    free(e->features);
    free(e->dropped);
    free(e->first);
    *e = (struct da_encoding){.data = NULL};
}

static void add_node(struct da_rows *r, size_t index, double value)
{
    r->nodes[r->nnodes++] = (struct feature_node){(int)index, value};
}

/* The features of one column in a row; those that are 0 are left out.  liblinear counts from 1. */
static void encode_column(struct da_rows *r, const struct da_encoding *e, size_t column, size_t row)
{
    const struct da_column *c = &e->data->columns[column];
    size_t first = e->first[column], end = e->first[column + 1];

    if (first == end)
        return;
    if (e->features[first].code == DA_NUMBER_FEATURE) {
        double v = c->numbers[row];
        if (!isnan(v))
            add_node(r, first + 1, (v - e->features[first].mean) / e->features[first].scale);
        return;
    }
    for (size_t f = first; f < end; f++)
        if (e->features[f].code == c->codes[row])
            add_node(r, f + 1, 1);
}

int da_rows_encode(struct da_rows *r, const struct da_encoding *e, const size_t *rows, size_t n,
                   struct kit_watch *w)
{
    size_t columns = e->data->ncolumns;

    *r = (struct da_rows){
        .count = n,
        .y = calloc(n, sizeof(*r->y)),
        .x = calloc(n, sizeof(struct feature_node *)),
        .nodes = calloc(n, (columns + 2) * sizeof(*r->nodes)), /* the bias and the end of a row */
    };
    if (!r->y || !r->x || !r->nodes)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        r->x[i] = &r->nodes[r->nnodes];
        r->y[i] = e->data->columns[e->target].codes[rows[i]];
        for (size_t c = 0; c < columns; c++)
            encode_column(r, e, c, rows[i]);
        add_node(r, e->count + 1, 1);
        r->nodes[r->nnodes++].index = -1;
        if (i % ROWS_PER_POLL == 0 && kit_watch_spent(w))
            return -EINTR;
    }
    return 0;
}

void da_rows_free(struct da_rows *r)
{
    free(r->y);
    free(r->x);
    free(r->nodes);
    *r = (struct da_rows){.count = 0};
}
