/* SPDX-License-Identifier: MIT */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The next component of *path, its length in *len; NULL at the end. */
static const char *next_component(const char **path, size_t *len)
{
    const char *start = *path + strspn(*path, "/");

    *len = strcspn(start, "/");
    *path = start + *len;
    return *len ? start : NULL;
}

bool kit_root_has_dotdot(const char *path)
{
    size_t len;

    for (const char *c = next_component(&path, &len); c; c = next_component(&path, &len))
        if (len == 2 && c[0] == '.' && c[1] == '.')
            return true;
    return false;
}

/* What follows root in an absolute path, or NULL if it lies elsewhere. */
static const char *below(const char *root, const char *path)
{
    size_t n = strlen(root);

    if (strncmp(path, root, n) != 0)
        return NULL;
    return n == 1 || path[n] == '/' || path[n] == '\0' ? path + n : NULL;
}

int kit_root_relative(const char *root, const char *path, char ret[KIT_PATH_MAX])
{
    char out[KIT_PATH_MAX];
    size_t used = 0, len;

    if (kit_root_has_dotdot(path))
        return -EXDEV;
    if (path[0] == '/')
        path = below(root, path);
    if (!path)
        return -EXDEV;
    for (const char *c = next_component(&path, &len); c; c = next_component(&path, &len)) {
        if (len == 1 && c[0] == '.')
            continue;
        if (used + len + 2 > sizeof(out))
            return -ENAMETOOLONG;
        if (used)
            out[used++] = '/';
        memcpy(out + used, c, len);
        used += len;
    }
    if (used == 0)
        out[used++] = '.';
    memcpy(ret, out, used);
    ret[used] = '\0';
    return 0;
}

int kit_root_open(const char *root, int *ret_fd)
{
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

/* One step of the walk below.  A link is refused as openat2 refuses it: without that, O_PATH would
 * open the link itself, and O_DIRECTORY would call it no folder. */
static int open_component(int dir_fd, const char *name, int flags)
{
    struct stat st;
    int fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
    int error = errno;

    if (fd >= 0 && (!(flags & O_PATH) || fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode)))
        return fd;
    if (fd >= 0) {
        close(fd);
        return -ELOOP;
    }
    if (error == ENOTDIR && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(st.st_mode))
        error = ELOOP;
    return -error;
}

/* For kernels without openat2 (before 5.6) and sandboxes that forbid it: one component after the
 * other, each relative to the folder before it. */
static int open_by_steps(int root_fd, const char *rel, int flags)
{
    char name[KIT_PATH_MAX];
    int dir_fd = root_fd;
    bool last = false;
    size_t len;

    if (strlen(rel) >= sizeof(name))
        return -ENAMETOOLONG;
    while (!last) {
        const char *c = next_component(&rel, &len);
        if (!c)
            return -ENOENT; /* an empty path */
        last = rel[strspn(rel, "/")] == '\0';
        memcpy(name, c, len);
        name[len] = '\0';
        int fd = open_component(dir_fd, name, last ? flags : O_PATH | O_DIRECTORY);
        if (dir_fd != root_fd)
            close(dir_fd);
        if (fd < 0)
            return fd;
        dir_fd = fd;
    }
    return dir_fd;
}

int kit_root_open_below(int root_fd, const char *rel, int flags, int *ret_fd)
{
    flags |= flags & O_PATH ? O_CLOEXEC : O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    struct open_how how = {.flags = (unsigned int)flags,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, root_fd, rel, &how, sizeof(how));

    if (fd < 0)
        fd = -errno;
    if (fd == -ENOSYS || fd == -EPERM)
        fd = open_by_steps(root_fd, rel, flags);
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}
