/* SPDX-License-Identifier: MIT
 * How often a backtracking matcher can try a pattern on one line, at most.  It looks at the
 * pattern's text alone and gives up on anything but the simple: most searches are simple, and for
 * them the answer saves the price of counting steps. */
#ifndef WS_EFFORT_H
#define WS_EFFORT_H

#include <stdbool.h>
#include <stddef.h>

struct ws_effort {
    bool bounded;   /* false: the rest means nothing */
    unsigned loops; /* each tries up to as many lengths as the line has bytes */
    double choices; /* combinations of alternatives */
};

struct ws_effort ws_effort_of(const char *pattern);

/* An upper bound of tries on a line of len bytes; HUGE_VAL for an unbounded pattern. */
double ws_effort_tries(const struct ws_effort *e, size_t len);

#endif
