/* SPDX-License-Identifier: MIT
 * Functions of SQLite's in place of its own, which take as long as one argument times the other and
 * cannot be interrupted: these take as long as both together. */
#ifndef SQ_FUNCTIONS_H
#define SQ_FUNCTIONS_H

#include <sqlite3.h>

enum { SQ_TRIM_MAX = 64 }; /* characters that trim() is given to take away */

/* Put them in.  An SQLite result code. */
int sq_functions_set(sqlite3 *handle);

#endif
