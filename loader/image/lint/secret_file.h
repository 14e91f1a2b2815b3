/* SPDX-License-Identifier: MIT
 * Which files hold secrets. */
#ifndef HR_LINT_SECRET_FILE_H
#define HR_LINT_SECRET_FILE_H

#include <stdbool.h>

/* Is it the name of a file or folder that holds a secret: ".env", "id_rsa"?  The last part of a
 * path counts, with its folder for those whose own name says little. */
bool hr_secret_file(const char *path);

/* And is it one of those that as often hold none: ".npmrc", ".env"? */
bool hr_settings_file(const char *path);

#endif
