/* SPDX-License-Identifier: MIT
 * One value of a row, as JSON and as text for a table. */
#ifndef SQ_CELL_H
#define SQ_CELL_H

#include "kit/text.h"
#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>

enum {
    SQ_CELL_MAX = 4096, /* bytes of a string that are shown */
    SQ_BLOB_MAX = 32    /* bytes of a blob that are shown, in hexadecimal */
};

/* What became of values that JSON or an answer cannot hold; set, never cleared. */
struct sq_cell_notes {
    bool cut;    /* a string was longer than SQ_CELL_MAX */
    bool blob;   /* a blob is shown as "x'00ff' (2 bytes)" */
    bool quoted; /* a number is given as a string: JSON readers would round it */
};

/* New reference; NULL without memory. */
json_t *sq_cell_json(sqlite3_stmt *stmt, int column, struct sq_cell_notes *notes);

/* The same on one line, with what would end a cell of a table escaped. */
void sq_cell_text(struct kit_text *t, const json_t *cell);

#endif
