/* SPDX-License-Identifier: MIT
 * One column: what its values are, counted as they come, and if they are kept, the values. */
#ifndef DA_COLUMN_H
#define DA_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DA_VALUE_MAX = 256, /* bytes of a value that can be a category; a longer one is free text */
    DA_MISSING = -1     /* in place of a category's number */
};

/* The different values of a column, up to a maximum.  Numbered from 0 as they come. */
struct da_values {
    char **text;
    int64_t *times; /* each was seen */
    size_t count, max;
    uint32_t *slots; /* a hash table of numbers + 1 */
    size_t nslots;
    bool over; /* there were more, or one was too long: what is here is of no use */
};

enum da_type { DA_EMPTY, DA_NUMBER, DA_CATEGORY, DA_TEXT };

struct da_column {
    char *name;
    int64_t present, missing;
    bool numeric; /* every value so far is a number */
    double min, max, mean;
    struct da_values values;

    /* By row, if they are kept and as long as they are of use; else NULL. */
    double *numbers; /* NaN: missing */
    int32_t *codes;  /* into values, or DA_MISSING */
};

/* 0 or -ENOMEM; the column can be freed in any case. */
int da_column_start(struct da_column *c, const char *name, size_t len, size_t max_values);
void da_column_free(struct da_column *c);

/* Take the value of a row.  If values are kept there is room for it.  0 or
 * -ENOMEM. */
int da_column_add(struct da_column *c, size_t row, const char *value, size_t len);

/* Keep values, and have room for so many rows.  0 or -ENOMEM. */
int da_column_reserve(struct da_column *c, size_t rows);

enum da_type da_column_type(const struct da_column *c);
const char *da_column_type_name(const struct da_column *c);

#endif
