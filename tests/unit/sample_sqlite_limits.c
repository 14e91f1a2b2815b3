/* SPDX-License-Identifier: MIT
 * Where sqlite-query stops: rows, bytes, time, memory, other people's locks, and when it is told
 * to. */
#include "check.h"
#include "sqlite_tree.h"

#include <string.h>

#define ON   "{\"database\":\"people.db\","
#define MANY "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "

static void rows_end_at_the_limit(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    sqlite_tree_call(&t, "sqlite_query",
                     ON "\"sql\":\"SELECT id FROM people ORDER BY id\",\"max_rows\":2}",
                     "| 2 |\n2 rows; truncated: there are more than max_rows (2)",
                     "\"rows\":[[1],[2]],\"row_count\":2,\"truncated\":true");
    sqlite_tree_call(&t, "sqlite_query",
                     ON "\"sql\":\"SELECT id FROM people ORDER BY id\",\"max_rows\":3}", "3 rows",
                     "\"truncated\":false");
    sqlite_tree_call(&t, "sqlite_query", ON "\"sql\":\"" MANY "SELECT i FROM n\"}",
                     "200 rows; truncated", "");
    sample_tree_remove(&t);

    sqlite_tree_make(&t, ",\"max_rows\":2");
    sqlite_tree_call(&t, "sqlite_query", ON "\"sql\":\"SELECT id FROM people ORDER BY id\"}",
                     "2 rows; trunc", "");
    sample_tree_remove(&t);
}

static void bytes_end_at_the_limit(void **state)
{
    struct sample_tree t;
    handrail_call c;

    (void)state;
    sqlite_tree_make(&t, ",\"max_result_bytes\":2000");
    sample_tree_ok(&t, &c, "sqlite_query",
                   ON "\"sql\":\"" MANY "SELECT i, printf('%100d', i) AS wide FROM n\"}");
    assert_non_null(strstr(c.text, "18 rows; truncated: one answer holds at most 2000 bytes"));
    assert_non_null(strstr(c.json, "\"row_count\":18,\"truncated\":true"));
    assert_in_range(c.text_len, 1900, 2200);
    fake_call_free(&c);
    sqlite_tree_call(&t, "sqlite_query", ON "\"sql\":\"SELECT printf('%3000d', 1) AS n\"}",
                     "0 rows; truncated", "\"rows\":[]");
    sample_tree_remove(&t);
}

/* Each took minutes, or for ever, in SQLite's own. */
static void two_long_arguments_take_no_time(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    sqlite_tree_call(&t, "sqlite_query",
                     ON "\"sql\":\"SELECT instr(printf('%.*c', 16000000, 'a'), "
                        "printf('%.*c', 8000000, 'a') || 'b') AS n, "
                        "length(replace(printf('%.*c', 16000000, 'a'), "
                        "printf('%.*c', 8000000, 'a') || 'b', 'x')) AS r\"}",
                     "| 0 | 16000000 |", "");
    sample_tree_refused(&t, "sqlite_query",
                        ON "\"sql\":\"SELECT trim('a', printf('%.*c', 1000, 'b'))\"}",
                        HANDRAIL_E_INVALID, "at most 64");
    sample_tree_refused(&t, "sqlite_query", ON "\"sql\":\"SELECT json_patch('{}', '{}')\"}",
                        HANDRAIL_E_DENIED, "json_set()");
    sample_tree_refused(&t, "sqlite_query",
                        ON "\"sql\":\"SELECT 'x' LIKE printf('%.*c', 101, 'b')\"}",
                        HANDRAIL_E_INVALID, "");
    sample_tree_remove(&t);
}

/* And are what they were. */
static void our_functions_answer_as_sqlites(void **state)
{
    static const char sql[] =
        ON "\"sql\":\"SELECT instr('a\u00e9b', 'b') || ',' || instr('abc', '') || ',' || "
           "instr('abc', 'd') || ',' || instr(x'6162', x'62') || ',' || instr(1234, 34) || ',' || "
           "coalesce(instr(NULL, 'a'), 'null') AS a, "
           "replace('abcabc', 'bc', 'XYZ') || ',' || replace('aaa', 'a', '') || ',' || "
           "replace('abc', '', 'x') || ',' || replace('', 'a', 'b') || ',' || "
           "replace('aaaa', 'aa', 'b') || ',' || coalesce(replace('a', NULL, 'b'), 'null') AS b, "
           "'[' || trim('  a ') || '|' || ltrim('  a ') || '|' || rtrim('  a ') || '|' || "
           "trim('\u00e9xa\u00e9', '\u00e9x') || '|' || trim('abc', '') || '|' || "
           "trim('aaa', 'a') || ']' AS c\"}";
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    sqlite_tree_call(&t, "sqlite_query", sql, "",
                     "[[\"3,1,0,2,3,null\",\"aXYZaXYZ,,abc,,bb,null\","
                     "\"[a|a |  a|a|abc|]\"]]");
    sample_tree_remove(&t);
}

static void the_host_takes_no_more(void **state)
{
    struct sample_tree t;
    handrail_call c;

    (void)state;
    sqlite_tree_make(&t, "");
    fake_call_init(&c);
    c.text_max = 10;
    assert_int_equal(
        sample_tree_call(&t, &c, "sqlite_query", ON "\"sql\":\"SELECT * FROM people\"}"),
        HANDRAIL_E_LIMIT);
    assert_non_null(strstr(c.error, "lower max_rows"));
    fake_call_free(&c);
    sample_tree_remove(&t);
}

