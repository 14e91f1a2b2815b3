/* SPDX-License-Identifier: MIT
 * Where the control socket is.  See control_listen.h. */
#include "control_listen.h"

#include "common/fd.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTROL_BACKLOG = 16 };

uint64_t hr_control_namespace(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

void hr_control_name(char name[HR_CONTROL_NAME_MAX], uint64_t space, int64_t pid)
{
    (void)snprintf(name, HR_CONTROL_NAME_MAX, HR_CONTROL_PREFIX "%" PRIu64 "/%" PRId64, space, pid);
}

int hr_control_address(const char *name, struct sockaddr_un *ret, socklen_t *ret_len)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    if ((name[0] != '@' && name[0] != '/') || n < 2)
        return -EINVAL;
    if (n >= sizeof(sa.sun_path))
        return -ENAMETOOLONG;
    memcpy(sa.sun_path, name, n);
    if (name[0] == '@')
        sa.sun_path[0] = '\0';
    else
        n++; /* a path ends with its NUL, an abstract name with its length */
    *ret = sa;
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return 0;
}

/* Is there a socket of ours at this path that nobody listens on?  A container that was killed
 * leaves it behind on a volume. */
static int is_stale(const struct sockaddr_un *sa, socklen_t len)
{
    struct stat st;
    if (lstat(sa->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
        return 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int stale =
        fd >= 0 && connect(fd, (const struct sockaddr *)sa, len) < 0 && errno == ECONNREFUSED;
    hr_close(&fd);
    return stale;
}

static int bind_and_listen(int fd, const struct sockaddr_un *sa, socklen_t len)
{
    if (sa->sun_path[0]) {
        if (is_stale(sa, len) && unlink(sa->sun_path) < 0)
            return -errno;
        /* Before it has a name: Linux gives the file the mode of the socket, so that there is no
         * moment in which others could connect. */
        if (fchmod(fd, 0600) < 0)
            return -errno;
    }
    if (bind(fd, (const struct sockaddr *)sa, len) < 0 || listen(fd, CONTROL_BACKLOG) < 0)
        return -errno;
    return 0;
}

int hr_control_listen(char name[HR_CONTROL_NAME_MAX], int *ret_fd)
{
    struct sockaddr_un sa;
    socklen_t len = 0;
    const char *given = getenv("HANDRAIL_CONTROL");
    if (given && *given)
        (void)snprintf(name, HR_CONTROL_NAME_MAX, "%s", given);
    else
        hr_control_name(name, hr_control_namespace(), getpid());
    int err = hr_control_address(given && *given ? given : name, &sa, &len);
    if (err)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    err = bind_and_listen(fd, &sa, len);
    if (err)
        hr_close(&fd);
    else
        *ret_fd = fd;
    return err;
}
