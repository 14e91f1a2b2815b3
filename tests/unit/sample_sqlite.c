/* SPDX-License-Identifier: MIT
 * sqlite-query, loaded as the toolhost loads it: what it answers. */
#include "check.h"
#include "sqlite_tree.h"

#include <stdlib.h>
#include <string.h>

#define ON "{\"database\":\"people.db\","

static void rows_are_a_table_and_json(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    sqlite_tree_answers(&t, "SELECT * FROM people ORDER BY id",
                        "| id | name | age |\n| --- | --- | --- |\n| 1 | Ann | 31 |\n"
                        "| 2 | Bob | 65 |\n| 3 | Cy | NULL |\n3 rows");
    sqlite_tree_answers(&t, "SELECT name FROM old;  -- and that is all",
                        "| name |\n| --- |\n| Bob");
    sqlite_tree_answers(&t, "SELECT * FROM people WHERE 0",
                        "| id | name | age |\n| --- | --- | --- "
                        "|\n0 rows");
    sqlite_tree_answers(&t, "EXPLAIN QUERY PLAN SELECT * FROM people", "| id | parent |");
    sqlite_tree_answers(&t, "PRAGMA user_version", "| user_version |\n| --- |\n| 0 |");
    sqlite_tree_answers(&t, "SELECT name FROM pragma_table_info('people')", "| name |\n");
    sqlite_tree_answers(&t,
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
                        "i < 3) SELECT sum(i) AS s FROM n",
                        "| s |\n| --- |\n| 6 |");
    sqlite_tree_call(
        &t, "sqlite_query", ON "\"sql\":\"SELECT id, name, age FROM people\"}", "",
        "{\"columns\":[\"id\",\"name\",\"age\"],\"rows\":[[1,\"Ann\",31],[2,\"Bob\",65]"
        ",[3,\"Cy\",null]],\"row_count\":3,\"truncated\":false,\"cells_cut\":false}");
    sample_tree_remove(&t);
}

static void values_keep_what_they_are(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    sqlite_tree_answers(&t, "SELECT 9007199254740993 AS n, -9223372036854775807 - 1 AS m, 0.1 AS r",
                        "| n | m | r |\n| --- | --- | --- |\n| 9007199254740993 | "
                        "-9223372036854775808 | 0.1 |\n");
    sqlite_tree_call(&t, "sqlite_query",
                     ON "\"sql\":\"SELECT 9007199254740993, 9007199254740992, 1.5, 9e999\"}",
                     "Infinity", "[[\"9007199254740993\",9007199254740992,1.5,\"Infinity\"]]");
    sqlite_tree_answers(&t, "SELECT x'00ff' AS b, zeroblob(40) AS c",
                        "| b | c |\n| --- | --- |\n| x'00ff' (2 bytes) | "
                        "x'0000000000000000000000000000000000000000000000000000000000000000...' "
                        "(40 bytes) |\n1 row\nOf a blob at most 32 bytes");
    sqlite_tree_answers(&t, "SELECT 'a|b' || char(10) || 'c' AS \"x|y\"",
                        "| x\\|y |\n| --- |\n| a\\|b\\nc |\n1 row");
    sqlite_tree_answers(&t, "SELECT CAST(x'61ff62' AS TEXT) AS t",
                        "| t |\n| --- |\n| a\xef\xbf\xbd"
                        "b |\n");
    sqlite_tree_call(&t, "sqlite_query", ON "\"sql\":\"SELECT 'a' || char(0) || 'b' AS t\"}",
                     "| a\xef\xbf\xbd"
                     "b |",
                     "[[\"a\\u0000b\"]]");
    sqlite_tree_call(&t, "sqlite_query",
                     ON "\"sql\":\"SELECT replace(printf('%5000s', ''), ' ', '\xc3\xa9') AS t\"}",
                     "Text longer than 4096 bytes is cut", "\"cells_cut\":true");
    sample_tree_remove(&t);
}

