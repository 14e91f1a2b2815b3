/* SPDX-License-Identifier: MIT */
#include "db.h"

#include "errors.h"
#include "guard.h"
#include "kit/place.h"
#include "vfs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 256 };

/* SQLite opens these as well, so none may be something that blocks or leads elsewhere. */
static const char *const beside[] = {"-journal", "-wal", "-shm"};

static int check_beside(int folder_fd, const char *base, const char **ret_suffix)
{
    char name[NAME_BYTES_MAX + 16];
    struct stat st;

    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", base, beside[i]);
        if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISREG(st.st_mode))
            continue;
        *ret_suffix = beside[i];
        return S_ISLNK(st.st_mode) ? -ELOOP : -EISNAM;
    }
    return 0;
}

/* O_PATH, and not only because it has no effects: to close a descriptor that was opened to read
 * would drop the locks that another call of this process holds on the same database. */
static int check_file(int folder_fd, const char *base, bool create)
{
    struct stat st;
    int fd = -1;
    int rc = kit_root_open_below(folder_fd, base, O_PATH, &fd);

    if (rc == -ENOENT && create)
        return 0;
    if (rc < 0)
        return rc;
    rc = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EISNAM;
    close(fd);
    return rc;
}

/* Open the folder of the database into db->folder_fd; *ret_base is the file's name in it. */
static int open_folder(struct sq_db *db, int root_fd, const char *path, bool create,
                       const char **ret_base)
{
    char folder[KIT_PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;

    if (strlen(base) >= NAME_BYTES_MAX)
        return -ENAMETOOLONG;
    if (slash)
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    int rc = kit_root_open_below(root_fd, folder, O_PATH | O_DIRECTORY, &db->folder_fd);
    if (rc == 0)
        rc = check_file(db->folder_fd, base, create);
    if (rc == 0)
        *ret_base = base;
    return rc;
}

/* Wait for another process's lock as long as the call may take.  Answers 0 to give up. */
static int wait_for_lock(void *arg, int tries)
{
    static const struct timespec pause = {.tv_nsec = 5000000};

    (void)tries;
    if (kit_watch_spent(arg))
        return 0;
    (void)nanosleep(&pause, NULL);
    return 1;
}

/* SQLite keeps the name of the -shm file that the first of several connections gave it, and deletes
 * by that name when the last one ends: by then the descriptor in it may be another call's folder.
 * So nothing is deleted: the -shm stays, and the -wal, emptied. */
static int keep_beside(sqlite3 *handle)
{
    int on = 1;
    int rc = sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &on);

    return rc == SQLITE_OK ? sqlite3_exec(handle, "PRAGMA journal_size_limit=0", NULL, NULL, NULL)
                           : rc;
}

static handrail_status connect_to(struct sq_db *db, const char *base, const struct sq_args *a)
{
    char path[NAME_BYTES_MAX + 64];
    int flags = SQLITE_OPEN_READONLY;

    if (db->writes)
        flags = SQLITE_OPEN_READWRITE | (a->create ? SQLITE_OPEN_CREATE : 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", db->folder_fd, base);
    int rc = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOFOLLOW, sq_vfs_name);
    if (rc == SQLITE_OK)
        rc = sqlite3_extended_result_codes(db->handle, 1);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_handler(db->handle, wait_for_lock, db->watch);
    if (rc == SQLITE_OK)
        rc = keep_beside(db->handle);
    if (rc == SQLITE_OK)
        rc = sq_guard_set(db);
    return rc == SQLITE_OK ? HANDRAIL_OK : sq_errors_fail(db, rc);
}

handrail_status sq_db_open(struct sq_db *db, const struct sq_settings *s, const struct sq_args *a,
                           bool writes, struct kit_watch *w)
{
    const char *base = NULL, *suffix = "";
    int root_fd = -1;

    *db = (struct sq_db){.name = a->database, .folder_fd = -1, .writes = writes, .watch = w};
    handrail_status status = kit_place_open(&w->call, s->root, &root_fd);
    if (status != HANDRAIL_OK)
        return status;
    int rc = open_folder(db, root_fd, a->database, a->create, &base);
    close(root_fd);
    if (rc == 0)
        rc = check_beside(db->folder_fd, base, &suffix);
    if (rc < 0)
        return kit_fail(&w->call, HANDRAIL_E_INVALID,
                        "database \"%.300s%s\" below %.300s cannot be opened: %s", a->database,
                        suffix, s->root, kit_place_why(-rc));
    return connect_to(db, base, a);
}

/* What follows the statement must be nothing but space and comments. */
static handrail_status check_tail(struct sq_db *db, const char *tail)
{
    while (*tail) {
        sqlite3_stmt *more = NULL;
        const char *rest = NULL;
        int rc = sqlite3_prepare_v2(db->handle, tail, -1, &more, &rest);
        sqlite3_finalize(more);
        if (rc != SQLITE_OK || more)
            return kit_fail(&db->watch->call, HANDRAIL_E_INVALID,
                            "sql holds more than one statement, and none was run: call once for "
                            "each.  The second begins: %.60s",
                            tail + strspn(tail, " \t\r\n;"));
        if (rest <= tail)
            break;
        tail = rest;
    }
    return HANDRAIL_OK;
}

handrail_status sq_db_prepare(struct sq_db *db, const char *sql, sqlite3_stmt **ret)
{
    sqlite3_stmt *stmt = NULL;
    const char *tail = NULL;
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, &tail);

    if (rc != SQLITE_OK)
        return sq_errors_fail(db, rc);
    if (!stmt)
        return kit_fail(&db->watch->call, HANDRAIL_E_INVALID,
                        "sql holds no statement, only space or comments: give one");
    handrail_status status = check_tail(db, tail);
    if (status != HANDRAIL_OK) {
        sqlite3_finalize(stmt);
        return status;
    }
    *ret = stmt;
    return HANDRAIL_OK;
}

void sq_db_close(struct sq_db *db)
{
    sqlite3_close(db->handle);
    db->handle = NULL;
    if (db->folder_fd >= 0)
        close(db->folder_fd);
    db->folder_fd = -1;
}
