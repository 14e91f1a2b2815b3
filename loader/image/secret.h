/* SPDX-License-Identifier: MIT
 * What tells a secret, in a Dockerfile or a sandbox specification. */
#ifndef HR_IMAGE_SECRET_H
#define HR_IMAGE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Does a variable of that name hold a secret? */
bool hr_secret_variable(const char *name);

/* Can this value be one, and not a path, a switch, or a word that stands in for it? */
bool hr_secret_literal(const char *value);

/* Does a well-known token begin here?  Its bytes, and what it is; 0: no. */
size_t hr_secret_token(const char *p, const char **ret_what);

#endif
