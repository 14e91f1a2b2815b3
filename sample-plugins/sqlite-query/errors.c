/* SPDX-License-Identifier: MIT */
#include "errors.h"

#include "guard.h"
#include <string.h>

static const char wal_advice[] =
    "it is in WAL mode, and what cannot be written there cannot be read either, because readers "
    "take part in its -wal and -shm files: copy it to a folder that can be written, or switch it "
    "with PRAGMA journal_mode=DELETE where it is written";

/* The last part is what to do about it; NULL: SQLite's own message is enough. */
static const struct {
    int code; /* extended, or a whole family */
    handrail_status status;
    const char *advice;
} advices[] = {
    {SQLITE_READONLY_ROLLBACK, HANDRAIL_E_FAILED,
     "a writer of it was interrupted, and what it left can only be undone by opening the database "
     "for writing: use sqlite_execute, or the program that it belongs to"},
    {SQLITE_READONLY_RECOVERY, HANDRAIL_E_FAILED,
     "its -wal file has to be recovered first, which needs a connection that can write: use "
     "sqlite_execute, or the program that it belongs to"},
    {SQLITE_IOERR_ACCESS, HANDRAIL_E_FAILED,
     "a writer of it was interrupted in a transaction over several databases: open it with the "
     "program that it belongs to"},
    {SQLITE_IOERR_WRITE, HANDRAIL_E_FAILED,
     "it cannot be written: see whether the disk is sound, and whether \"file_mib\" in the "
     "\"confinement\" of this plugin allows so large a file"},
    {SQLITE_READONLY_CANTINIT, HANDRAIL_E_FAILED, wal_advice},
    {SQLITE_READONLY_CANTLOCK, HANDRAIL_E_FAILED, wal_advice},
    {SQLITE_READONLY, HANDRAIL_E_DENIED,
     "the file cannot be written: check its permissions, and what \"confinement\" grants this "
     "plugin"},
    {SQLITE_BUSY, HANDRAIL_E_UNAVAILABLE,
     "another process is writing it and did not end in time; nothing was changed: try again"},
    {SQLITE_LOCKED, HANDRAIL_E_UNAVAILABLE,
     "another call is writing it; nothing was changed: try again"},
    {SQLITE_NOTADB, HANDRAIL_E_INVALID,
     "it is no SQLite database, or it is encrypted: check the path"},
    {SQLITE_CANTOPEN, HANDRAIL_E_FAILED,
     "the file, or one of those that SQLite keeps beside it, cannot be opened: check their "
     "permissions, and what \"confinement\" grants this plugin"},
    {SQLITE_FULL, HANDRAIL_E_FAILED, "there is no room for it: free some space"},
};

/* Does the file say that it is in WAL mode?  Asked through SQLite, since closing a descriptor of
 * our own would drop the locks that other calls hold. */
static bool in_wal_mode(const struct sq_db *db)
{
    enum { READ_VERSION = 19, WAL = 2 }; /* a byte of the header, and its value */
    sqlite3_file *file = NULL;
    unsigned char version = 0;

    return sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, (void *)&file) ==
               SQLITE_OK &&
           file && file->pMethods &&
           file->pMethods->xRead(file, &version, 1, READ_VERSION) == SQLITE_OK && version == WAL;
}

static handrail_status stopped(const struct sq_db *db)
{
    const struct kit_call *c = &db->watch->call;
    const char *undone = db->writes ? "; nothing was changed" : "";

    if (db->watch->stop == KIT_STOP_CANCELLED)
        return kit_fail(c, HANDRAIL_E_CANCELLED, "cancelled%s", undone);
    return kit_fail(c, HANDRAIL_E_TIMEOUT,
                    "the statement ran out of time%s: look at fewer rows, use a column that has an "
                    "index, or see what it does with EXPLAIN QUERY PLAN",
                    undone);
}

/* A mistake in the statement: where it is, and where to look. */
static handrail_status mistake(const struct sq_db *db)
{
    const char *message = sqlite3_errmsg(db->handle);
    const char *hint = "";
    int offset = -1;

    if (strncmp(message, "no such table", 13) == 0 || strncmp(message, "no such column", 14) == 0)
        hint = ": sqlite_schema lists tables and columns";
#if SQLITE_VERSION_NUMBER >= 3038000
    offset = sqlite3_error_offset(db->handle);
#endif
    if (offset >= 0)
        return kit_fail(&db->watch->call, HANDRAIL_E_INVALID, "sql, at byte %d: %.500s%s", offset,
                        message, hint);
    return kit_fail(&db->watch->call, HANDRAIL_E_INVALID, "sql: %.500s%s", message, hint);
}

/* INSERT OR FAIL and its like keep what they had done when they fail. */
static handrail_status broken_constraint(const struct sq_db *db)
{
    int kept = sqlite3_changes(db->handle);

    return kit_fail(&db->watch->call, HANDRAIL_E_INVALID,
                    "database \"%.300s\": %.300s: correct the values; %d row%s changed", db->name,
                    sqlite3_errmsg(db->handle), kept, kept == 1 ? " was" : "s were");
}

static handrail_status advise(const struct sq_db *db, int rc)
{
    const char *message = sqlite3_errmsg(db->handle);

    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        if (advices[i].code != rc && advices[i].code != (rc & 0xff))
            continue;
        bool wal = (advices[i].code == SQLITE_CANTOPEN || advices[i].code == SQLITE_READONLY) &&
                   in_wal_mode(db);
        return kit_fail(&db->watch->call, wal ? HANDRAIL_E_FAILED : advices[i].status,
                        "database \"%.300s\": %.300s: %s", db->name, message,
                        wal ? wal_advice : advices[i].advice);
    }
    return kit_fail(&db->watch->call, HANDRAIL_E_FAILED, "database \"%.300s\": %.300s", db->name,
                    message);
}

handrail_status sq_errors_fail(const struct sq_db *db, int rc)
{
    const struct kit_call *c = &db->watch->call;

    /* Whatever SQLite calls it: a wait for a lock ends with "busy". */
    if (db->watch->stop == KIT_STOP_CANCELLED || (rc & 0xff) == SQLITE_INTERRUPT)
        return stopped(db);
    if (db->refusal[0]) /* which has different codes, by where it was noticed */
        return kit_fail(c, HANDRAIL_E_DENIED, "%s", db->refusal);
    if (rc == SQLITE_READONLY && !db->writes) /* which is what query_only says (guard.c) */
        return kit_fail(c, HANDRAIL_E_DENIED,
                        "sql would change the database, and sqlite_query only reads: use "
                        "sqlite_execute");
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return kit_fail(c, HANDRAIL_E_NOMEM,
                        "the statement needs more than the %d MiB that all calls may take "
                        "together: sort or group fewer rows",
                        SQ_HEAP_MIB);
    case SQLITE_TOOBIG:
        return kit_fail(c, HANDRAIL_E_LIMIT,
                        "a value or row is larger than %d MiB, or sql is too long: take a part of "
                        "it, with substr()",
                        SQ_VALUE_MIB);
    case SQLITE_CONSTRAINT: return broken_constraint(db);
    case SQLITE_ERROR: return mistake(db);
    default: return advise(db, rc);
    }
}
