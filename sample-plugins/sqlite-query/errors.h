/* SPDX-License-Identifier: MIT
 * What went wrong in SQLite, in words that say what to do. */
#ifndef SQ_ERRORS_H
#define SQ_ERRORS_H

#include "db.h"

/* rc: what SQLite answered last on db; the reason is attached to the call. */
handrail_status sq_errors_fail(const struct sq_db *db, int rc);

#endif
