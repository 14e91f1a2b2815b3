/* SPDX-License-Identifier: MIT
 * What sqlite-query refuses: statements that do more than they may, ways out of the root, files
 * that are no databases, bad arguments and configuration. */
#include "check.h"
#include "sqlite_tree.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ON "{\"database\":\"people.db\","

struct refusal {
    const char *sql;
    handrail_status status;
    const char *reason;
};

static void refused(const struct sample_tree *t, const char *tool, const struct refusal *r,
                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_t *args = json_pack("{s:s,s:s}", "database", "people.db", "sql", r[i].sql);
        char *json = json_dumps(args, 0);
        assert_non_null(json);
        sample_tree_refused(t, tool, json, r[i].status, r[i].reason);
        free(json);
        json_decref(args);
    }
}

static void a_query_only_reads(void **state)
{
    static const struct refusal cases[] = {
        {"INSERT INTO people VALUES (9, 'x', 1)", HANDRAIL_E_DENIED,
         "sqlite_query only reads: use sqlite_execute"},
        {"UPDATE people SET age = 1", HANDRAIL_E_DENIED, "only reads"},
        {"DELETE FROM people", HANDRAIL_E_DENIED, "only reads"},
        {"DELETE FROM people RETURNING id", HANDRAIL_E_DENIED, "only reads"},
        {"WITH x AS (SELECT 1) INSERT INTO people SELECT 1, 2, 3 FROM x", HANDRAIL_E_DENIED,
         "only reads"},
        {"CREATE TABLE t(x)", HANDRAIL_E_DENIED, "only reads"},
        {"ALTER TABLE people RENAME COLUMN age TO years", HANDRAIL_E_DENIED, "only reads"},
        {"DROP TABLE people", HANDRAIL_E_DENIED, "only reads"},
        {"CREATE VIRTUAL TABLE f USING fts5(a)", HANDRAIL_E_DENIED, "only reads"},
        {"CREATE TEMP TABLE t(x)", HANDRAIL_E_DENIED, "not allowed here"},
        {"ANALYZE", HANDRAIL_E_DENIED, "only reads"},
        {"REINDEX", HANDRAIL_E_DENIED, "only reads"},
        {"PRAGMA user_version = 7", HANDRAIL_E_DENIED, "a value for PRAGMA user_version"},
        {"PRAGMA journal_mode = WAL", HANDRAIL_E_DENIED, "a value for PRAGMA journal_mode"},
        {"PRAGMA query_only = OFF", HANDRAIL_E_DENIED, "PRAGMA query_only is not allowed"},
        {"PRAGMA writable_schema = ON", HANDRAIL_E_DENIED, "PRAGMA writable_schema is not"},
        {"SELECT * FROM pragma_database_list", HANDRAIL_E_DENIED, "PRAGMA database_list"},
    };
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true"); /* which makes no difference to sqlite_query */
    for (int wal = 0; wal < 2; wal++) {
        if (wal)
            sqlite_tree_sql(&t, "people.db", "PRAGMA journal_mode=WAL");
        refused(&t, "sqlite_query", cases, sizeof(cases) / sizeof(cases[0]));
        sqlite_tree_answers(&t, "SELECT count(*) AS n FROM people", "| n |\n| --- |\n| 3 |");
        sqlite_tree_answers(&t, "PRAGMA journal_mode",
                            wal ? "| journal_mode |\n| --- |\n| wal |" : "");
        sqlite_tree_answers(&t, "EXPLAIN DELETE FROM people", "| addr | opcode |");
    }
    sample_tree_remove(&t);

    sqlite_tree_make(&t, "");
    sample_tree_refused(&t, "sqlite_execute", ON "\"sql\":\"DELETE FROM people\"}",
                        HANDRAIL_E_DENIED, "\"writable\": true");
    sample_tree_remove(&t);
}

static void no_statement_leaves_the_database(void **state)
{
    static const struct refusal cases[] = {
        {"ATTACH 'other.db' AS o", HANDRAIL_E_DENIED, "one database: call once for each"},
        {"ATTACH ':memory:' AS o", HANDRAIL_E_DENIED, "one database"},
        {"VACUUM", HANDRAIL_E_DENIED, "ATTACH or VACUUM is not allowed"},
        {"VACUUM INTO '/tmp/handrail-sample-copy.db'", HANDRAIL_E_DENIED, "ATTACH or VACUUM"},
        {"SELECT load_extension('/tmp/x.so')", HANDRAIL_E_DENIED, "function load_extension is not"},
        {"SELECT fts3_tokenizer('simple')", HANDRAIL_E_DENIED, "function fts3_tokenizer"},
        {"BEGIN", HANDRAIL_E_DENIED, "each call is a transaction of its own"},
        {"SAVEPOINT x", HANDRAIL_E_DENIED, "each call is a transaction"},
        {"PRAGMA temp_store_directory = '/tmp'", HANDRAIL_E_DENIED, "PRAGMA temp_store_directory"},
        {"PRAGMA wal_checkpoint", HANDRAIL_E_DENIED, "PRAGMA wal_checkpoint"},
    };
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    refused(&t, "sqlite_query", cases, sizeof(cases) / sizeof(cases[0]));
    refused(&t, "sqlite_execute", cases, sizeof(cases) / sizeof(cases[0]));
    assert_int_not_equal(access("/tmp/handrail-sample-copy.db", F_OK), 0);
    sample_tree_remove(&t);
}

