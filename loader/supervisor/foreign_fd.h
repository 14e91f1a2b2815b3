/* SPDX-License-Identifier: MIT
 * Closing what others have handed to us.  The last close of a foreign descriptor can wait: for a
 * peer (SO_LINGER), for a file system that hangs.  PID 1 must not, so a child that inherits it and
 * exits closes it last; an exiting process does not linger, and if it is stuck all the same, it is
 * stuck alone.  Nothing here waits or allocates. */
#ifndef HR_SUPERVISOR_FOREIGN_FD_H
#define HR_SUPERVISOR_FOREIGN_FD_H

#include <stddef.h>

/* Close all of them; those that are -1 are passed over.  All are -1 afterwards. */
void hr_close_foreign(int *fds, size_t n);

/* Close a stream socket of which not everything may have been read: what waits in it can hold
 * descriptors too.  It is -1 afterwards. */
void hr_close_peer(int *fd);

#endif
