/* SPDX-License-Identifier: MIT
 * Lines out of a stream of bytes, however it is cut into pieces.
 *
 * Bytes are added as they come; lines are taken when there is time for them, so whoever cannot go
 * on leaves the rest here and adds no more.  What is kept is never more than a line of the largest
 * size and one piece: of a line that is too long nothing is kept but that it is. */
#ifndef HR_SIDECAR_MCP_LINES_H
#define HR_SIDECAR_MCP_LINES_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { HR_LINES_PIECE_MAX = 64 * 1024 }; /* bytes that may be added at once */

struct hr_lines {
    struct hr_buf buf;
    size_t max;    /* bytes of a line, without its newline */
    size_t start;  /* of the first line that was not taken */
    size_t looked; /* bytes from there on that have no newline */
    bool skipping; /* what comes first is the rest of a line that is too long */
};

void hr_lines_init(struct hr_lines *l, size_t max);
void hr_lines_free(struct hr_lines *l);

/* Add what was read, at most HR_LINES_PIECE_MAX bytes, after every whole line was taken.
 * 0 or -ENOMEM. */
int hr_lines_add(struct hr_lines *l, const char *data, size_t n);

/* Take a line: 1 and it is in *ret (without its newline; borrowed until the next call of any of
 * these), 0 if there is no whole one, or -EMSGSIZE, once, for one that is too long. */
int hr_lines_next(struct hr_lines *l, const char **ret, size_t *ret_len);

/* There is no more to come: take what is left, a line without its newline.  1 or 0. */
int hr_lines_rest(struct hr_lines *l, const char **ret, size_t *ret_len);

#endif
