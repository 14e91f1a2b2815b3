/* SPDX-License-Identifier: MIT
 * Memory for one file that is looked at: it only grows, up to a maximum, and goes all at once. */
#ifndef HR_LINT_ARENA_H
#define HR_LINT_ARENA_H

#include <stddef.h>

struct hr_arena {
    struct hr_arena_chunk *chunks; /* the newest first */
    size_t left;                   /* bytes that may still be given out */
};

/* max: bytes in all. */
void hr_arena_init(struct hr_arena *a, size_t max);
void hr_arena_free(struct hr_arena *a);

/* Zeroed memory, aligned for anything.  NULL: over the maximum, or there is none. */
void *hr_arena_alloc(struct hr_arena *a, size_t n);

/* A copy of n bytes and a NUL.  NULL as above. */
char *hr_arena_copy(struct hr_arena *a, const char *data, size_t n);

#endif
