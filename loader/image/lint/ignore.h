/* SPDX-License-Identifier: MIT
 * A .dockerignore file: which paths of the build context are left out.  Patterns as Docker has
 * them: "*" and "?" within a part of a path, "**" over parts, [a-z]; "!" brings back; the last one
 * that matches a path or a folder above it decides. */
#ifndef HR_LINT_IGNORE_H
#define HR_LINT_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    HR_IGNORE_MAX = 256 * 1024, /* bytes of a file */
    HR_IGNORE_PATTERN = 1024,   /* bytes of a pattern; a longer one is passed over */
};

struct hr_ignore {
    char *text; /* the patterns, cleaned, each ended by a NUL */
    size_t len;
    bool exceptions; /* there is a "!" */
};

/* Read the patterns of a text.  0 or -ENOMEM.  Free it with hr_ignore_free(). */
int hr_ignore_parse(struct hr_ignore *g, const char *text, size_t n);
void hr_ignore_free(struct hr_ignore *g);

/* Is it left out?  path: relative, without "." parts and without a slash at its end. */
bool hr_ignored(const struct hr_ignore *g, const char *path);

#endif
