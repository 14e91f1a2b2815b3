/* SPDX-License-Identifier: MIT
 * A folder of databases for sqlite-query, and the groups of its tests. */
#ifndef HR_TESTS_UNIT_SQLITE_TREE_H
#define HR_TESTS_UNIT_SQLITE_TREE_H

#include "sample_tree.h"

#include <sqlite3.h>

/* As sample_tree_make, with a database people.db in it: the table people(id, name, age) of three
 * rows, and its view old. */
void sqlite_tree_make(struct sample_tree *t, const char *more);

/* Open root/name with all rights, and run SQL on it.  The caller closes it. */
sqlite3 *sqlite_tree_open(const struct sample_tree *t, const char *name);
void sqlite_tree_exec(sqlite3 *db, const char *sql);

/* Both, and close it. */
void sqlite_tree_sql(const struct sample_tree *t, const char *name, const char *sql);

/* Hold that sqlite_query on people.db answers text that begins so. */
void sqlite_tree_answers(const struct sample_tree *t, const char *sql, const char *text);

/* The same, of any tool, arguments, and pieces of text and JSON ("" if it does not matter). */
void sqlite_tree_call(const struct sample_tree *t, const char *tool, const char *args,
                      const char *text, const char *json);

/* Each answers how many failed. */
int sample_sqlite_files(void);
int sample_sqlite_guard(void);
int sample_sqlite_limits(void);

#endif
