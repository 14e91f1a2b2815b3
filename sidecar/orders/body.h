/* SPDX-License-Identifier: MIT
 * The body of an accepted POST /api/init, as it comes with an order: in memory of its own that is
 * in no core dump, as far as the limits allow not swapped out, and wiped when it is given up.
 * Called by the orders; the struct is the caller's. */
#ifndef HR_SIDECAR_ORDERS_BODY_H
#define HR_SIDECAR_ORDERS_BODY_H

#include <stddef.h>

enum { HR_BODY_MAX = 256 * 1024 }; /* bytes */

struct hr_body {
    char *data;    /* NULL: nothing is held, or a body of no bytes */
    size_t len;    /* bytes */
    size_t mapped; /* bytes */
};

/* Take the body out of a pipe that holds all of it already, without waiting.  The descriptor stays
 * the caller's.  0, -EBADF if it is no pipe, -E2BIG over HR_BODY_MAX, or -errno. */
int hr_body_read(int fd, struct hr_body *ret);

/* Wipe it and give the memory back.  One that holds nothing is fine. */
void hr_body_wipe(struct hr_body *body);

#endif
