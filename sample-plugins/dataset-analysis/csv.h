/* SPDX-License-Identifier: MIT
 * Reads a file of values separated by commas, one record after the other: RFC 4180, with a byte
 * order mark, and lines that end with LF, CR LF or CR.  A line without anything has no values.  One
 * record is in memory at a time. */
#ifndef DA_CSV_H
#define DA_CSV_H

#include "kit/text.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    DA_RECORD_MAX = 1024 * 1024, /* bytes */
    DA_COLUMNS_MAX = 1000,
    DA_CSV_BUFFER = 64 * 1024 /* bytes */
};

struct da_csv {
    int fd; /* the caller's */
    char delimiter;
    int64_t bytes;       /* read so far */
    int64_t line;        /* that is being read, from 1 */
    int64_t record_line; /* where the record begins */
    const char *why;     /* of -EILSEQ: what is wrong in that line */

    struct kit_text record; /* the values, one after the other */
    size_t ends[DA_COLUMNS_MAX];
    size_t count; /* values of the record; 0: a line without anything, which says nothing */
    size_t at, len;
    bool end;
    char buffer[DA_CSV_BUFFER];
};

/* NULL without memory.  End with da_csv_free. */
struct da_csv *da_csv_new(int fd, char delimiter);

/* The next record.  1; 0 at the end; -EILSEQ with csv->why and csv->line set; another -errno. */
int da_csv_next(struct da_csv *csv);

/* A value of it, without space around it; valid until the next record. */
const char *da_csv_value(const struct da_csv *csv, size_t i, size_t *ret_len);

void da_csv_free(struct da_csv *csv);

#endif
