/* SPDX-License-Identifier: MIT
 * What a dead server has left behind.  See leftovers.h. */
#include "leftovers.h"

#include "common/log.h"
#include "proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOOKED_AT = 512, /* descendants looked at */
    FDS_LOOKED_AT = 256,
    LISTENERS = 64,
};

/* Static: one death is dealt with at a time. */
static struct hr_proc_entry found[LOOKED_AT];
static bool wanted[LOOKED_AT];

/* Does the process hold one of these sockets?  Its descriptors are tried by number, which needs
 * neither a folder to be read nor memory. */
static bool holds(pid_t pid, const uint64_t *inodes, size_t n)
{
    for (int fd = 0; fd < FDS_LOOKED_AT; fd++) {
        char path[64];
        char target[64];
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
        ssize_t len = readlink(path, target, sizeof(target) - 1);
        if (len < 0 && errno != ENOENT)
            return false; /* not ours to look at, or gone */
        if (len < 0)
            continue;
        target[len] = '\0';
        for (size_t i = 0; i < n; i++) {
            char socket[64];
            (void)snprintf(socket, sizeof(socket), "socket:[%llu]", (unsigned long long)inodes[i]);
            if (strcmp(target, socket) == 0)
                return true;
        }
    }
    return false;
}

/* Of the listening sockets, those on the server's ports.  How many. */
static size_t listeners(const struct hr_leftovers_search *s, uint64_t *inodes, size_t max)
{
    size_t n = 0;
    for (int i = 0; i < s->nsockets; i++)
        for (size_t k = 0; k < s->nports && n < max; k++)
            if (s->sockets[i].port == s->ports[k])
                inodes[n++] = s->sockets[i].inode;
    return n;
}

/* Mark what is below a marked process, however deep. */
static void mark_below(size_t n)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n && !wanted[i]; k++)
                if (wanted[k] && found[k].pid == found[i].ppid)
                    wanted[i] = more = true;
    }
}

static size_t look(const pid_t *keep, size_t nkeep)
{
    int n = hr_proc_children(getpid(), keep, nkeep, found, LOOKED_AT);
    return n < 0 ? 0 : n < LOOKED_AT ? (size_t)n : LOOKED_AT;
}

void hr_leftovers_begin(struct hr_leftovers *l, const struct hr_leftovers_search *s, int64_t now_ms)
{
    uint64_t inodes[LISTENERS];
    *l = (struct hr_leftovers){.since_ms = now_ms};
    if (s->what == HR_CLEANUP_NONE)
        return;
    size_t n = look(s->keep, s->nkeep);
    size_t ninodes = listeners(s, inodes, LISTENERS);
    for (size_t i = 0; i < n; i++)
        wanted[i] = s->what == HR_CLEANUP_ALL || strncmp(found[i].comm, "tmux", 4) == 0 ||
                    (ninodes && holds(found[i].pid, inodes, ninodes));
    mark_below(n);
    for (size_t i = 0; i < n && l->n < HR_LEFTOVERS_MAX; i++) {
        if (!wanted[i] || found[i].state == 'Z')
            continue;
        if (l->n < 8) /* enough names for a log */
            hr_info("server: it has left pid %d (%s) behind: asking it to end", (int)found[i].pid,
                    found[i].comm);
        l->pids[l->n++] = found[i].pid;
        (void)kill(found[i].pid, SIGTERM);
        (void)kill(found[i].pid, SIGCONT);
    }
}

void hr_leftovers_ended(struct hr_leftovers *l, pid_t pid)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->pids[i] == pid)
            l->pids[i--] = l->pids[--l->n];
}

/* Only those that still descend from us: a number could have been used again. */
static void kill_them(struct hr_leftovers *l)
{
    size_t n = look(NULL, 0);
    for (size_t i = 0; i < n; i++)
        if (hr_proc_among(l->pids, l->n, found[i].pid))
            (void)kill(found[i].pid, SIGKILL);
    l->killed = true;
}

int64_t hr_leftovers_wait_ms(struct hr_leftovers *l, int64_t now_ms)
{
    for (size_t i = 0; i < l->n; i++)
        if (kill(l->pids[i], 0) < 0 && errno == ESRCH)
            l->pids[i--] = l->pids[--l->n];
    if (!l->n)
        return 0;
    int64_t waited = now_ms - l->since_ms;
    if (waited >= HR_LEFTOVERS_WAIT_MS) {
        hr_warn(
            "server: pid %d, left behind by its last life, has not ended: starting all the same",
            (int)l->pids[0]);
        l->n = 0;
        return 0;
    }
    if (waited >= HR_LEFTOVERS_ASK_MS && !l->killed)
        kill_them(l);
    return HR_LEFTOVERS_LOOK_MS;
}
