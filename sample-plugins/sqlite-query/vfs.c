/* SPDX-License-Identifier: MIT */
#include "vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

const char sq_vfs_name[] = "below-root";

static sqlite3_vfs vfs; /* SQLite links it into its list */

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
    const sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");

    if (!unix_vfs)
        return -ENOTSUP;
    sqlite3_vfs_unregister(&vfs);
    vfs = *unix_vfs;
    vfs.pNext = NULL;
    vfs.zName = sq_vfs_name;
    vfs.xFullPathname = full_path;
    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? 0 : -ENOMEM;
}

void sq_vfs_unregister(void)
{
    sqlite3_vfs_unregister(&vfs);
}
