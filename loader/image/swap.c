/* SPDX-License-Identifier: MIT
 * Putting handrail into a server's place.  See swap.h. */
#include "swap.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1) /* of linux/fs.h; not every libc has it */
#endif

static bool with_suffix(const char *path, const char *suffix, char out[PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s%s", path, suffix) < PATH_MAX;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* 0 too if there is nothing. */
static int remove_file(const char *path)
{
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Put a link there, over whatever is. */
static int put_link(const char *target, const char *path)
{
    char making[PATH_MAX];
    if (!with_suffix(path, HR_MAKING_SUFFIX, making))
        return -ENAMETOOLONG;
    int err = remove_file(making); /* of one that was killed */
    if (!err && (symlink(target, making) < 0 || rename(making, path) < 0)) {
        err = -errno;
        (void)remove_file(making);
    }
    return err;
}

/* The same with a file. */
static int put_file(const char *text, const char *path)
{
    char making[PATH_MAX];
    if (!with_suffix(path, HR_MAKING_SUFFIX, making))
        return -ENAMETOOLONG;
    int err = remove_file(making);
    if (err)
        return err;
    int fd = open(making, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    err = hr_write_all(fd, text, strlen(text));
    if (!err && (fchmod(fd, 0644) < 0 || rename(making, path) < 0))
        err = -errno;
    hr_close(&fd);
    if (err)
        (void)remove_file(making);
    return err;
}

/* ---- a program ------------------------------------------------------------------------------- */

/* The link is made aside, then the two change names in one step. */
static int exchange(const char *handrail, const char *path, const char *real)
{
    if (symlink(handrail, real) < 0)
        return -errno;
    if (syscall(SYS_renameat2, AT_FDCWD, real, AT_FDCWD, path, RENAME_EXCHANGE) == 0)
        return 0;
    int err = -errno;
    (void)remove_file(real);
    return err;
}

/* For file systems (NFS) and kernels that cannot do that: a second name for the server, then the
 * link over the first. */
static int link_and_replace(const char *handrail, const char *path, const char *real)
{
    if (link(path, real) < 0) /* of a link, as the server may be: the link itself */
        return -errno;
    int err = put_link(handrail, path);
    if (err)
        (void)remove_file(real);
    return err;
}

static int program_in(const struct hr_site_search *s, const struct hr_site *site, const char *real)
{
    int err = 0;
    switch (site->state) {
    case HR_SITE_INSTALLED: return 0;
    case HR_SITE_OTHER:
    case HR_SITE_EMPTY: return put_link(s->handrail, site->path);
    case HR_SITE_HALF: err = remove_file(real); break; /* all that is in it is in its place, too */
    case HR_SITE_PLAIN: break;
    default: return -EINVAL;
    }
    if (!err && exchange(s->handrail, site->path, real))
        err = link_and_replace(s->handrail, site->path, real);
    return err;
}

/* What a process that was killed has left: of what it was making. */
static int remove_making(const char *path)
{
    char making[PATH_MAX];
    return with_suffix(path, HR_MAKING_SUFFIX, making) ? remove_file(making) : 0;
}

static int program_out(const struct hr_site *site, const char *real)
{
    char version[PATH_MAX];
    int err = 0;
    switch (site->state) {
    case HR_SITE_PLAIN: break;
    case HR_SITE_HALF: err = remove_file(real); break;
    case HR_SITE_INSTALLED:
    case HR_SITE_OTHER:
    case HR_SITE_EMPTY: err = rename(real, site->path) < 0 ? -errno : 0; break;
    default: return -EINVAL;
    }
    if (!err && with_suffix(real, HR_VERSION_SUFFIX, version))
        err = remove_file(version);
    return err;
}

/* ---- a python -------------------------------------------------------------------------------- */

static int python_in(const struct hr_site_search *s, const struct hr_site *site)
{
    char text[4 * 1024 + PATH_MAX];
    if (site->state == HR_SITE_INSTALLED)
        return 0;
    if (site->state == HR_SITE_UNUSABLE || !hr_site_hook(s->handrail, text, sizeof(text)))
        return -EINVAL;
    return put_file(text, site->path);
}

static int python_out(const struct hr_site *site)
{
    return site->state == HR_SITE_UNUSABLE ? -EINVAL : remove_file(site->path);
}

/* ---- both ------------------------------------------------------------------------------------ */

static int finish(const struct hr_site_search *s, struct hr_site *site, const char *real, int err)
{
    char version[PATH_MAX];
    if (!err)
        err = remove_making(site->path);
    if (!err && with_suffix(real, HR_VERSION_SUFFIX, version))
        err = remove_making(version);
    if (!err)
        hr_site_look(s, site);
    return err;
}

int hr_swap_in(const struct hr_site_search *s, struct hr_site *site)
{
    char real[PATH_MAX];
    if (!hr_site_real(site, real))
        return -ENAMETOOLONG;
    int err = site->kind == HR_SITE_PROGRAM ? program_in(s, site, real) : python_in(s, site);
    return finish(s, site, real, err);
}

int hr_swap_out(const struct hr_site_search *s, struct hr_site *site)
{
    char real[PATH_MAX];
    if (!hr_site_real(site, real))
        return -ENAMETOOLONG;
    int err = site->kind == HR_SITE_PROGRAM ? program_out(site, real) : python_out(site);
    return finish(s, site, real, err);
}

bool hr_swap_is_blocked(const struct hr_site *site, char folder[PATH_MAX])
{
    char real[PATH_MAX];
    char version[PATH_MAX];
    if (!hr_site_real(site, real) || !with_suffix(real, HR_VERSION_SUFFIX, version))
        return false;
    (void)snprintf(folder, PATH_MAX, "%s", version);
    return is_folder(folder) ||
           (with_suffix(version, HR_MAKING_SUFFIX, folder) && is_folder(folder)) ||
           (with_suffix(site->path, HR_MAKING_SUFFIX, folder) && is_folder(folder));
}

int hr_swap_note_version(const struct hr_site *site, const char *version)
{
    char real[PATH_MAX];
    char name[PATH_MAX];
    char line[HR_VERSION_TEXT + 1];
    if (!hr_site_real(site, real) || !with_suffix(real, HR_VERSION_SUFFIX, name))
        return -ENAMETOOLONG;
    (void)snprintf(line, sizeof(line), "%s\n", version);
    return put_file(line, name);
}
