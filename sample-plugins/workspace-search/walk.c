/* SPDX-License-Identifier: MIT */
#include "walk.h"

#include "kit/root.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes that a pending path costs besides its text. */
enum { ENTRY_COST = sizeof(struct ws_entry) + 16 };

/* Put folder/name on the stack.  0, -ENOMEM, or -E2BIG with the budget stopped. */
static int push(struct ws_walk *w, const char *folder, const char *name, bool is_dir)
{
    size_t size = strlen(folder) + 1 + strlen(name) + 1;
    bool at_root = strcmp(folder, ".") == 0;

    if (w->pending + size + ENTRY_COST > WS_PENDING_MAX) {
        w->budget->stop = WS_STOP_PENDING;
        return -E2BIG;
    }
    if (w->count == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 64;
        struct ws_entry *stack = realloc(w->stack, cap * sizeof(*stack));
        if (!stack)
            return -ENOMEM;
        w->stack = stack;
        w->cap = cap;
    }
    char *path = malloc(size);
    if (!path)
        return -ENOMEM;
    (void)snprintf(path, size, "%s%s%s", at_root ? "" : folder, at_root ? "" : "/", name);
    w->stack[w->count++] = (struct ws_entry){path, is_dir};
    w->pending += strlen(path) + ENTRY_COST;
    return 0;
}

static struct ws_entry pop(struct ws_walk *w)
{
    struct ws_entry e = w->stack[--w->count];

    w->pending -= strlen(e.path) + ENTRY_COST;
    return e;
}

/* The last pushed is visited first. */
static int backwards(const void *a, const void *b)
{
    return strcmp(((const struct ws_entry *)b)->path, ((const struct ws_entry *)a)->path);
}

/* S_IFDIR, S_IFREG, or 0 for what is not to be opened at all: opening a device can have effects. */
static mode_t entry_type(int dir_fd, const struct dirent *e)
{
    struct stat st;

    if (e->d_type == DT_DIR)
        return S_IFDIR;
    if (e->d_type == DT_REG)
        return S_IFREG;
    if (e->d_type != DT_UNKNOWN || fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return S_ISDIR(st.st_mode) || S_ISREG(st.st_mode) ? st.st_mode & S_IFMT : 0;
}

static bool passed_over(const struct ws_walk *w, const char *name, mode_t type)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0)
        return true;
    return type == 0 || (type == S_IFREG && w->glob && fnmatch(w->glob, name, 0) != 0);
}

/* Push what lies in the folder, sorted.  0 or -errno. */
static int list(struct ws_walk *w, const char *folder)
{
    size_t first = w->count;
    const struct dirent *e;
    int fd = -1;
    int rc = kit_root_open_below(w->root_fd, folder, O_DIRECTORY, &fd);

    if (rc < 0)
        return rc;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        rc = -errno;
        close(fd);
        return rc;
    }
    for (errno = 0; rc == 0 && !ws_budget_tick(w->budget) && (e = readdir(dir)); errno = 0) {
        mode_t type = entry_type(fd, e);
        if (!passed_over(w, e->d_name, type))
            rc = push(w, folder, e->d_name, type == S_IFDIR);
    }
    if (rc == 0 && !w->budget->stop && errno)
        rc = -errno;
    closedir(dir);
    qsort(w->stack + first, w->count - first, sizeof(*w->stack), backwards);
    return rc;
}

int ws_walk_start(struct ws_walk *w, int root_fd, const char *start, const char *glob,
                  struct ws_budget *b)
{
    struct stat st;
    int fd = -1;

    *w = (struct ws_walk){.root_fd = root_fd, .glob = glob, .budget = b};
    int rc = kit_root_open_below(root_fd, start, O_PATH, &fd);
    if (rc < 0)
        return rc;
    rc = fstat(fd, &st) < 0 ? -errno : 0;
    close(fd);
    if (rc < 0)
        return rc;
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return -EISNAM;
    return push(w, ".", start, S_ISDIR(st.st_mode));
}

/* Open a file that was regular when its folder was listed.  0 or -errno. */
static int open_file(const struct ws_walk *w, const char *path, int *ret_fd)
{
    struct stat st;
    int fd = -1;
    int rc = kit_root_open_below(w->root_fd, path, 0, &fd);

    if (rc < 0)
        return rc;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return -ENOENT; /* swapped for something else: as good as gone */
    }
    *ret_fd = fd;
    return 0;
}

void ws_walk_unreadable(struct ws_walk *w, const char *path, int error)
{
    if (error == ENOENT || error == ELOOP || error == ENOTDIR) /* changed since it was listed */
        return;
    if (w->unreadable++ == 0)
        (void)snprintf(w->first_error, sizeof(w->first_error), "%.300s: %s", path, strerror(error));
}

int ws_walk_next(struct ws_walk *w, const char **ret_path, int *ret_fd)
{
    while (w->count > 0 && !ws_budget_tick(w->budget)) {
        struct ws_entry e = pop(w);
        free(w->current);
        w->current = e.path;
        int rc = e.is_dir ? list(w, e.path) : open_file(w, e.path, ret_fd);
        if (rc == 0 && !e.is_dir) {
            *ret_path = e.path;
            return 1;
        }
        if (rc == -ENOMEM)
            return rc;
        if (rc < 0 && !w->budget->stop)
            ws_walk_unreadable(w, e.path, -rc);
    }
    return 0;
}

void ws_walk_free(struct ws_walk *w)
{
    while (w->count > 0)
        free(pop(w).path);
    free(w->stack);
    free(w->current);
    w->stack = NULL;
    w->current = NULL;
}
