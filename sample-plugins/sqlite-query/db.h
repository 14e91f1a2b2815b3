/* SPDX-License-Identifier: MIT
 * One connection to one database, for one call. */
#ifndef SQ_DB_H
#define SQ_DB_H

#include "args.h"
#include "kit/watch.h"
#include <sqlite3.h>

enum { SQ_REFUSAL_MAX = 256 }; /* bytes */

struct sq_db {
    sqlite3 *handle;
    const char *name; /* the caller's: its path below the root, for messages */
    int folder_fd;    /* SQLite's names lead through it: open as long as the handle is */
    bool writes;
    struct kit_watch *watch;      /* the caller's */
    char refusal[SQ_REFUSAL_MAX]; /* what the guard refused first, and why; "" if nothing */
};

/* Open what a->database names: to be read unless writes.  HANDRAIL_OK, or a negative status with
 * the reason attached.  End with sq_db_close in any case. */
handrail_status sq_db_open(struct sq_db *db, const struct sq_settings *s, const struct sq_args *a,
                           bool writes, struct kit_watch *w);

/* Compile the statement in sql, which has to be the only one.  The caller finalizes *ret.
 * HANDRAIL_OK, or a negative status with the reason attached. */
handrail_status sq_db_prepare(struct sq_db *db, const char *sql, sqlite3_stmt **ret);

void sq_db_close(struct sq_db *db);

#endif