static void parameters_are_bound(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    sqlite_tree_call(&t, "sqlite_query",
                     ON "\"sql\":\"SELECT ?, ?, ?, ?, typeof(?)\",\"parameters\":"
                        "[7, \"it's; DROP\", null, true, 2.5]}",
                     "| 7 | it's; DROP | NULL | 1 | real |", "");
    sqlite_tree_call(&t, "sqlite_query",
                     ON "\"sql\":\"SELECT name FROM people WHERE id = :id AND name = @name\","
                        "\"parameters\":{\"id\":2,\"@name\":\"Bob\"}}",
                     "| Bob |", "");
    sqlite_tree_call(&t, "sqlite_query", ON "\"sql\":\"SELECT 1 AS n\",\"parameters\":[]}", "| 1 |",
                     "");
    sqlite_tree_call(&t, "sqlite_query",
                     ON "\"sql\":\"SELECT length(?) AS n\",\"parameters\":[\"a\\u0000b\"]}",
                     "| 1 |", "");
    static const struct {
        const char *args, *reason;
    } cases[] = {
        {ON "\"sql\":\"SELECT ?\"}", "sql has 1 placeholders: give their values"},
        {ON "\"sql\":\"SELECT ?\",\"parameters\":[1,2]}",
         "has 1 placeholder, but parameters has 2"},
        {ON "\"sql\":\"SELECT ?\",\"parameters\":{\"a\":1}}", "placeholder ?, which has no name"},
        {ON "\"sql\":\"SELECT :a\",\"parameters\":{\"b\":1}}", "parameters has no value for :a"},
        {ON "\"sql\":\"SELECT :a\",\"parameters\":{\"a\":1,\"b\":1}}",
         "a value \"b\", but sql has no"},
        {ON "\"sql\":\"SELECT ?\",\"parameters\":[[1]]}", "parameter 1 must be a string, number"},
        {ON "\"sql\":\"SELECT ?\",\"parameters\":7}", "parameters must be an array"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        sample_tree_refused(&t, "sqlite_query", cases[i].args, HANDRAIL_E_INVALID, cases[i].reason);
    sample_tree_remove(&t);
}

static void the_schema_is_listed(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    sqlite_tree_sql(&t, "people.db",
                    "CREATE TABLE pets(name TEXT DEFAULT 'Rex', "
                    "owner INT REFERENCES people(id), size GENERATED ALWAYS AS (length(name)));"
                    "CREATE UNIQUE INDEX pets_name ON pets(name, owner);"
                    "CREATE TABLE gone(x); CREATE VIEW broken AS SELECT x FROM gone; "
                    "PRAGMA writable_schema=ON; DELETE FROM sqlite_master WHERE name = 'gone';");
    sqlite_tree_call(&t, "sqlite_schema", "{\"database\":\"people.db\"}",
                     "view broken\n  invalid: no such table: main.gone\n", "\"name\":\"people\"");
    sqlite_tree_call(&t, "sqlite_schema", "{\"database\":\"people.db\"}",
                     "table people\n  id INTEGER primary key\n  name TEXT not null\n  age INT\n  "
                     "index people_age (age)\n"
                     "table pets\n  name TEXT default 'Rex'\n  owner INT\n  size generated\n"
                     "  foreign key owner references people (id)\n"
                     "  index pets_name unique (name, owner)\n4 tables and views",
                     "\"truncated\":false");
    sqlite_tree_sql(&t, "empty.db", "VACUUM");
    sqlite_tree_call(&t, "sqlite_schema", "{\"database\":\"empty.db\"}", "0 tables",
                     "\"tables\":[]");
    sample_tree_remove(&t);
}

static void writing_is_a_tool_of_its_own(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    sqlite_tree_call(&t, "sqlite_execute",
                     ON "\"sql\":\"INSERT INTO people(name) VALUES (?), (?)\",\"parameters\":"
                        "[\"Di\",\"Ed\"]}",
                     "2 rows changed", "\"changes\":2");
    sqlite_tree_call(&t, "sqlite_execute",
                     ON "\"sql\":\"DELETE FROM people WHERE id > 2 RETURNING id\",\"max_rows\":1}",
                     "| id |\n| --- |\n| 3 |\n3 rows changed, answers 1 row; truncated", "");
    sqlite_tree_answers(&t, "SELECT count(*) AS n FROM people", "| n |\n| --- |\n| 2 |");
    sqlite_tree_call(&t, "sqlite_execute", ON "\"sql\":\"CREATE TABLE t(x)\"}", "0 rows changed",
                     "");
    sqlite_tree_call(&t, "sqlite_execute", ON "\"sql\":\"ALTER TABLE t ADD COLUMN y\"}", "", "");
    sqlite_tree_call(&t, "sqlite_execute", ON "\"sql\":\"CREATE VIRTUAL TABLE f USING fts5(a)\"}",
                     "", "");
    sqlite_tree_call(&t, "sqlite_execute", ON "\"sql\":\"INSERT INTO f VALUES ('red fox')\"}",
                     "1 row", "");
    sqlite_tree_answers(&t, "SELECT a FROM f WHERE f MATCH 'fox'", "| a |\n| --- |\n| red fox |");
    sqlite_tree_call(&t, "sqlite_execute", ON "\"sql\":\"PRAGMA user_version = 5\"}", "", "");
    sqlite_tree_answers(&t, "PRAGMA user_version", "| user_version |\n| --- |\n| 5 |");
    sample_tree_refused(&t, "sqlite_execute",
                        ON "\"sql\":\"INSERT INTO people VALUES (1, 'x', 1)\"}", HANDRAIL_E_INVALID,
                        "UNIQUE constraint failed: people.id: correct the values; 0 rows were");
    sample_tree_refused(&t, "sqlite_execute",
                        ON "\"sql\":\"INSERT INTO people VALUES (30, 'x', 1), (1, 'x', 1)\"}",
                        HANDRAIL_E_INVALID, "; 0 rows were changed");
    sample_tree_refused(&t, "sqlite_execute",
                        ON
                        "\"sql\":\"INSERT OR FAIL INTO people VALUES (40, 'x', 1), (1, 'x', 1)\"}",
                        HANDRAIL_E_INVALID, "; 1 row was changed");
    sqlite_tree_sql(&t, "people.db", "CREATE VIRTUAL TABLE r USING rtree(id, least, most)");
    sample_tree_refused(&t, "sqlite_execute",
                        ON "\"sql\":\"INSERT INTO r VALUES (1, 2, 3), (2, 3, 1)\"}",
                        HANDRAIL_E_INVALID, "; 0 rows were changed");
    sqlite_tree_answers(&t, "SELECT id FROM people WHERE id >= 30",
                        "| id |\n| --- |\n| 40 |\n1 row");
    sample_tree_refused(&t, "sqlite_execute",
                        "{\"database\":\"new.db\",\"sql\":\"CREATE TABLE t(x)\"}",
                        HANDRAIL_E_INVALID, "there is no such file");
    sqlite_tree_call(&t, "sqlite_execute",
                     "{\"database\":\"new.db\",\"sql\":\"CREATE TABLE t(x)\",\"create\":true}", "",
                     "");
    sqlite_tree_call(&t, "sqlite_schema", "{\"database\":\"new.db\"}", "table t\n  x\n", "");
    sample_tree_remove(&t);
}

/* To read them SQLite compiles statements that write; R*Tree as soon as it is looked at. */
static void virtual_tables_are_read(void **state)
{
    static const char *const statements[][2] = {
        {"SELECT a FROM f3 WHERE f3 MATCH 'fox'", "| a |\n| --- |\n| red fox |"},
        {"SELECT snippet(f4) AS a FROM f4 WHERE f4 MATCH 'fox'", "| a |\n| --- |\n| red <b>fox"},
        {"SELECT a FROM f5 WHERE f5 MATCH 'fox'", "| a |\n| --- |\n| red fox |"},
        {"SELECT id FROM r WHERE least > 1", "| id |\n| --- |\n| 7 |"},
        {"SELECT value FROM json_each('[4]')", "| value |\n| --- |\n| 4 |"},
    };
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    sqlite_tree_sql(&t, "people.db",
                    "CREATE VIRTUAL TABLE f3 USING fts3(a); INSERT INTO f3 VALUES ('red fox');"
                    "CREATE VIRTUAL TABLE f4 USING fts4(a); INSERT INTO f4 VALUES ('red fox');"
                    "CREATE VIRTUAL TABLE f5 USING fts5(a); INSERT INTO f5 VALUES ('red fox');"
                    "CREATE VIRTUAL TABLE r USING rtree(id, least, most);"
                    "INSERT INTO r VALUES (7, 2, 3);");
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        sqlite_tree_answers(&t, statements[i][0], statements[i][1]);
    sqlite_tree_call(&t, "sqlite_schema", "{\"database\":\"people.db\"}", "table r\n  id INT",
                     "\"name\":\"r\"");
    sample_tree_refused(&t, "sqlite_query",
                        "{\"database\":\"people.db\",\"sql\":\"SELECT optimize(f4) FROM f4\"}",
                        HANDRAIL_E_DENIED, "not allowed here");
    sample_tree_remove(&t);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(rows_are_a_table_and_json),    cmocka_unit_test(values_keep_what_they_are),
        cmocka_unit_test(parameters_are_bound),         cmocka_unit_test(the_schema_is_listed),
        cmocka_unit_test(writing_is_a_tool_of_its_own), cmocka_unit_test(virtual_tables_are_read),
    };
    int failed = cmocka_run_group_tests_name("sqlite/answers", all, NULL, NULL);

    failed += sample_sqlite_guard();
    failed += sample_sqlite_limits();
    failed += sample_sqlite_files();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
