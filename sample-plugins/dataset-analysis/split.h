/* SPDX-License-Identifier: MIT
 * Which rows are trained on and which are kept to measure: at random, but the same for the same
 * seed, and of each class the same part. */
#ifndef DA_SPLIT_H
#define DA_SPLIT_H

#include "data.h"

struct da_split {
    size_t *rows; /* numbers of rows: to train, then to test */
    size_t ntrain, ntest;
};

/* Of rows without a class neither.  Each class has at least two rows.  0 or -ENOMEM; on success the
 * caller ends with da_split_free. */
int da_split_make(const struct da_data *d, const struct da_column *target, double test_fraction,
                  int64_t seed, struct da_split *ret);
void da_split_free(struct da_split *s);

#endif