static void a_statement_is_one_and_right(void **state)
{
    static const struct refusal cases[] = {
        {"SELECT 1; SELECT 2", HANDRAIL_E_INVALID, "more than one statement, and none was run"},
        {"SELECT 1; rubbish", HANDRAIL_E_INVALID, "The second begins: rubbish"},
        {"DELETE FROM people; SELECT 1", HANDRAIL_E_INVALID, "none was run"},
        {" -- nothing\n", HANDRAIL_E_INVALID, "sql holds no statement"},
        {";;", HANDRAIL_E_INVALID, "sql holds no statement"},
        {"SELEC 1", HANDRAIL_E_INVALID, "near \"SELEC\": syntax error"},
        {"SELECT nme FROM people", HANDRAIL_E_INVALID,
         "no such column: nme: sqlite_schema lists tables"},
        {"SELECT * FROM poeple", HANDRAIL_E_INVALID, "no such table: poeple: sqlite_schema lists"},
        {"SELECT * FROM people WHERE \"nme\" = 'Ann'", HANDRAIL_E_INVALID, "no such column"},
    };
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    refused(&t, "sqlite_execute", cases, sizeof(cases) / sizeof(cases[0]));
    sqlite_tree_answers(&t, "SELECT count(*) AS n FROM people;;\n/* the end */ ;", "| n |");
    sqlite_tree_answers(&t, "SELECT count(*) AS n FROM people", "| n |\n| --- |\n| 3 |");
    sample_tree_remove(&t);
}

static void no_path_leads_out(void **state)
{
    static const struct {
        const char *path, *reason;
    } cases[] = {
        {"..", "leads out of"},
        {"../root-outside/secret.db", "leads out of"},
        {"sub/../../root-outside/secret.db", "leads out of"},
        {"/etc/passwd", "leads out of"},
        {"out/secret.db", "symbolic link"},
        {"link.db", "symbolic link"},
        {"inside.db", "symbolic link"}, /* even one that stays inside */
        {"sub/wal.db", "\"sub/wal.db-wal\" below"},
        {"nowhere.db", "there is no such file: check the path"},
        {"nowhere/x.db", "there is no such file"},
        {"people.db/x", "there is no such file"},
        {".", "no regular file"},
        {"sub", "no regular file"},
        {"fifo", "no regular file"},
        {"file:people.db", "there is no such file"}, /* no URI */
        {":memory:", "there is no such file"},
    };
    struct sample_tree t;
    char args[512], target[256];

    (void)state;
    sqlite_tree_make(&t, "");
    sqlite_tree_sql(&t, "../root-outside/secret.db", "CREATE TABLE secret(x)");
    sample_tree_text(&t, "sub/wal.db", "");
    sample_tree_link(&t, t.outside, "out");
    (void)snprintf(target, sizeof(target), "%s/secret.db", t.outside);
    sample_tree_link(&t, target, "link.db");
    sample_tree_link(&t, target, "sub/wal.db-wal");
    sample_tree_link(&t, "people.db", "inside.db");
    (void)snprintf(target, sizeof(target), "%s/fifo", t.root);
    assert_int_equal(mkfifo(target, 0600), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(args, sizeof(args), "{\"database\":\"%s\"}", cases[i].path);
        sample_tree_refused(&t, "sqlite_schema", args, HANDRAIL_E_INVALID, cases[i].reason);
    }
    (void)snprintf(args, sizeof(args), "{\"database\":\"%s/people.db\"}", t.root);
    sqlite_tree_call(&t, "sqlite_schema", args, "table people", "");
    sample_tree_remove(&t);
}

struct swapper {
    const struct sample_tree *tree;
    atomic_bool end;
    long swaps;
};

/* The folder "sub" becomes a link that leads out, and the database in it one as well, in turns. */
static void *swap(void *arg)
{
    static const char *const pairs[][2] = {{"sub", "out"}, {"sub/x.db", "sub/link.db"}};
    struct swapper *s = arg;
    char a[256], b[256];

    for (int i = 0; !atomic_load(&s->end); i = !i) {
        (void)snprintf(a, sizeof(a), "%s/%s", s->tree->root, pairs[i][0]);
        (void)snprintf(b, sizeof(b), "%s/%s", s->tree->root, pairs[i][1]);
        s->swaps += renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0;
    }
    return NULL;
}

