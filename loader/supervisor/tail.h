/* SPDX-License-Identifier: MIT
 * The end of a service's output: the last HR_TAIL_BYTES of it, for the report of its death.
 *
 * The supervisor's output module adds what it reads from the service's streams, and the crash
 * report copies it.  Streams take turns, in the middle of a line too, so in the middle of a secret.
 * Whose each turn was is kept, and secrets are looked for in what one stream says by itself.
 *
 * Memory is inside the struct, and none of it is touched before there is output; an all-zero struct
 * is an empty tail. */
#ifndef HR_SUPERVISOR_TAIL_H
#define HR_SUPERVISOR_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_TAIL_BYTES = 64 * 1024,
    HR_TAIL_STREAMS = 2,
    HR_TAIL_TURNS = 2048, /* what is older than that many is not copied */
};

struct hr_tail {
    uint64_t total; /* bytes since the last reset, those that are gone too */
    uint64_t turns; /* since then */
    bool ended;     /* what comes next is another turn, whosever it is */
    uint8_t turn_stream[HR_TAIL_TURNS];
    uint64_t turn_from[HR_TAIL_TURNS]; /* its first byte, counted as in total */
    char data[HR_TAIL_BYTES];
};

void hr_tail_reset(struct hr_tail *t);

/* stream: below HR_TAIL_STREAMS. */
void hr_tail_add(struct hr_tail *t, unsigned stream, const char *data, size_t n);

/* An unfinished line will not go on. */
void hr_tail_end(struct hr_tail *t);

/* Copy the end of what was added, oldest byte first, secrets masked, at most room bytes and no NUL.
 * What does not begin at the beginning begins with a line, unless one line is all there is.  Each
 * turn begins a line; a line that another turn has interrupted goes on in a line of its own.
 * The bytes copied; *ret_lost: those before what they stand for. */
size_t hr_tail_copy(const struct hr_tail *t, char *out, size_t room, uint64_t *ret_lost);

#endif
