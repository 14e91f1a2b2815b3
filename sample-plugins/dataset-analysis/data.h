/* SPDX-License-Identifier: MIT
 * A file of values in memory, by column. */
#ifndef DA_DATA_H
#define DA_DATA_H

#include "args.h"
#include "column.h"
#include "kit/watch.h"

enum {
    DA_CATEGORIES_MAX = 50,  /* different values of a column that is trained on */
    DA_DISTINCT_MAX = 1000,  /* that are counted when a column is described */
    DA_CELLS_MAX = 10000000, /* values that are kept */
};

enum da_end { DA_WHOLE, DA_ROWS, DA_BYTES, DA_CELLS };

struct da_data {
    struct da_column *columns;
    size_t ncolumns, rows;
    size_t room; /* rows that the columns have room for; 0: nothing is kept */
    enum da_end end;
};

/* Read a->path.  keep: the values, for training; otherwise only what the columns tell of them.
 * HANDRAIL_OK, or a negative status with the reason attached.  End with da_data_free anyway. */
handrail_status da_data_read(struct da_data *d, const struct da_settings *s,
                             const struct da_args *a, bool keep, struct kit_watch *w);
void da_data_free(struct da_data *d);

/* Why not all rows are here, as the end of a sentence, or NULL if they are. */
const char *da_data_end(const struct da_data *d);

#endif
