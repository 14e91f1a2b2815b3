/* SPDX-License-Identifier: MIT
 * Where the unix sockets of PID 1 are.  See control_listen.h. */
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

struct place {
    const char *variable;
    const char *prefix;
    mode_t mode; /* of a path */
    int backlog;
};

static const struct place control_place = {"HANDRAIL_CONTROL", HR_CONTROL_PREFIX, 0600, 16};
/* Probes that came while the sidecar is restarted wait in the queue. */
static const struct place probe_place = {"HANDRAIL_PROBE", HR_PROBE_PREFIX, 0666, 128};

uint64_t hr_control_namespace(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

void hr_control_name(char name[HR_CONTROL_NAME_MAX], const char *prefix, uint64_t space,
                     int64_t pid)
{
    (void)snprintf(name, HR_CONTROL_NAME_MAX, "%s%" PRIu64 "/%" PRId64, prefix, space, pid);
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

static int bind_and_listen(int fd, const struct place *place, const struct sockaddr_un *sa,
                           socklen_t len)
{
    if (sa->sun_path[0]) {
        if (is_stale(sa, len) && unlink(sa->sun_path) < 0)
            return -errno;
        /* Before it has a name: Linux gives the file the mode of the socket, so that there is no
         * moment in which others could connect. */
        if (fchmod(fd, place->mode) < 0)
            return -errno;
    }
    mode_t mask = umask(0); /* or it would take from that mode */
    int err = bind(fd, (const struct sockaddr *)sa, len) < 0 ? -errno : 0;
    (void)umask(mask);
    return !err && listen(fd, place->backlog) < 0 ? -errno : err;
}

static int listen_at(const struct place *place, char name[HR_CONTROL_NAME_MAX], int *ret_fd)
{
    struct sockaddr_un sa;
    socklen_t len = 0;
    const char *given = getenv(place->variable);
    if (given && *given)
        (void)snprintf(name, HR_CONTROL_NAME_MAX, "%s", given);
    else
        hr_control_name(name, place->prefix, hr_control_namespace(), getpid());
    int err = hr_control_address(given && *given ? given : name, &sa, &len);
    if (err)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    err = bind_and_listen(fd, place, &sa, len);
    if (err)
        hr_close(&fd);
    else
        *ret_fd = fd;
    return err;
}

int hr_control_listen(char name[HR_CONTROL_NAME_MAX], int *ret_fd)
{
    return listen_at(&control_place, name, ret_fd);
}

int hr_probe_listen(char name[HR_CONTROL_NAME_MAX], int *ret_fd)
{
    return listen_at(&probe_place, name, ret_fd);
}