static void a_link_swapped_in_leads_nowhere(void **state)
{
    struct sample_tree t;
    struct swapper s = {.tree = &t};
    char target[256];
    pthread_t thread;
    int found = 0;

    (void)state;
    sqlite_tree_make(&t, "");
    sample_tree_text(&t, "sub/dummy", "");
    sqlite_tree_sql(&t, "sub/x.db", "CREATE TABLE inside(x)");
    sqlite_tree_sql(&t, "../root-outside/x.db", "CREATE TABLE secret(x)");
    sample_tree_link(&t, t.outside, "out");
    (void)snprintf(target, sizeof(target), "%s/x.db", t.outside);
    sample_tree_link(&t, target, "sub/link.db");
    assert_int_equal(pthread_create(&thread, NULL, swap, &s), 0);
    /* until the file was met once, which can take long where threads seldom take turns */
    for (int i = 0; i < 500 || (found == 0 && i < 50000); i++) {
        handrail_call c;
        fake_call_init(&c);
        (void)sample_tree_call(&t, &c, "sqlite_schema", "{\"database\":\"sub/x.db\"}");
        found += strstr(c.text, "inside") != NULL;
        fake_call_free(&c);
    }
    atomic_store(&s.end, true);
    pthread_join(thread, NULL);
    assert_true(s.swaps > 10);
    assert_true(found > 0);
    sample_tree_remove(&t);
}

static void bad_files_are_explained(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    sample_tree_fill(&t, "text.db", 'x', 5000, "\n");
    sample_tree_refused(&t, "sqlite_schema", "{\"database\":\"text.db\"}", HANDRAIL_E_INVALID,
                        "it is no SQLite database, or it is encrypted");
    sample_tree_text(&t, "empty.db", "");
    sqlite_tree_call(&t, "sqlite_schema", "{\"database\":\"empty.db\"}", "0 tables", "");
    sqlite_tree_sql(&t, "bad.db",
                    "CREATE TABLE t(x); PRAGMA writable_schema=ON; "
                    "UPDATE sqlite_master SET rootpage = 99;");
    sample_tree_refused(&t, "sqlite_query", "{\"database\":\"bad.db\",\"sql\":\"SELECT * FROM t\"}",
                        HANDRAIL_E_FAILED, "malformed");
    sample_tree_remove(&t);
}

static void bad_arguments_are_explained(void **state)
{
    static const struct {
        const char *args, *reason;
    } cases[] = {
        {"", "arguments are not valid JSON"},
        {"{}", "argument database is missing"},
        {"{\"database\":7}", "database must be a string, got a number"},
        {"{\"database\":\"\"}", "database must have 1 to 4095 bytes"},
        {"{\"database\":\"a\\u0000b\",\"sql\":\"SELECT 1\"}", "must not contain a NUL"},
        {"{\"database\":\"people.db\"}", "argument sql is missing"},
        {ON "\"sql\":\"\"}", "sql must have 1 to 100000 bytes"},
        {ON "\"sql\":\"SELECT '\\u0000'\"}", "sql must not contain a NUL"},
        {ON "\"sql\":\"SELECT 1\",\"max_rows\":0}", "max_rows must be an integer from 1 to 200"},
        {ON "\"sql\":\"SELECT 1\",\"max_rows\":201}", "from 1 to 200"},
        {ON "\"sql\":\"SELECT 1\",\"create\":true}", "unknown argument \"create\": known are"},
    };
    static const char *const configs[][2] = {
        {"[]", "must be a JSON object"},
        {"{\"rot\":1}", "unknown configuration key \"rot\": known are root, writable"},
        {"{\"root\":\"x\"}", "root must be an absolute path"},
        {"{\"writable\":1}", "writable must be true or false"},
        {"{\"max_rows\":10001}", "max_rows must be an integer from 1 to 10000"},
        {"{\"timeout_ms\":0}", "timeout_ms must be an integer from 1 to 300000"},
        {"{\"max_result_bytes\":1023}", "max_result_bytes must be an integer from 1024 to 524288"},
    };
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        sample_tree_refused(&t, "sqlite_query", cases[i].args, HANDRAIL_E_INVALID, cases[i].reason);
    sample_tree_remove(&t);
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
        sample_tree_bad_config(SQLITE_PLUGIN, configs[i][0], configs[i][1]);
}

int sample_sqlite_guard(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_query_only_reads),
        cmocka_unit_test(no_statement_leaves_the_database),
        cmocka_unit_test(a_statement_is_one_and_right),
        cmocka_unit_test(no_path_leads_out),
        cmocka_unit_test(a_link_swapped_in_leads_nowhere),
        cmocka_unit_test(bad_files_are_explained),
        cmocka_unit_test(bad_arguments_are_explained),
    };

    return cmocka_run_group_tests_name("sqlite/guard", all, NULL, NULL);
}
