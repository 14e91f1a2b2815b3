/* SPDX-License-Identifier: MIT
 * The two unix sockets of PID 1 that are found by name: the control socket, which it serves itself,
 * and the probe socket, which the sidecar serves for `handrail probe`.
 *
 * A name is text: "@..." in the abstract namespace, or an absolute path.  Without one in
 * HANDRAIL_CONTROL or HANDRAIL_PROBE it is "@handrail/control/<pid namespace>/<pid of the
 * supervisor>", or the same with "probe": the containers of a pod share the abstract names, but not
 * the pid namespace. */
#ifndef HR_SUPERVISOR_CONTROL_LISTEN_H
#define HR_SUPERVISOR_CONTROL_LISTEN_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HR_CONTROL_PREFIX "@handrail/control/"
#define HR_PROBE_PREFIX   "@handrail/probe/"

enum { HR_CONTROL_NAME_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) }; /* with its NUL */

/* Our pid namespace: the inode of /proc/self/ns/pid, 0 without /proc. */
uint64_t hr_control_namespace(void);

/* The socket of the supervisor with this pid in this pid namespace; prefix: one of the two above.
 */
void hr_control_name(char name[HR_CONTROL_NAME_MAX], const char *prefix, uint64_t space,
                     int64_t pid);

/* The address of a name.  0, -EINVAL for one that is neither form, -ENAMETOOLONG. */
int hr_control_address(const char *name, struct sockaddr_un *ret, socklen_t *ret_len);

/* Listen, at start, on what HANDRAIL_CONTROL or our pid says.  Close-on-exec, non-blocking; a path
 * gets mode 0600, and a socket of ours there that nobody listens on any more is removed first.
 * 0 or -errno; name is written in either case, cut to fit, for messages. */
int hr_control_listen(char name[HR_CONTROL_NAME_MAX], int *ret_fd);

/* The same for HANDRAIL_PROBE, with mode 0666: anybody may ask how the pod is. */
int hr_probe_listen(char name[HR_CONTROL_NAME_MAX], int *ret_fd);

#endif
