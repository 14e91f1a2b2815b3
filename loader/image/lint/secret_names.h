/* SPDX-License-Identifier: MIT
 * What tells a secret. */
#ifndef HR_LINT_SECRET_NAMES_H
#define HR_LINT_SECRET_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Does a variable of that name hold a secret? */
bool hr_secret_variable(const char *name);

/* Can this value be one, and not a path, a switch, or a word that stands in for it? */
bool hr_secret_literal(const char *value);

/* Is it the name of a file or folder that holds a secret: ".env", "id_rsa"?  The last part of a
 * path counts, with its folder for those whose own name says little. */
bool hr_secret_file(const char *path);

/* Does a well-known token begin here?  Its bytes, and what it is; 0: no. */
size_t hr_secret_token(const char *p, const char **ret_what);

#endif
