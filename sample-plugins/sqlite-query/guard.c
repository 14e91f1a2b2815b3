/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include "functions.h"

#include <stdio.h>
#include <strings.h>

enum { STEPS_PER_POLL = 1000 }; /* instructions of SQLite's machine: far below a millisecond */

static const char to_write[] = "sqlite_query only reads: use sqlite_execute to change a database";
static const char one_file[] = "a call works on one database: call once for each";
static const char one_statement[] = "each call is a transaction of its own";
static const char temporary[] = "nothing temporary outlives the call: use WITH";

/* Those that write are among them for whoever only reads as well: to use a virtual table, such as a
 * full-text or spatial index or json_each(), SQLite compiles statements that would.  What is run is
 * stopped by query_only, and the descriptor can only be read from. */
static const int allowed[] = {
    SQLITE_SELECT,       SQLITE_READ,          SQLITE_RECURSIVE,   SQLITE_INSERT,
    SQLITE_UPDATE,       SQLITE_DELETE,        SQLITE_ALTER_TABLE, SQLITE_CREATE_TABLE,
    SQLITE_CREATE_INDEX, SQLITE_CREATE_VIEW,   SQLITE_DROP_TABLE,  SQLITE_CREATE_TRIGGER,
    SQLITE_DROP_INDEX,   SQLITE_CREATE_VTABLE, SQLITE_DROP_VIEW,   SQLITE_DROP_TRIGGER,
    SQLITE_DROP_VTABLE,  SQLITE_ANALYZE,       SQLITE_REINDEX,
};

static const struct {
    int action;
    const char *what, *why;
} never[] = {
    {SQLITE_ATTACH, "ATTACH or VACUUM", one_file},
    {SQLITE_DETACH, "DETACH", one_file},
    {SQLITE_TRANSACTION, "BEGIN, COMMIT or ROLLBACK", one_statement},
    {SQLITE_SAVEPOINT, "SAVEPOINT", one_statement},
    {SQLITE_CREATE_TEMP_TABLE, "CREATE TEMP TABLE", temporary},
    {SQLITE_CREATE_TEMP_INDEX, "CREATE TEMP INDEX", temporary},
    {SQLITE_CREATE_TEMP_VIEW, "CREATE TEMP VIEW", temporary},
    {SQLITE_CREATE_TEMP_TRIGGER, "CREATE TEMP TRIGGER", temporary},
};

enum level { READS, WRITES, NEVER };

/* PRAGMAs that tell something, and what they may take as an argument. */
static const struct {
    const char *name;
    enum level level; /* of an argument: READS if it only says what to tell of */
} pragmas[] = {
    {"table_info", READS},       {"table_xinfo", READS},       {"table_list", READS},
    {"index_list", READS},       {"index_info", READS},        {"index_xinfo", READS},
    {"foreign_key_list", READS}, {"foreign_key_check", READS}, {"integrity_check", READS},
    {"quick_check", READS},      {"collation_list", NEVER},    {"compile_options", NEVER},
    {"function_list", NEVER},    {"module_list", NEVER},       {"pragma_list", NEVER},
    {"data_version", NEVER},     {"encoding", NEVER},          {"freelist_count", NEVER},
    {"page_count", NEVER},       {"page_size", NEVER},         {"schema_version", NEVER},
    {"user_version", WRITES},    {"application_id", WRITES},   {"journal_mode", WRITES},
};

/* Functions that do more than compute; those that this SQLite lacks do no harm here. */
static const char *const functions[] = {"load_extension", "fts3_tokenizer", "readfile", "writefile",
                                        "edit"};

static int refuse(struct sq_db *db, const char *what, const char *name, const char *why)
{
    if (!db->refusal[0])
        (void)snprintf(db->refusal, sizeof(db->refusal), "%s%.64s is not allowed here: %s", what,
                       name, why);
    return SQLITE_DENY;
}

static int check_function(struct sq_db *db, const char *name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcasecmp(name, functions[i]) == 0)
            return refuse(db, "the function ", name, "it reaches out of the database");
    if (strcasecmp(name, "json_patch") == 0)
        return refuse(db, "the function ", name, "it cannot be interrupted: use json_set()");
    return SQLITE_OK;
}

static int check_pragma(struct sq_db *db, const char *name, const char *argument)
{
    for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++) {
        enum level needed = argument ? pragmas[i].level : READS;
        if (strcasecmp(name, pragmas[i].name) != 0)
            continue;
        if (needed == READS || (needed == WRITES && db->writes))
            return SQLITE_OK;
        return refuse(db, "a value for PRAGMA ", name,
                      needed == WRITES ? to_write : "leave it out");
    }
    return refuse(db, "PRAGMA ", name,
                  "known are those that tell about tables, indexes and the file");
}

static int authorize(void *arg, int action, const char *a, const char *b, const char *schema,
                     const char *trigger)
{
    struct sq_db *db = arg;

    (void)schema, (void)trigger;
    if (action == SQLITE_FUNCTION)
        return check_function(db, b ? b : "");
    if (action == SQLITE_PRAGMA)
        return check_pragma(db, a ? a : "", b);
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (allowed[i] == action)
            return SQLITE_OK;
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (never[i].action == action)
            return refuse(db, never[i].what, "", never[i].why);
    return refuse(db, "this statement", "", "the plugin does not know what it does");
}

static int is_over(void *watch)
{
    return kit_watch_spent(watch);
}

/* The first line of defence are the limits of time and memory.  Neither is asked while one function
 * works on its arguments, so these bound what that can be: most take as long as their arguments
 * are, LIKE and GLOB up to that times the pattern.  Those that take the one times the other are
 * other ones here (functions.h), or are not to be had. */
static void set_limits(sqlite3 *handle)
{
    static const struct {
        int id, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, SQ_VALUE_MIB * 1024 * 1024},
        {SQLITE_LIMIT_SQL_LENGTH, 1000000}, /* our own is lower; those in the schema are not ours */
        {SQLITE_LIMIT_EXPR_DEPTH, 200},
        {SQLITE_LIMIT_COMPOUND_SELECT, 200},
        {SQLITE_LIMIT_VDBE_OP, 1000000},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 1000},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 50},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        (void)sqlite3_limit(handle, limits[i].id, limits[i].value);
}

/* A database can come from anywhere, so what its own views and triggers call is not trusted.  A
 * name in double quotes that is no column is an error and not a string: a query with a misspelt
 * column would answer something wrong. */
static int configure(sqlite3 *handle)
{
    static const struct {
        int id, on;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},       {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},         {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0}, {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
    };
    int rc = SQLITE_OK;

    for (size_t i = 0; rc == SQLITE_OK && i < sizeof(options) / sizeof(options[0]); i++)
        rc = sqlite3_db_config(handle, options[i].id, options[i].on, NULL);
    return rc;
}

int sq_guard_set(struct sq_db *db)
{
    /* Temporary files would lie where a confined plugin cannot write; a file that is mapped and cut
     * short by another process kills us. */
    static const char settings[] =
        "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA cell_size_check=ON;";
    int rc = configure(db->handle);

    if (rc == SQLITE_OK)
        rc = sq_functions_set(db->handle);
    set_limits(db->handle);
    sqlite3_progress_handler(db->handle, STEPS_PER_POLL, is_over, db->watch);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db->handle, settings, NULL, NULL, NULL);
    if (rc == SQLITE_OK && !db->writes)
        rc = sqlite3_exec(db->handle, "PRAGMA query_only=ON", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_set_authorizer(db->handle, authorize, db);
    return rc;
}
