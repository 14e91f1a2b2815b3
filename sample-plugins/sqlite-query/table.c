/* SPDX-License-Identifier: MIT */
#include "table.h"

#include "kit/json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SUMMARY_MAX = 4096 }; /* bytes */

static int add_columns(struct sq_table *t, sqlite3_stmt *stmt)
{
    int n = sqlite3_column_count(stmt);

    for (int i = 0; i < n; i++) {
        const char *name = sqlite3_column_name(stmt, i);
        json_t *v = name ? kit_json_string(name, strlen(name)) : NULL;
        if (!v || json_array_append_new(t->columns, v) < 0)
            return -ENOMEM;
        kit_text_add(&t->text, i ? " | " : "| ", i ? 3 : 2);
        sq_cell_text(&t->text, v);
    }
    for (int i = 0; i < n; i++)
        kit_text_addf(&t->text, "%s", i ? " --- |" : " |\n| --- |");
    kit_text_add(&t->text, "\n", n > 0);
    return t->text.error;
}

int sq_table_start(struct sq_table *t, const struct sq_settings *s, int64_t max_rows,
                   sqlite3_stmt *stmt)
{
    *t = (struct sq_table){
        .settings = s,
        .max_rows = max_rows,
        .text = {.max = (size_t)s->max_result_bytes + SUMMARY_MAX},
        .columns = json_array(),
        .rows = json_array(),
    };
    if (!t->columns || !t->rows)
        return -ENOMEM;
    int rc = add_columns(t, stmt);
    return rc == 0 && t->text.len > (size_t)s->max_result_bytes ? -E2BIG : rc;
}

/* A row as JSON and, in line, as text. */
static json_t *make_row(struct sq_table *t, sqlite3_stmt *stmt, struct kit_text *line)
{
    json_t *row = json_array();

    for (int i = 0; row && i < sqlite3_column_count(stmt); i++) {
        json_t *cell = sq_cell_json(stmt, i, &t->notes);
        if (!cell || json_array_append_new(row, cell) < 0) {
            json_decref(row);
            return NULL;
        }
        kit_text_add(line, i ? " | " : "| ", i ? 3 : 2);
        sq_cell_text(line, cell);
        if (line->error == -E2BIG)
            break;
    }
    kit_text_add(line, " |\n", 3);
    return row;
}

int sq_table_add(struct sq_table *t, sqlite3_stmt *stmt)
{
    size_t room = t->text.max - SUMMARY_MAX - t->text.len;
    struct kit_text line = {.max = room};

    if (t->count == t->max_rows) {
        t->end = SQ_END_ROWS;
        return -E2BIG;
    }
    json_t *row = make_row(t, stmt, &line);
    int rc = row ? line.error : -ENOMEM;
    if (rc == 0) {
        kit_text_add(&t->text, line.data, line.len);
        rc = json_array_append(t->rows, row) < 0 ? -ENOMEM : t->text.error;
    }
    if (rc == 0)
        t->count++;
    else if (rc == -E2BIG)
        t->end = SQ_END_BYTES;
    kit_text_free(&line);
    json_decref(row);
    return rc;
}

static void say_end(struct sq_table *t)
{
    struct kit_text *text = &t->text;

    switch (t->end) {
    case SQ_END_WHOLE: break;
    case SQ_END_ROWS:
        kit_text_addf(text,
                      "; truncated: there are more than max_rows (%lld): narrow it with WHERE, "
                      "count with count(*), or go on with LIMIT and OFFSET",
                      (long long)t->max_rows);
        break;
    case SQ_END_BYTES:
        kit_text_addf(text,
                      "; truncated: one answer holds at most %lld bytes of rows: select fewer "
                      "columns or rows",
                      (long long)t->settings->max_result_bytes);
        break;
    case SQ_END_TIME:
        kit_text_addf(text,
                      "; truncated: out of time after %lld ms: narrow it with WHERE, or use a "
                      "column that has an index",
                      (long long)t->settings->timeout_ms);
        break;
    }
}

static void say_notes(struct sq_table *t)
{
    if (t->notes.cut)
        kit_text_addf(&t->text, "\nText longer than %d bytes is cut: use substr() for the rest.",
                      SQ_CELL_MAX);
    if (t->notes.blob)
        kit_text_addf(&t->text, "\nOf a blob at most %d bytes are shown: use hex(substr()).",
                      SQ_BLOB_MAX);
}

/* Best effort: the text says the same, and the host may take less JSON than this. */
static void send_json(const struct sq_table *t, const struct kit_call *c, int64_t changes)
{
    json_t *all = json_pack("{s:O,s:O,s:I,s:b,s:b}", "columns", t->columns, "rows", t->rows,
                            "row_count", (json_int_t)t->count, "truncated", t->end != SQ_END_WHOLE,
                            "cells_cut", (int)t->notes.cut);
    char *json = NULL;

    if (all && (changes < 0 || json_object_set_new(all, "changes", json_integer(changes)) == 0))
        json = json_dumps(all, JSON_COMPACT);
    if (json)
        (void)c->host->set_json(c->host, c->call, json, strlen(json));
    free(json);
    json_decref(all);
}

handrail_status sq_table_send(struct sq_table *t, const struct kit_call *c, int64_t changes)
{
    if (changes >= 0)
        kit_text_addf(&t->text, "%lld row%s changed", (long long)changes, changes == 1 ? "" : "s");
    if (json_array_size(t->columns) > 0)
        kit_text_addf(&t->text, "%s%lld row%s", changes >= 0 ? ", answers " : "",
                      (long long)t->count, t->count == 1 ? "" : "s");
    else if (changes < 0)
        kit_text_addf(&t->text, "done, without an answer");
    say_end(t);
    say_notes(t);
    if (t->text.error)
        return kit_fail(c, HANDRAIL_E_NOMEM, "out of memory after %lld rows", (long long)t->count);
    handrail_status status = c->host->add_text(c->host, c->call, t->text.data, t->text.len);
    if (status == HANDRAIL_E_LIMIT)
        return kit_fail(c, status,
                        "the answer of %zu bytes is more than the host takes: lower max_rows",
                        t->text.len);
    if (status == HANDRAIL_OK)
        send_json(t, c, changes);
    return status;
}

void sq_table_free(struct sq_table *t)
{
    kit_text_free(&t->text);
    json_decref(t->columns);
    json_decref(t->rows);
    t->columns = t->rows = NULL;
}
