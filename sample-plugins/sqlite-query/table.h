/* SPDX-License-Identifier: MIT
 * Collects the rows that one statement answers, as JSON and as a table that a model reads. */
#ifndef SQ_TABLE_H
#define SQ_TABLE_H

#include "cell.h"
#include "db.h"
#include "kit/text.h"

enum sq_table_end {
    SQ_END_WHOLE, /* all rows are here */
    SQ_END_ROWS,  /* there are more than max_rows */
    SQ_END_BYTES, /* the next row would not fit */
    SQ_END_TIME   /* the time is over */
};

struct sq_table {
    const struct sq_settings *settings;
    int64_t max_rows;
    struct kit_text text;
    json_t *columns, *rows; /* arrays, owned */
    int64_t count;
    enum sq_table_end end;
    struct sq_cell_notes notes;
};

/* The head of the table.  0, -E2BIG (the names alone fill it) or -ENOMEM.  End with sq_table_free
 * in any case. */
int sq_table_start(struct sq_table *t, const struct sq_settings *s, int64_t max_rows,
                   sqlite3_stmt *stmt);

/* Add the row that stmt is at.  0, -E2BIG if the table is full (t->end says how), or -ENOMEM. */
int sq_table_add(struct sq_table *t, sqlite3_stmt *stmt);

/* Add what is to be said of the whole, and hand everything to the host.  changes: of a statement
 * that may have changed rows, else -1. */
handrail_status sq_table_send(struct sq_table *t, const struct kit_call *c, int64_t changes);

void sq_table_free(struct sq_table *t);

#endif
