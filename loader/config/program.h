/* SPDX-License-Identifier: MIT
 * Programs by name: where one lies on PATH, and where we lie ourselves.  Start-up only. */
#ifndef HR_CONFIG_PROGRAM_H
#define HR_CONFIG_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* Is this a file that we may execute?  Folders are not. */
bool hr_program_is_executable(const char *path);

/* The file that exec would run for `name`: the name itself if it has a slash, else the first
 * "<folder of PATH>/<name><suffix>" that can be executed.  The path is allocated.
 * 0, -ENOENT or -ENOMEM. */
int hr_program_find(const char *name, const char *suffix, char **ret_path);

/* Is the program at `path` this very one? */
bool hr_program_is_self(const char *path);

/* The folder of our own file, without a slash at its end; empty if it cannot be told. */
void hr_program_own_folder(char *out, size_t size);

#endif
