/* SPDX-License-Identifier: MIT */
#include "query.h"

#include "bind.h"
#include "db.h"
#include "errors.h"
#include "table.h"
#include <errno.h>

/* Step through the rows.  A statement that writes goes on to its end, whatever fits of its
 * RETURNING.  An SQLite result code: SQLITE_DONE, also if the table is full; SQLITE_NOMEM. */
static int collect(struct sq_db *db, sqlite3_stmt *stmt, struct sq_table *table)
{
    bool full = false;
    int rc;

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int added = full ? 0 : sq_table_add(table, stmt);
        if (added == -ENOMEM)
            return SQLITE_NOMEM;
        full = full || added == -E2BIG;
        if (full && !db->writes)
            return SQLITE_DONE;
    }
    /* What was found in time is more than nothing. */
    if ((rc & 0xff) == SQLITE_INTERRUPT && !db->writes && table->count > 0 &&
        db->watch->stop == KIT_STOP_TIME) {
        table->end = SQ_END_TIME;
        return SQLITE_DONE;
    }
    return rc;
}

/* A write that the disk did not take may leave its journal to whoever opens the database next.  A
 * reader could not undo it, so look once more. */
static handrail_status failed(struct sq_db *db, int rc)
{
    handrail_status status = sq_errors_fail(db, rc);

    if (db->writes)
        (void)sqlite3_exec(db->handle, "PRAGMA schema_version", NULL, NULL, NULL);
    return status;
}

static handrail_status run(struct sq_db *db, sqlite3_stmt *stmt, const struct sq_settings *s,
                           const struct sq_args *a)
{
    struct sq_table table;
    handrail_status status = sq_bind(db, stmt, a->parameters);

    if (status != HANDRAIL_OK)
        return status;
    int started = sq_table_start(&table, s, a->max_rows, stmt);
    int rc = started == 0 ? collect(db, stmt, &table) : SQLITE_NOMEM;
    int64_t changes = db->writes && !sqlite3_stmt_readonly(stmt) ? sqlite3_changes(db->handle) : -1;
    if (rc == SQLITE_DONE)
        status = sq_table_send(&table, &db->watch->call, changes);
    else if (started == -E2BIG)
        status = kit_fail(&db->watch->call, HANDRAIL_E_LIMIT,
                          "the names of the columns alone are longer than an answer may be: select "
                          "fewer columns, or name them with AS");
    else
        status = failed(db, rc);
    sq_table_free(&table);
    return status;
}

handrail_status sq_query(const struct kit_call *c, const struct sq_settings *s,
                         const struct sq_args *a, bool writes)
{
    struct kit_watch watch;
    struct sq_db db;
    sqlite3_stmt *stmt = NULL;

    kit_watch_start(&watch, c, s->timeout_ms);
    handrail_status status = sq_db_open(&db, s, a, writes, &watch);
    if (status == HANDRAIL_OK)
        status = sq_db_prepare(&db, a->sql, &stmt);
    if (status == HANDRAIL_OK)
        status = run(&db, stmt, s, a);
    sqlite3_finalize(stmt);
    sq_db_close(&db);
    return status;
}
