/* SPDX-License-Identifier: MIT
 * What /proc tells.  See proc.h. */
#include "proc.h"

#include "common/fd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    STAT_MAX = 512, /* bytes; the fields we want are among the first */
    PASSES = 32,    /* over the table: a child has a higher pid than its parent, nearly always */
};

/* ---- one process --------------------------------------------------------------------------- */

/* A number from 0 at *at, which moves behind it.  -1 if there is none. */
static pid_t number(const char *text, size_t n, size_t *at)
{
    int64_t v = -1;
    while (*at < n && isdigit((unsigned char)text[*at])) {
        v = (v < 0 ? 0 : v) * 10 + (text[*at] - '0');
        if (v > INT32_MAX)
            return -1;
        (*at)++;
    }
    return (pid_t)v;
}

/* The name between the parentheses.  The kernel writes a newline and a backslash as escapes. */
static void copy_name(char out[HR_PROC_COMM], const char *name, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n && len < HR_PROC_COMM - 1; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c == '\\' && i + 1 < n)
            c = name[++i] == 'n' ? '\n' : (unsigned char)name[i];
        out[len++] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    }
    out[len] = '\0';
}

int hr_proc_parse_stat(const char *text, size_t n, struct hr_proc_entry *ret)
{
    struct hr_proc_entry e = {0};
    size_t at = 0;
    e.pid = number(text, n, &at);
    if (e.pid <= 0 || at + 1 >= n || text[at] != ' ' || text[at + 1] != '(')
        return -EPROTO;
    size_t name = at + 2;
    /* "pid (comm) state ppid ...": comm may hold anything, so search from its end. */
    const char *end = memrchr(text, ')', n);
    if (!end || (size_t)(end - text) < name)
        return -EPROTO;
    at = (size_t)(end - text) + 1;
    if (n - at < 4 || text[at] != ' ' || !isalpha((unsigned char)text[at + 1]) ||
        text[at + 2] != ' ')
        return -EPROTO;
    e.state = text[at + 1];
    at += 3;
    e.ppid = number(text, n, &at);
    if (e.ppid < 0)
        return -EPROTO;
    copy_name(e.comm, text + name, (size_t)(end - text) - name);
    *ret = e;
    return 0;
}

int hr_proc_read(pid_t pid, struct hr_proc_entry *ret)
{
    char path[64];
    char text[STAT_MAX];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, sizeof(text));
    int err = n < 0 ? -errno : 0;
    hr_close(&fd);
    if (err)
        return err == -ESRCH ? -ENOENT : err; /* it went between open and read */
    return hr_proc_parse_stat(text, (size_t)n, ret);
}

bool hr_proc_is_stopped(pid_t pid)
{
    struct hr_proc_entry p = {0};
    return hr_proc_read(pid, &p) == 0 && (p.state == 'T' || p.state == 't');
}

void hr_proc_name(pid_t pid, char out[HR_PROC_COMM])
{
    struct hr_proc_entry e = {0};
    if (hr_proc_read(pid, &e) || !e.comm[0])
        (void)snprintf(e.comm, sizeof(e.comm), "?");
    memcpy(out, e.comm, HR_PROC_COMM);
}

bool hr_proc_among(const pid_t *pids, size_t n, pid_t pid)
{
    for (size_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* ---- all of them --------------------------------------------------------------------------- */

/* One record as the kernel gives it. */
struct record {
    uint64_t inode;
    int64_t next;
    uint16_t len;
    uint8_t type;
    char name[];
};

int hr_proc_open(struct hr_proc_dir *d)
{
    char self[16] = "";
    int64_t pid = 0;
    d->at = d->len = 0;
    d->fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0)
        return -errno;
    /* An empty folder, or the /proc of another pid namespace, whose numbers are not ours? */
    ssize_t n = readlinkat(d->fd, "self", self, sizeof(self) - 1);
    if (n <= 0 || hr_parse_int(self, 1, INT32_MAX, &pid) || (pid_t)pid != getpid()) {
        hr_close(&d->fd);
        return -ENOENT;
    }
    return 0;
}

pid_t hr_proc_next(struct hr_proc_dir *d)
{
    for (;;) {
        if (d->at >= d->len) {
            long n = syscall(SYS_getdents64, d->fd, d->buf, sizeof(d->buf));
            if (n <= 0)
                return 0;
            d->at = 0;
            d->len = (size_t)n;
        }
        const struct record *r = (const struct record *)(const void *)(d->buf + d->at);
        int64_t pid = 0;
        d->at += r->len;
        if (hr_parse_int(r->name, 1, INT32_MAX, &pid) == 0)
            return (pid_t)pid;
    }
}

void hr_proc_rewind(struct hr_proc_dir *d)
{
    (void)lseek(d->fd, 0, SEEK_SET);
    d->at = d->len = 0;
}

void hr_proc_close(struct hr_proc_dir *d)
{
    hr_close(&d->fd);
}

/* ---- descendants --------------------------------------------------------------------------- */

/* All processes as one look has found them.  Static: PID 1 touches it only at a crash. */
static struct hr_proc_entry table[HR_PROC_LOOK_MAX];
static bool related[HR_PROC_LOOK_MAX];

static size_t fill_table(struct hr_proc_dir *d)
{
    size_t n = 0;
    pid_t pid = 0;
    while (n < HR_PROC_LOOK_MAX && (pid = hr_proc_next(d)) > 0)
        if (hr_proc_read(pid, &table[n]) == 0)
            n++;
    return n;
}

/* Is that pid, which is in the table in ascending order, one that counts already? */
static bool is_related(size_t n, pid_t pid)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && table[low].pid == pid && related[low];
}

int hr_proc_children(pid_t parent, const pid_t *skip, size_t nskip, struct hr_proc_entry *out,
                     size_t max)
{
    struct hr_proc_dir d;
    size_t found = 0;
    size_t before = 0;
    size_t given = 0;
    int err = hr_proc_open(&d);
    if (err)
        return err;
    size_t n = fill_table(&d);
    hr_proc_close(&d);
    memset(related, 0, sizeof(related[0]) * n);
    for (int pass = 0; pass < PASSES && (pass == 0 || found != before); pass++) {
        before = found;
        for (size_t i = 0; i < n; i++) {
            if (related[i] || (table[i].ppid != parent && !is_related(n, table[i].ppid)) ||
                hr_proc_among(skip, nskip, table[i].pid))
                continue;
            related[i] = true;
            found++;
        }
    }
    for (size_t i = 0; i < n && given < max; i++)
        if (related[i])
            out[given++] = table[i];
    return (int)found;
}
