/* SPDX-License-Identifier: MIT
 * sqlite_schema: asked of SQLite's own PRAGMAs, table by table, so that a view that has become
 * invalid does not hide the rest. */
#include "cell.h"
#include "db.h"
#include "errors.h"
#include "query.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SUMMARY_MAX = 4096 }; /* bytes */

/* What is asked of each table, and where the answer goes. */
enum { COLUMNS, KEYS, INDEXES, QUESTIONS };
static const struct {
    const char *member, *sql,
        *line; /* line: columns of the answer, of which those NULL are left out */
} questions[QUESTIONS] = {
    [COLUMNS] = {"columns",
                 "SELECT name, nullif(type, '') AS type, "
                 "CASE WHEN \"notnull\" THEN 'not null' END AS not_null, "
                 "'default ' || dflt_value AS \"default\", "
                 "CASE WHEN pk THEN 'primary key' END AS primary_key, "
                 "CASE hidden WHEN 1 THEN 'hidden' WHEN 2 THEN 'generated' WHEN 3 THEN "
                 "'generated, stored' END AS kind FROM pragma_table_xinfo(?1)",
                 "  "},
    [KEYS] = {"foreign_keys",
              "SELECT group_concat(\"from\", ', ') AS columns, 'references ' || \"table\" AS "
              "target, '(' || group_concat(\"to\", ', ') || ')' AS target_columns "
              "FROM pragma_foreign_key_list(?1) GROUP BY id ORDER BY id",
              "  foreign key "},
    [INDEXES] = {"indexes",
                 "SELECT l.name AS name, CASE WHEN l.\"unique\" THEN 'unique' END AS \"unique\", "
                 "'(' || (SELECT group_concat(coalesce(i.name, 'an expression'), ', ') FROM "
                 "pragma_index_info(l.name) AS i) || ')' AS columns, "
                 "CASE WHEN l.partial THEN 'partial' END AS kind "
                 "FROM pragma_index_list(?1) AS l ORDER BY l.name",
                 "  index "},
};

struct list {
    struct sq_db *db;
    const struct sq_settings *settings;
    sqlite3_stmt *ask[QUESTIONS];
    struct kit_text text;
    json_t *tables;
    struct sq_cell_notes notes;
    int64_t left_out;
};

/* One line of an answer.  NULL without memory. */
static json_t *take_row(struct list *l, sqlite3_stmt *stmt, const char *start)
{
    json_t *row = json_object();
    const char *sep = start;

    for (int i = 0; row && i < sqlite3_column_count(stmt); i++) {
        if (sqlite3_column_type(stmt, i) == SQLITE_NULL)
            continue;
        json_t *cell = sq_cell_json(stmt, i, &l->notes);
        const char *name = sqlite3_column_name(stmt, i);
        kit_text_add(&l->text, sep, strlen(sep));
        if (cell)
            sq_cell_text(&l->text, cell);
        if (!cell || !name || json_object_set(row, name, cell) < 0) {
            json_decref(row);
            row = NULL;
        }
        json_decref(cell);
        sep = " ";
    }
    kit_text_add(&l->text, "\n", 1);
    return row;
}

/* Ask one question about a table.  An SQLite result code; what is wrong with the table itself is
 * noted and no failure. */
