/* SPDX-License-Identifier: MIT
 * What /proc tells.  See proc.h. */
#include "proc.h"

#include "fd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    STAT_MAX = 512,  /* bytes; the fields we want are among the first */
    PATH_BYTES = 64, /* "/proc/PID/stat" */
};

/* Of pages, ticks and the rest: far above all there are, and still a number to reckon with. */
#define NUMBER_MAX ((int64_t)1 << 50)

/* ---- one process --------------------------------------------------------------------------- */

/* A number from 0 to max at *at, which moves behind it.  -1 if there is none. */
static int64_t number(const char *text, size_t n, size_t *at, int64_t max)
{
    int64_t v = -1;
    while (*at < n && isdigit((unsigned char)text[*at])) {
        int digit = text[*at] - '0';
        if (v > (max - digit) / 10)
            return -1;
        v = (v < 0 ? 0 : v) * 10 + digit;
        (*at)++;
    }
    return v;
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

/* What comes after ppid, the fourth field; see proc(5).  Whatever is no number ends it. */
static void parse_numbers(const char *text, size_t n, size_t at, struct hr_proc_entry *e)
{
    enum { GROUP = 5, UTIME = 14, STIME = 15, THREADS = 20, START = 22, RSS = 24, SIGNALS = 31 };
    int64_t user = -1;
    for (int field = GROUP; field <= SIGNALS && at < n && text[at] == ' '; field++) {
        at++;
        bool negative = at < n && text[at] == '-'; /* tpgid, priority and nice may be */
        at += negative;
        int64_t v = number(text, n, &at, NUMBER_MAX);
        while (at < n && isdigit((unsigned char)text[at]))
            at++; /* no limit is the largest number that there is */
        if (field <= RSS && (v < 0 || (at == n && field < RSS)))
            return; /* or it was cut off */
        if (field == GROUP)
            e->group = v <= INT32_MAX ? (pid_t)v : -1;
        else if (field == UTIME)
            user = v;
        else if (field == STIME)
            e->cpu_ticks = user + v;
        else if (field == THREADS)
            e->threads = v;
        else if (field == START)
            e->start_ticks = v;
        else if (field == RSS)
            e->rss_pages = v;
        else if (field == SIGNALS && at < n)
            e->killed = v > 0 && (v >> (SIGKILL - 1) & 1);
    }
}

int hr_proc_parse_stat(const char *text, size_t n, struct hr_proc_entry *ret)
{
    struct hr_proc_entry e = {
        .group = -1, .cpu_ticks = -1, .threads = -1, .start_ticks = -1, .rss_pages = -1};
    size_t at = 0;
    e.pid = (pid_t)number(text, n, &at, INT32_MAX);
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
    e.ppid = (pid_t)number(text, n, &at, INT32_MAX);
    if (e.ppid < 0)
        return -EPROTO;
    parse_numbers(text, n, at, &e);
    copy_name(e.comm, text + name, (size_t)(end - text) - name);
    *ret = e;
    return 0;
}

static int read_stat(int dir, const char *path, struct hr_proc_entry *ret)
{
    char text[STAT_MAX];
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, sizeof(text));
    int err = n < 0 ? -errno : 0;
    hr_close(&fd);
    if (err)
        return err == -ESRCH ? -ENOENT : err; /* it went between open and read */
    return hr_proc_parse_stat(text, (size_t)n, ret);
}

int hr_proc_read(pid_t pid, struct hr_proc_entry *ret)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    return read_stat(AT_FDCWD, path, ret);
}

int hr_proc_dir_read(const struct hr_proc_dir *d, pid_t pid, struct hr_proc_entry *ret)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%d/stat", (int)pid);
    return read_stat(d->fd, path, ret);
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
    return hr_proc_open_at(d, "/proc");
}

int hr_proc_open_at(struct hr_proc_dir *d, const char *path)
{
    char self[16] = "";
    int64_t pid = 0;
    d->at = d->len = 0;
    d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

/* The next record, NULL at the end. */
static const struct record *next_record(struct hr_proc_dir *d)
{
    if (d->at >= d->len) {
        long n = syscall(SYS_getdents64, d->fd, d->buf, sizeof(d->buf));
        if (n <= 0)
            return NULL;
        d->at = 0;
        d->len = (size_t)n;
    }
    const struct record *r = (const struct record *)(const void *)(d->buf + d->at);
    d->at += r->len;
    return r;
}

pid_t hr_proc_next(struct hr_proc_dir *d)
{
    const struct record *r = NULL;
    int64_t pid = 0;
    while ((r = next_record(d)))
        if (hr_parse_int(r->name, 1, INT32_MAX, &pid) == 0)
            return (pid_t)pid;
    return 0;
}

int64_t hr_proc_dir_fds(const struct hr_proc_dir *d, pid_t pid, int64_t max)
{
    char path[PATH_BYTES];
    struct stat st;
    struct hr_proc_dir fds = {.fd = -1};
    int64_t n = 0;
    (void)snprintf(path, sizeof(path), "%d/fd", (int)pid);
    if (fstatat(d->fd, path, &st, 0) == 0 && st.st_size > 0)
        return st.st_size; /* since Linux 6.2, and whoever asks */
    fds.fd = openat(d->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fds.fd < 0)
        return -errno;
    for (const struct record *r = NULL; n < max && (r = next_record(&fds));)
        n += r->name[0] != '.';
    hr_close(&fds.fd);
    return n;
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
