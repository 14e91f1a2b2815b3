/* SPDX-License-Identifier: MIT
 * See port.h.  The kernel's list of sockets gives the inodes of those that listen on the port; the
 * descriptors of each process show whether it has one of them. */
#include "port.h"

#include "common/proc.h"
#include "common/sockets.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SOCKETS_MAX = 512,   /* sockets that listen anywhere */
    LISTENERS_MAX = 16,  /* sockets on one port that are looked at */
    NAME_MAX_BYTES = 32, /* "socket:[<inode>]" */
};

struct listeners {
    int n;
    char name[LISTENERS_MAX][NAME_MAX_BYTES]; /* as the links below /proc/<pid>/fd say it */
};

static void find_listeners(struct listeners *l, int port)
{
    static struct hr_socket all[SOCKETS_MAX];
    struct hr_sockets list;
    (void)hr_sockets_open(&list);
    int n = hr_sockets_listening(&list, all, SOCKETS_MAX);
    hr_sockets_close(&list);
    for (int i = 0; i < n && l->n < LISTENERS_MAX; i++)
        if (all[i].port == port)
            (void)snprintf(l->name[l->n++], NAME_MAX_BYTES, "socket:[%llu]",
                           (unsigned long long)all[i].inode);
}

static bool holds(const struct listeners *l, const char *pid)
{
    char path[PATH_MAX];
    bool found = false;
    (void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    DIR *dir = opendir(path);
    const struct dirent *entry = NULL;
    while (dir && !found && (entry = readdir(dir))) {
        char name[NAME_MAX_BYTES];
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, name, sizeof(name) - 1);
        name[n > 0 ? n : 0] = '\0';
        for (int i = 0; i < l->n && !found; i++)
            found = strcmp(name, l->name[i]) == 0;
    }
    if (dir)
        (void)closedir(dir);
    return found;
}

/* When a process started, in ticks since boot; -1 if that cannot be read. */
static int64_t started(pid_t pid)
{
    struct hr_proc_entry e;
    return hr_proc_read(pid, &e) ? -1 : e.start_ticks;
}

bool hr_port_is_foreign(int port, pid_t server)
{
    char pid[16];
    struct listeners l = {.n = 0};
    bool foreign = false;
    find_listeners(&l, port);
    (void)snprintf(pid, sizeof(pid), "%d", (int)server);
    if (holds(&l, pid)) /* nearly always: then nobody else has to be looked at */
        return false;
    int64_t since = started(server);
    if (since < 0 && kill(server, 0) < 0 && errno == ESRCH)
        return true; /* it has ended, and the board does not show it yet: another one answers */
    DIR *dir = l.n && since >= 0 ? opendir("/proc") : NULL;
    const struct dirent *entry = NULL;
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !holds(&l, entry->d_name))
            continue;
        foreign = started((pid_t)strtol(entry->d_name, NULL, 10)) < since;
        if (!foreign)
            break;
    }
    if (dir)
        (void)closedir(dir);
    return foreign;
}
