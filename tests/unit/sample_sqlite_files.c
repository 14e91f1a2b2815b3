/* SPDX-License-Identifier: MIT
 * sqlite-query and the files of a database: those it cannot write, those a writer left, and several
 * calls on the same. */
#include "check.h"
#include "sqlite_tree.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COPY_MAX = 4 * 1024 * 1024 }; /* bytes of a database */

#define ON   "{\"database\":\"people.db\","
#define MANY "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "

static const char count_left[] =
    "{\"database\":\"left.db\",\"sql\":\"SELECT count(*) FROM people\"}";

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

/* Make left.db, as a writer leaves it that is killed in the middle.  The caller closes the other
 * one, which it was copied from. */
static sqlite3 *leave_journal(const struct sample_tree *t)
{
    sqlite3 *other = sqlite_tree_open(t, "people.db");

    /* Pages that go to the file before the transaction ends leave a journal that is needed. */
    sqlite_tree_exec(other, "PRAGMA cache_size=1; PRAGMA cache_spill=1; BEGIN;"
                            "INSERT INTO people(name) " MANY
                            "SELECT printf('%500d', i) FROM n LIMIT 2000");
    copy_file(t, "people.db", "left.db");
    copy_file(t, "people.db-journal", "left.db-journal");
    return other;
}

static void what_a_writer_left_is_explained(void **state)
{
    struct sample_tree t;

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    sqlite3 *other = leave_journal(&t);
    sample_tree_refused(&t, "sqlite_query", count_left, HANDRAIL_E_FAILED,
                        "a writer of it was interrupted");
    sqlite_tree_call(&t, "sqlite_execute", count_left, "| 3 |", "");
    sqlite_tree_call(&t, "sqlite_query", count_left, "| 3 |", "");
    sqlite3_close(other);
    sample_tree_remove(&t);
}

/* Say at the journal's end that a file has to be looked at before it is used: its name, the sum of
 * its bytes, and what SQLite knows it by. */
static void name_file(const struct sample_tree *t, const char *journal, const char *name)
{
    static const unsigned char magic[] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    unsigned char head[] = {0, 4, 0, 1}; /* the page of the locks, of pages of 4096 bytes */
    unsigned char sizes[8] = {0};
    unsigned sum = 0, len = (unsigned)strlen(name);
    char path[256];

    for (unsigned i = 0; i < len; i++)
        sum += (unsigned)name[i];
    for (unsigned i = 0; i < 4; i++) {
        sizes[i] = (unsigned char)(len >> (24 - 8 * i));
        sizes[4 + i] = (unsigned char)(sum >> (24 - 8 * i));
    }
    (void)snprintf(path, sizeof(path), "%s/%s", t->root, journal);
    FILE *f = fopen(path, "ab");
    assert_non_null(f);
    assert_int_equal(fwrite(head, 1, sizeof(head), f), sizeof(head));
    assert_int_equal(fwrite(name, 1, len, f), len);
    assert_int_equal(fwrite(sizes, 1, sizeof(sizes), f), sizeof(sizes));
    assert_int_equal(fwrite(magic, 1, sizeof(magic), f), sizeof(magic));
    assert_int_equal(fclose(f), 0);
}

static void a_journal_names_no_file_outside(void **state)
{
    struct sample_tree t;
    char victim[256];

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    (void)snprintf(victim, sizeof(victim), "%s/secret.txt", t.outside);
    sqlite3 *other = leave_journal(&t);
    name_file(&t, "left.db-journal", victim);
    sample_tree_refused(&t, "sqlite_execute", count_left, HANDRAIL_E_FAILED,
                        "in a transaction over several databases");
    assert_int_equal(access(victim, F_OK), 0);
    /* SQLite by itself deletes it, so it is the name that was refused. */
    sqlite_tree_sql(&t, "left.db", "SELECT count(*) FROM people");
    assert_int_not_equal(access(victim, F_OK), 0);
    sqlite3_close(other);
    sample_tree_remove(&t);
}

static void *insert(void *arg)
{
    const struct sample_tree *t = arg;
    long failed = 0;

    for (int i = 0; i < 25; i++) {
        handrail_call c;
        fake_call_init(&c);
        failed +=
            fake_host_invoke(t->plugin, t->self, i % 2 ? "sqlite_query" : "sqlite_execute", &c,
                             i % 2 ? ON "\"sql\":\"SELECT * FROM people\"}"
                                   : ON "\"sql\":\"INSERT INTO people(name) VALUES ('x')\"}") !=
            HANDRAIL_OK;
        fake_call_free(&c);
    }
    return (void *)(intptr_t)failed;
}

static void calls_run_side_by_side(void **state)
{
    struct sample_tree t;
    pthread_t threads[4];

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true,\"timeout_ms\":60000");
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, insert, &t), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_int_equal((intptr_t)failed, 0);
    }
    sqlite_tree_answers(&t, "SELECT count(*) AS n FROM people", "| n |\n| --- |\n| 55 |");
    sqlite_tree_answers(&t, "PRAGMA integrity_check", "| integrity_check |\n| --- |\n| ok |");
    sample_tree_remove(&t);
}

