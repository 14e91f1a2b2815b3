/* SPDX-License-Identifier: MIT
 * Who holds a port: an answer from it proves nothing about the server if another program gives it,
 * such as a child that outlived the server before. */
#ifndef HR_SIDECAR_CHECKS_PORT_H
#define HR_SIDECAR_CHECKS_PORT_H

#include <stdbool.h>
#include <sys/types.h>

/* Is every process that listens on this TCP port, as far as we may look, older than the process
 * `server`, and so neither it nor a descendant of its?  True if that process is gone.  False also
 * if nobody is seen to listen: /proc may be missing, or hide the processes of other users.  Some
 * 0.1 ms if it is the server itself; else it reads much of /proc, which is milliseconds. */
bool hr_port_is_foreign(int port, pid_t server);

#endif
