/* SPDX-License-Identifier: MIT
 * Listening sockets.  PID 1 opens each once and keeps it, so a program behind it can be restarted
 * without a refused connection.  All are non-blocking and close-on-exec. */
#ifndef HR_SUPERVISOR_LISTEN_H
#define HR_SUPERVISOR_LISTEN_H

#include "loader/config/address.h"

enum { HR_ABSTRACT_NAME_MAX = 48 }; /* bytes of an abstract address after its leading NUL */

/* A TCP listener.  On success *address holds the port that was really bound.  0 or -errno. */
int hr_listen_tcp(struct hr_address *address, int *ret_fd);

/* A unix stream listener in the abstract namespace, under a random name that is written to `name`
 * as text.  0 or -errno. */
int hr_listen_abstract(char name[HR_ABSTRACT_NAME_MAX], int *ret_fd);

#endif