static int ask(struct list *l, int question, const char *name, json_t *table)
{
    sqlite3_stmt *stmt = l->ask[question];
    json_t *rows = json_array();
    int rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);

    while (rows && rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = json_array_append_new(rows, take_row(l, stmt, questions[question].line)) < 0
                 ? SQLITE_NOMEM
                 : SQLITE_OK;
    if (rc == SQLITE_ERROR) {
        kit_text_add(&l->text, "  invalid: ", 11);
        kit_text_add_clean(&l->text, sqlite3_errmsg(l->db->handle),
                           strlen(sqlite3_errmsg(l->db->handle)));
        kit_text_add(&l->text, "\n", 1);
        rc = SQLITE_DONE;
    }
    (void)sqlite3_reset(stmt);
    if (!rows || json_object_set_new(table, questions[question].member, rows) < 0)
        return SQLITE_NOMEM;
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Add the table or view that stmt is at. */
static int add_table(struct list *l, sqlite3_stmt *stmt)
{
    size_t before = l->text.len;
    const char *name = (const char *)sqlite3_column_text(stmt, 1);
    json_t *table = json_object();
    int rc = SQLITE_OK;

    for (int i = 0; i < 2 && table; i++) { /* its type, its name */
        json_t *cell = sq_cell_json(stmt, i, &l->notes);
        if (cell && i)
            kit_text_add(&l->text, " ", 1);
        if (cell)
            sq_cell_text(&l->text, cell);
        if (json_object_set_new(table, i ? "name" : "type", cell) < 0)
            rc = SQLITE_NOMEM;
    }
    kit_text_add(&l->text, "\n", 1);
    for (int i = 0; i < QUESTIONS && name && table && rc == SQLITE_OK; i++)
        rc = ask(l, i, name, table);
    if (!name || !table || l->text.error == -ENOMEM)
        rc = SQLITE_NOMEM;
    if (rc == SQLITE_OK && (l->text.error || l->text.len > (size_t)l->settings->max_result_bytes)) {
        l->text.len = before; /* not half a table */
        l->text.error = 0;
        l->left_out++;
    } else if (rc == SQLITE_OK && json_array_append(l->tables, table) < 0) {
        rc = SQLITE_NOMEM;
    }
    json_decref(table);
    return rc;
}

static int add_tables(struct list *l)
{
    static const char tables[] = "SELECT type, name FROM sqlite_master WHERE type IN ('table', "
                                 "'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_OK;

    for (int i = 0; i < QUESTIONS && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v2(l->db->handle, questions[i].sql, -1, &l->ask[i], NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(l->db->handle, tables, -1, &stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        if (l->left_out > 0)
            l->left_out++;
        else
            rc = add_table(l, stmt);
    }
    sqlite3_finalize(stmt);
    for (int i = 0; i < QUESTIONS; i++)
        sqlite3_finalize(l->ask[i]);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static handrail_status send(struct list *l)
{
    const struct kit_call *c = &l->db->watch->call;
    size_t n = json_array_size(l->tables);
    json_t *all = json_pack("{s:O,s:b}", "tables", l->tables, "truncated", l->left_out > 0);
    char *json = all ? json_dumps(all, JSON_COMPACT) : NULL;

    kit_text_addf(&l->text, "%zu table%s and view%s", n, n == 1 ? "" : "s", n == 1 ? "" : "s");
    if (l->left_out)
        kit_text_addf(&l->text,
                      "; truncated: %lld more do not fit: list their names with SELECT name FROM "
                      "sqlite_master",
                      (long long)l->left_out);
    handrail_status status = l->text.error
                                 ? HANDRAIL_E_NOMEM
                                 : c->host->add_text(c->host, c->call, l->text.data, l->text.len);
    if (status < 0)
        (void)kit_fail(c, status, "the list of %zu bytes is more than the host takes", l->text.len);
    else if (json)
        (void)c->host->set_json(c->host, c->call, json, strlen(json));
    free(json);
    json_decref(all);
    return status;
}

handrail_status sq_schema(const struct kit_call *c, const struct sq_settings *s,
                          const struct sq_args *a)
{
    struct kit_watch watch;
    struct sq_db db;
    struct list l = {.db = &db,
                     .settings = s,
                     .text = {.max = (size_t)s->max_result_bytes + SUMMARY_MAX},
                     .tables = json_array()};

    kit_watch_start(&watch, c, s->timeout_ms);
    handrail_status status = sq_db_open(&db, s, a, false, &watch);
    if (status == HANDRAIL_OK) {
        int rc = l.tables ? add_tables(&l) : SQLITE_NOMEM;
        status = rc == SQLITE_OK ? send(&l) : sq_errors_fail(&db, rc);
    }
    kit_text_free(&l.text);
    json_decref(l.tables);
    sq_db_close(&db);
    return status;
}
