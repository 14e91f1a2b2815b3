/* SPDX-License-Identifier: MIT
 * The arguments of one call. */
#ifndef SQ_ARGS_H
#define SQ_ARGS_H

#include "kit/root.h"
#include "settings.h"
#include <jansson.h>

enum { SQ_SQL_MAX = 100000 }; /* bytes */

enum sq_tool { SQ_QUERY, SQ_EXECUTE, SQ_SCHEMA };

struct sq_args {
    json_t *json;                /* owns what is below */
    char database[KIT_PATH_MAX]; /* below the root */
    const char *sql;             /* NULL for SQ_SCHEMA */
    json_t *parameters;          /* an array or an object of scalars; NULL: none */
    int64_t max_rows;
    bool create; /* a database that is missing */
};

/* JSON Schemas of what sq_args_parse takes, by tool. */
extern const char sq_args_query_schema[];
extern const char sq_args_execute_schema[];
extern const char sq_args_schema_schema[];

/* HANDRAIL_OK, or HANDRAIL_E_INVALID with a reason that says how to mend the call; *ret then holds
 * nothing.  On success the caller ends with sq_args_free. */
handrail_status sq_args_parse(const struct kit_call *c, const struct sq_settings *s,
                              enum sq_tool tool, const char *text, size_t len, struct sq_args *ret);
void sq_args_free(struct sq_args *a);

#endif