static void time_ends_a_statement(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, ",\"timeout_ms\":150,\"writable\":true");
    int64_t start = sample_tree_now_ms();
    sample_tree_refused(&t, "sqlite_query", ON "\"sql\":\"" MANY "SELECT count(*) FROM n\"}",
                        HANDRAIL_E_TIMEOUT, "ran out of time: look at fewer rows");
    assert_in_range(sample_tree_now_ms() - start, 100, 5000);
    sqlite_tree_call(&t, "sqlite_query",
                     ON "\"sql\":\"" MANY "SELECT i FROM n WHERE i < 5 OR i < 0\"}",
                     "| 4 |\n4 rows; truncated: out of time after 150 ms", "\"truncated\":true");
    sample_tree_refused(&t, "sqlite_execute",
                        ON "\"sql\":\"INSERT INTO people(name) " MANY "SELECT i FROM n\"}",
                        HANDRAIL_E_TIMEOUT, "nothing was changed");
    sqlite_tree_answers(&t, "SELECT count(*) AS n FROM people", "| n |\n| --- |\n| 3 |");
    sample_tree_remove(&t);
}

static void the_hosts_deadline_counts(void **state)
{
    struct sample_tree t;
    handrail_call c;

    (void)state;
    sqlite_tree_make(&t, "");
    fake_call_init(&c);
    c.time_left_ms = 200;
    assert_int_equal(
        sample_tree_call(&t, &c, "sqlite_query", ON "\"sql\":\"" MANY "SELECT count(*) FROM n\"}"),
        HANDRAIL_E_TIMEOUT);
    fake_call_free(&c);
    sample_tree_remove(&t);
}

static void a_call_can_be_cancelled(void **state)
{
    struct sample_tree t;
    handrail_call c;

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    fake_call_init(&c);
    c.cancel_at_poll = 20;
    assert_int_equal(
        sample_tree_call(&t, &c, "sqlite_query", ON "\"sql\":\"" MANY "SELECT max(i) FROM n\"}"),
        HANDRAIL_E_CANCELLED);
    assert_int_equal(c.text_len, 0);
    fake_call_free(&c);

    fake_call_init(&c); /* rows that were found are no answer to a call that nobody waits for */
    c.cancel_at_poll = 20;
    assert_int_equal(sample_tree_call(&t, &c, "sqlite_execute",
                                      ON "\"sql\":\"INSERT INTO people(name) " MANY
                                         "SELECT i FROM n RETURNING id\"}"),
                     HANDRAIL_E_CANCELLED);
    assert_string_equal(c.error, "cancelled; nothing was changed");
    fake_call_free(&c);
    sqlite_tree_answers(&t, "SELECT count(*) AS n FROM people", "| n |\n| --- |\n| 3 |");
    sample_tree_remove(&t);
}

static void memory_and_size_are_bounded(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, "");
    sample_tree_refused(&t, "sqlite_query", ON "\"sql\":\"SELECT zeroblob(100000000)\"}",
                        HANDRAIL_E_LIMIT, "larger than 64 MiB");
    sample_tree_refused(&t, "sqlite_query",
                        ON "\"sql\":\"" MANY "SELECT group_concat(x) FROM (SELECT "
                           "randomblob(10000000) AS x FROM n ORDER BY x)\"}",
                        HANDRAIL_E_NOMEM, "256 MiB");
    sqlite_tree_answers(&t, "SELECT count(*) AS n FROM people", "| n |\n| --- |\n| 3 |");
    sample_tree_remove(&t);
}

static void a_lock_is_waited_for(void **state)
{
    struct sample_tree t;
    handrail_call c;

    (void)state;
    sqlite_tree_make(&t, ",\"timeout_ms\":200");
    sqlite3 *other = sqlite_tree_open(&t, "people.db");
    sqlite_tree_exec(other, "BEGIN EXCLUSIVE");
    int64_t start = sample_tree_now_ms();
    sample_tree_refused(&t, "sqlite_query", ON "\"sql\":\"SELECT * FROM people\"}",
                        HANDRAIL_E_UNAVAILABLE, "try again");
    assert_in_range(sample_tree_now_ms() - start, 150, 5000);
    fake_call_init(&c);
    c.cancel_at_poll = 3;
    assert_int_equal(
        sample_tree_call(&t, &c, "sqlite_query", ON "\"sql\":\"SELECT * FROM people\"}"),
        HANDRAIL_E_CANCELLED);
    fake_call_free(&c);
    sqlite_tree_exec(other, "COMMIT");
    sqlite_tree_answers(&t, "SELECT count(*) AS n FROM people", "| n |");
    sqlite3_close(other);
    sample_tree_remove(&t);
}

int sample_sqlite_limits(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(two_long_arguments_take_no_time),
        cmocka_unit_test(our_functions_answer_as_sqlites),
        cmocka_unit_test(rows_end_at_the_limit),
        cmocka_unit_test(bytes_end_at_the_limit),
        cmocka_unit_test(the_host_takes_no_more),
        cmocka_unit_test(time_ends_a_statement),
        cmocka_unit_test(the_hosts_deadline_counts),
        cmocka_unit_test(a_call_can_be_cancelled),
        cmocka_unit_test(memory_and_size_are_bounded),
        cmocka_unit_test(a_lock_is_waited_for),
    };

    return cmocka_run_group_tests_name("sqlite/limits", all, NULL, NULL);
}
