/* SPDX-License-Identifier: MIT
 * See tree.h. */
#include "tree.h"

#include "check.h"
#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tree_make(char root[TREE_ROOT])
{
    (void)snprintf(root, TREE_ROOT, "/tmp/handrail-tree-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int tree_remove(const char *root)
{
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void whole_path(const char *root, const char *path, char whole[4096])
{
    (void)snprintf(whole, 4096, "%s%s", root, path);
    for (char *p = whole + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        assert_true(mkdir(whole, 0700) == 0 || errno == EEXIST);
        *p = '/';
    }
}

void tree_put(const char *root, const char *path, const char *text)
{
    char whole[4096];
    whole_path(root, path, whole);
    int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(hr_write_all(fd, text, strlen(text)), 0);
    hr_close(&fd);
}

void tree_link(const char *root, const char *path, const char *target)
{
    char whole[4096];
    whole_path(root, path, whole);
    (void)unlink(whole);
    assert_int_equal(symlink(target, whole), 0);
}