/* A call that goes on until it is cancelled. */
struct endless {
    const struct sample_tree *tree;
    const char *tool, *args;
    handrail_call call;
    handrail_status status;
    pthread_t thread;
};

static void *run_endless(void *arg)
{
    struct endless *e = arg;

    e->status = sample_tree_call(e->tree, &e->call, e->tool, e->args);
    return NULL;
}

/* Returns once the statement runs, so its files are open. */
static void start_endless(struct endless *e)
{
    fake_call_init(&e->call);
    assert_int_equal(pthread_create(&e->thread, NULL, run_endless, e), 0);
    while (atomic_load(&e->call.polls) < 20)
        (void)usleep(1000);
}

static void end_endless(struct endless *e)
{
    atomic_store(&e->call.cancel, true);
    pthread_join(e->thread, NULL);
    if (e->status != HANDRAIL_E_CANCELLED)
        fail_msg("status %d: %s", e->status, e->call.error);
    fake_call_free(&e->call);
}

/* The files beside a database are known to SQLite by the name that the first of two calls gave
 * them, which leads elsewhere once that call is over. */
static void the_end_of_a_call_deletes_nothing_elsewhere(void **state)
{
    struct sample_tree t;
    struct endless first = {.tree = &t,
                            .tool = "sqlite_query",
                            .args = "{\"database\":\"wal.db\",\"sql\":\"" MANY
                                    "SELECT count(*) FROM t, n\"}"},
                   second = {.tree = &t,
                             .tool = "sqlite_execute",
                             .args = "{\"database\":\"wal.db\",\"sql\":\"INSERT INTO t " MANY
                                     "SELECT i FROM n\"}"};
    char sub[256], victim[256];
    int reused[32];

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    sqlite_tree_sql(&t, "wal.db",
                    "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t "
                    "VALUES (1)");
    sample_tree_text(&t, "sub/wal.db-shm", "of another database");
    (void)snprintf(sub, sizeof(sub), "%s/sub", t.root);
    (void)snprintf(victim, sizeof(victim), "%s/sub/wal.db-shm", t.root);
    start_endless(&first);
    start_endless(&second);
    end_endless(&first);
    for (size_t i = 0; i < sizeof(reused) / sizeof(reused[0]); i++)
        assert_true((reused[i] = open(sub, O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0);
    end_endless(&second);
    assert_int_equal(access(victim, F_OK), 0);
    for (size_t i = 0; i < sizeof(reused) / sizeof(reused[0]); i++)
        close(reused[i]);
    sample_tree_remove(&t);
}

/* What is kept of the log when it is no longer used must not be taken for a part of the database.
 */
static void a_log_that_is_given_up_is_empty(void **state)
{
    static const char *const statements[] = {"PRAGMA journal_mode=WAL", "UPDATE people SET age = 1",
                                             "PRAGMA journal_mode=DELETE",
                                             "UPDATE people SET age = 2"};
    struct sample_tree t;
    char args[256], path[256];
    struct stat st;

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    (void)snprintf(path, sizeof(path), "%s/people.db-wal", t.root);
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        (void)snprintf(args, sizeof(args), ON "\"sql\":\"%s\"}", statements[i]);
        sqlite_tree_call(&t, "sqlite_execute", args, "", "");
        assert_true(stat(path, &st) < 0 || st.st_size == 0);
    }
    sqlite_tree_answers(&t, "SELECT max(age) AS n FROM people", "| n |\n| --- |\n| 2 |");
    sample_tree_remove(&t);
}

static void a_write_that_fails_is_undone(void **state)
{
    struct sample_tree t;
    struct rlimit before, small;

    (void)state;
    sqlite_tree_make(&t, ",\"writable\":true");
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = (rlim_t)1024 * 1024, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    sample_tree_refused(&t, "sqlite_execute",
                        ON "\"sql\":\"UPDATE people SET name = zeroblob(3000000)\"}",
                        HANDRAIL_E_FAILED, "\"file_mib\" in the \"confinement\"");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    sqlite_tree_answers(&t, "SELECT count(*) AS n FROM people WHERE name <> ''",
                        "| n |\n| --- |\n| 3 |");
    sample_tree_remove(&t);
}

int sample_sqlite_files(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_place_that_is_read_only_is_explained),
        cmocka_unit_test(what_a_writer_left_is_explained),
        cmocka_unit_test(a_journal_names_no_file_outside),
        cmocka_unit_test(calls_run_side_by_side),
        cmocka_unit_test(the_end_of_a_call_deletes_nothing_elsewhere),
        cmocka_unit_test(a_log_that_is_given_up_is_empty),
        cmocka_unit_test(a_write_that_fails_is_undone),
    };

    return cmocka_run_group_tests_name("sqlite/files", all, NULL, NULL);
}
