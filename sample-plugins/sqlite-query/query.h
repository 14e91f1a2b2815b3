/* SPDX-License-Identifier: MIT
 * The tools: one statement, and what tables there are. */
#ifndef SQ_QUERY_H
#define SQ_QUERY_H

#include "args.h"
#include "settings.h"

/* Run a->sql and answer its rows; writes: it may change the database.  HANDRAIL_OK, or a negative
 * status with the reason attached. */
handrail_status sq_query(const struct kit_call *c, const struct sq_settings *s,
                         const struct sq_args *a, bool writes);

/* Answer the tables and views of a->database with their columns. */
handrail_status sq_schema(const struct kit_call *c, const struct sq_settings *s,
                          const struct sq_args *a);

#endif
