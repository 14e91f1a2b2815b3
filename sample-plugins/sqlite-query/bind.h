/* SPDX-License-Identifier: MIT
 * The values for a statement's placeholders. */
#ifndef SQ_BIND_H
#define SQ_BIND_H

#include "db.h"

/* Each placeholder gets a value and each value has a placeholder.  parameters may be NULL; they
 * have to outlive stmt.  HANDRAIL_OK, or a negative status with the reason attached. */
handrail_status sq_bind(const struct sq_db *db, sqlite3_stmt *stmt, json_t *parameters);

#endif
