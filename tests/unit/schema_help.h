/* SPDX-License-Identifier: MIT
 * What the tests of the schema validator share.  JSON is written with ' for ". */
#ifndef HR_TESTS_UNIT_SCHEMA_HELP_H
#define HR_TESTS_UNIT_SCHEMA_HELP_H

#include "common/buf.h"
#include "common/schema/schema.h"

/* The JSON, which is the caller's. */
json_t *quoted(const char *text);

/* A schema that compiles. */
struct hr_schema *compiled(const char *schema, const struct hr_schema_limits *limits);

/* Compile and validate; the result is hr_schema_validate()'s, and what it said is in report until
 * the next call. */
int check_json(const char *schema, const json_t *instance);
int check_text(const char *schema, const char *instance);
extern char report[8192];

/* A string of n bytes c, then tail. */
json_t *long_string(size_t n, char c, const char *tail);

#endif
