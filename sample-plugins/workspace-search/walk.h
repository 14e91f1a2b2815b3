/* SPDX-License-Identifier: MIT
 * Every regular file below a start, in the order of its names (bytes), so that two calls give the
 * same answer.  Symbolic links, devices and FIFOs are passed over; so is .git.
 *
 * Only one folder is open at a time: the rest is a stack of paths, so depth costs no descriptors.
 */
#ifndef WS_WALK_H
#define WS_WALK_H

#include "budget.h"
#include "kit/text.h"
#include <stdbool.h>
#include <stddef.h>

enum {
    WS_PENDING_MAX = 32 * 1024 * 1024, /* bytes held by paths still to visit */
    WS_FIRST_ERROR_MAX = 512           /* bytes */
};

struct ws_entry {
    char *path; /* below the root */
    bool is_dir;
};

struct ws_walk {
    int root_fd; /* the caller's */
    const char *glob;
    struct ws_budget *budget;
    struct ws_entry *stack;
    size_t count, cap;
    size_t pending; /* bytes */
    char *current;  /* path of the file handed out last */
    size_t unreadable;
    char first_error[WS_FIRST_ERROR_MAX]; /* "path: reason" of the first unreadable */
};

/* Begin at start, a folder or a file.  0; -ENOENT, -ELOOP (a link on the way), -EISNAM (neither
 * folder nor regular file) or another -errno.  End with ws_walk_free in any case. */
int ws_walk_start(struct ws_walk *w, int root_fd, const char *start, const char *glob,
                  struct ws_budget *b);

/* The next file: 1, its path until the next call, and an open descriptor that the caller closes.
 * 0 at the end or when the budget is spent; -ENOMEM. */
int ws_walk_next(struct ws_walk *w, const char **ret_path, int *ret_fd);

/* Count path as unreadable; the first one is told with its reason. */
void ws_walk_unreadable(struct ws_walk *w, const char *path, int error);

void ws_walk_free(struct ws_walk *w);

#endif
