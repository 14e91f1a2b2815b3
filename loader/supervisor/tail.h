/* SPDX-License-Identifier: MIT
 * The end of a service's output: the last HR_TAIL_BYTES of it, for the report of its death.
 *
 * The supervisor's output module adds, the crash report copies.  Memory is inside the struct, and
 * none of it is touched before there is output; an all-zero struct is an empty tail. */
#ifndef HR_SUPERVISOR_TAIL_H
#define HR_SUPERVISOR_TAIL_H

#include <stddef.h>
#include <stdint.h>

enum { HR_TAIL_BYTES = 64 * 1024 };

struct hr_tail {
    uint64_t total; /* bytes since the last reset, those that are gone too */
    char data[HR_TAIL_BYTES];
};

void hr_tail_reset(struct hr_tail *t);
void hr_tail_add(struct hr_tail *t, const char *data, size_t n);

/* Copy the end of what was added, oldest byte first, at most room bytes and no NUL.  What does not
 * begin at the beginning begins with a line, unless one line is all there is.  The bytes copied. */
size_t hr_tail_copy(const struct hr_tail *t, char *out, size_t room);

#endif
