/* SPDX-License-Identifier: MIT
 * Columns become features, which are numbers: a number is standardised, with the mean in place of
 * what is missing; a category is a feature for each value, which is 1 or 0, and "missing" is a
 * value.  All of it is learnt from the training part alone: what the other part is like is what a
 * model does not know. */
#ifndef DA_ENCODE_H
#define DA_ENCODE_H

#include "data.h"
#include "split.h"
#include <linear.h>

enum {
    DA_NUMBER_FEATURE = -2 /* in place of a category's number; DA_MISSING is one for it */
};

struct da_feature {
    size_t column;
    int32_t code;
    double mean, scale; /* of a number: (value - mean) / scale */
    double spread;      /* its standard deviation in the training part */
};

struct da_dropped {
    size_t column;
    const char *why;
};

struct da_encoding {
    const struct da_data *data;
    size_t target; /* column */
    struct da_feature *features;
    size_t count;
    struct da_dropped *dropped;
    size_t ndropped;
    size_t *first; /* by column: its first feature; one more, at the end, is count */
};

/* Rows in liblinear's form. */
struct da_rows {
    size_t count;
    double *y;
    struct feature_node **x;
    struct feature_node *nodes;
    size_t nnodes;
};

/* 0 or -ENOMEM; end with da_encoding_free in any case. */
int da_encoding_learn(struct da_encoding *e, const struct da_data *d, size_t target,
                      const struct da_split *s);
void da_encoding_free(struct da_encoding *e);

/* 0, -EINTR if the watch is spent, or -ENOMEM; end with da_rows_free in any case. */
int da_rows_encode(struct da_rows *r, const struct da_encoding *e, const size_t *rows, size_t n,
                   struct kit_watch *w);
void da_rows_free(struct da_rows *r);

#endif
