/* SPDX-License-Identifier: MIT */
#include "sqlite_tree.h"

#include "check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sqlite3 *sqlite_tree_open(const struct sample_tree *t, const char *name)
{
    char path[256];
    sqlite3 *db = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", t->root, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

void sqlite_tree_exec(sqlite3 *db, const char *sql)
{
    char *error = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", sql, error);
}

void sqlite_tree_sql(const struct sample_tree *t, const char *name, const char *sql)
{
    sqlite3 *db = sqlite_tree_open(t, name);

    sqlite_tree_exec(db, sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void sqlite_tree_make(struct sample_tree *t, const char *more)
{
    sample_tree_make(t, SQLITE_PLUGIN, more);
    sqlite_tree_sql(t, "people.db",
                    "CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INT);"
                    "CREATE INDEX people_age ON people(age);"
                    "CREATE VIEW old AS SELECT name FROM people WHERE age > 60;"
                    "INSERT INTO people VALUES (1, 'Ann', 31), (2, 'Bob', 65), (3, 'Cy', NULL);");
}

void sqlite_tree_answers(const struct sample_tree *t, const char *sql, const char *text)
{
    json_t *args = json_pack("{s:s,s:s}", "database", "people.db", "sql", sql);
    char *json = json_dumps(args, 0);
    handrail_call c;

    assert_non_null(json);
    sample_tree_ok(t, &c, "sqlite_query", json);
    if (strncmp(c.text, text, strlen(text)) != 0)
        fail_msg("%s: answers\n%s", sql, c.text);
    fake_call_free(&c);
    free(json);
    json_decref(args);
}

void sqlite_tree_call(const struct sample_tree *t, const char *tool, const char *args,
                      const char *text, const char *json)
{
    handrail_call c;

    sample_tree_ok(t, &c, tool, args);
    if (!strstr(c.text, text) || !strstr(c.json, json))
        fail_msg("%s: answers\n%s\n%s", args, c.text, c.json);
    fake_call_free(&c);
}
