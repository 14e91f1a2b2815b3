/* SPDX-License-Identifier: MIT
 * What a statement may do and may cost, whoever wrote it: SQLite's authorizer, its limits, and the
 * handler that ends it when the call is to end. */
#ifndef SQ_GUARD_H
#define SQ_GUARD_H

#include "db.h"

enum {
    SQ_HEAP_MIB = 256, /* all calls together */
    SQ_VALUE_MIB = 64  /* one string, blob or row */
};

/* Guard the connection, before the first statement.  An SQLite result code. */
int sq_guard_set(struct sq_db *db);

#endif
