/* SPDX-License-Identifier: MIT */
#include "vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

const char sq_vfs_name[] = "below-root";

static const sqlite3_vfs *unix_vfs; /* what ours is made from */
static sqlite3_vfs vfs;             /* SQLite links it into its list */

/* Is it /proc/self/fd/N/name?  NULL is a temporary file, which is never needed (guard.c). */
static bool is_ours(const char *name)
{
    static const char folders[] = "/proc/self/fd/";

    if (!name || strncmp(name, folders, sizeof(folders) - 1) != 0)
        return false;
    name += sizeof(folders) - 1;
    size_t digits = strspn(name, "0123456789");
    const char *base = name + digits + 1;
    return digits > 0 && name[digits] == '/' && *base && !strchr(base, '/') &&
           strcmp(base, ".") != 0 && strcmp(base, "..") != 0;
}

static int open_ours(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    file->pMethods = NULL; /* which says that there is nothing to close */
    return is_ours(name) ? unix_vfs->xOpen(v, name, file, flags, ret_flags) : SQLITE_CANTOPEN;
}

static int delete_ours(sqlite3_vfs *v, const char *name, int sync)
{
    return is_ours(name) ? unix_vfs->xDelete(v, name, sync) : SQLITE_IOERR_DELETE;
}

/* An error and not "there is no such file", which would make SQLite throw the journal away. */
static int access_ours(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
    return is_ours(name) ? unix_vfs->xAccess(v, name, flags, ret) : SQLITE_IOERR_ACCESS;
}

/* The name is whole and to be used as it is. */
static int full_path(sqlite3_vfs *v, const char *name, int size, char *out)
{
    size_t len = strlen(name);

    (void)v;
    if (size <= 0 || len >= (size_t)size)
        return SQLITE_CANTOPEN;
    memcpy(out, name, len + 1);
    return SQLITE_OK;
}

int sq_vfs_register(void)
{
    unix_vfs = sqlite3_vfs_find("unix");
    if (!unix_vfs)
        return -ENOTSUP;
    sqlite3_vfs_unregister(&vfs);
    vfs = *unix_vfs;
    vfs.pNext = NULL;
    vfs.zName = sq_vfs_name;
    vfs.xFullPathname = full_path;
    vfs.xOpen = open_ours;
    vfs.xDelete = delete_ours;
    vfs.xAccess = access_ours;
    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? 0 : -ENOMEM;
}

void sq_vfs_unregister(void)
{
    sqlite3_vfs_unregister(&vfs);
}
