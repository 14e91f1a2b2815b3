/* SPDX-License-Identifier: MIT
 * Where sqlite-query stops: rows, bytes, time, memory, other people's locks, files that it cannot
 * write, and when it is told to. */
#include "check.h"
#include "sqlite_tree.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ON   "{\"database\":\"people.db\","
#define MANY "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "

enum { COPY_MAX = 4 * 1024 * 1024 }; /* bytes of a database */

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

struct reader {
    const struct sample_tree *tree;
    handrail_call wal, write, read;
    handrail_status wal_status, write_status, read_status;
};

/* In a thread that has no right to write: the files are root's, and others may only read them. */
static void *as_nobody(void *arg)
{
    struct reader *r = arg;

    if (geteuid() == 0)
        (void)syscall(SYS_setfsuid, 65534);
    r->wal_status = sample_tree_call(r->tree, &r->wal, "sqlite_query",
                                     "{\"database\":\"wal.db\",\"sql\":\"SELECT * FROM t\"}");
    r->write_status = sample_tree_call(r->tree, &r->write, "sqlite_execute",
                                       ON "\"sql\":\"DELETE FROM people\"}");
    r->read_status = sample_tree_call(r->tree, &r->read, "sqlite_query",
                                      ON "\"sql\":\"SELECT name FROM people\"}");
    return NULL;
}

static void check_reader(struct reader *r)
{
    assert_int_equal(r->wal_status, HANDRAIL_E_FAILED);
    assert_non_null(strstr(r->wal.error, "it is in WAL mode, and what cannot be written there"));
    assert_int_equal(r->write_status, HANDRAIL_E_DENIED);
    assert_non_null(strstr(r->write.error, "the file cannot be written: check its permissions"));
    assert_int_equal(r->read_status, HANDRAIL_OK);
    assert_non_null(strstr(r->read.text, "| Cy |"));
    fake_call_free(&r->wal);
    fake_call_free(&r->write);
    fake_call_free(&r->read);
}

static void a_place_that_is_read_only_is_explained(void **state)
{
    struct sample_tree t;
    struct reader r = {.tree = &t};
    char path[256];
    pthread_t thread;

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    sqlite_tree_sql(&t, "wal.db", "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", t.root, i ? "wal.db" : "people.db");
        assert_int_equal(chmod(path, 0444), 0);
    }
    assert_int_equal(chmod(t.base, 0755), 0);
    assert_int_equal(chmod(t.root, 0555), 0);
    fake_call_init(&r.wal);
    fake_call_init(&r.write);
    fake_call_init(&r.read);
    assert_int_equal(pthread_create(&thread, NULL, as_nobody, &r), 0);
    pthread_join(thread, NULL);
    assert_int_equal(chmod(t.root, 0755), 0);
    check_reader(&r);
    sqlite_tree_call(&t, "sqlite_query", "{\"database\":\"wal.db\",\"sql\":\"SELECT * FROM t\"}",
                     "0 rows", "");
    sample_tree_remove(&t);
}

/* Copy what another process would find if the writer died now. */
static void copy_file(const struct sample_tree *t, const char *from, const char *to)
{
    char path[256], *data = malloc(COPY_MAX);

    (void)snprintf(path, sizeof(path), "%s/%s", t->root, from);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_non_null(data);
    size_t n = fread(data, 1, COPY_MAX, f);
    assert_in_range(n, 1, COPY_MAX - 1);
    (void)fclose(f);
    sample_tree_write(t, to, data, n);
    free(data);
}

static void what_a_writer_left_is_explained(void **state)
{
    static const char count[] =
        "{\"database\":\"left.db\",\"sql\":\"SELECT count(*) FROM people\"}";
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    sqlite3 *other = sqlite_tree_open(&t, "people.db");
    /* Pages that go to the file before the transaction ends leave a journal that is needed. */
    sqlite_tree_exec(other, "PRAGMA cache_size=1; PRAGMA cache_spill=1; BEGIN;"
                            "INSERT INTO people(name) " MANY
                            "SELECT printf('%500d', i) FROM n LIMIT 2000");
    copy_file(&t, "people.db", "left.db");
    copy_file(&t, "people.db-journal", "left.db-journal");
    sample_tree_refused(&t, "sqlite_query", count, HANDRAIL_E_FAILED,
                        "a writer of it was interrupted");
    sqlite_tree_call(&t, "sqlite_execute", count, "| 3 |", "");
    sqlite_tree_call(&t, "sqlite_query", count, "| 3 |", "");
    sqlite3_close(other);
    sample_tree_remove(&t);
}

int sample_sqlite_limits(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(rows_end_at_the_limit),
        cmocka_unit_test(bytes_end_at_the_limit),
        cmocka_unit_test(the_host_takes_no_more),
        cmocka_unit_test(time_ends_a_statement),
        cmocka_unit_test(the_hosts_deadline_counts),
        cmocka_unit_test(a_call_can_be_cancelled),
        cmocka_unit_test(memory_and_size_are_bounded),
        cmocka_unit_test(a_lock_is_waited_for),
        cmocka_unit_test(a_place_that_is_read_only_is_explained),
        cmocka_unit_test(what_a_writer_left_is_explained),
    };

    return cmocka_run_group_tests_name("sqlite/limits", all, NULL, NULL);
}
