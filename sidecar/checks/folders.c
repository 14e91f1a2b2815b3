/* SPDX-License-Identifier: MIT
 * Checks of folders.  See folders.h. */
#include "folders.h"

#include "sidecar/aside/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { INODES_LEAST_PERCENT = 1 };

static struct hr_folders *folders_of(struct hr_measure *m)
{
    return (struct hr_folders *)(void *)m; /* its first member */
}

/* ---- in the process ---- */

static void look(const char *path, struct hr_folder_facts *facts)
{
    struct stat st;
    struct statvfs v = {.f_bavail = 0};
    memset(facts, 0, sizeof(*facts));
    if (stat(path, &st) < 0 || statvfs(path, &v) < 0)
        facts->err = -errno;
    else if (!S_ISDIR(st.st_mode))
        facts->err = -ENOTDIR;
    if (facts->err)
        return;
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0)
        facts->write_err = -errno;
    facts->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    facts->size_bytes = (uint64_t)v.f_blocks * v.f_frsize;
    facts->free_inodes = v.f_favail;
    facts->inodes = v.f_files;
}

/* The request: paths, each with its NUL.  The answer: facts, one for each. */
static int work(const void *request, size_t len, void *answer, size_t size, size_t *ret_len,
                void *arg)
{
    const char *path = request;
    const char *end = path + len;
    (void)arg;
    for (; path < end; path += strlen(path) + 1, *ret_len += sizeof(struct hr_folder_facts)) {
        struct hr_folder_facts facts;
        if (*ret_len + sizeof(facts) > size)
            return -ENOSPC;
        look(path, &facts);
        memcpy((char *)answer + *ret_len, &facts, sizeof(facts));
    }
    return 0;
}

/* ---- judging ---- */

static double gib(uint64_t bytes)
{
    return (double)bytes / (1024 * 1024 * 1024);
}

/* Of a file system without blocks of its own (some network ones) nothing is known. */
static bool is_full(const struct hr_folders *f, const struct hr_folder_facts *facts)
{
    uint64_t wanted =
        f->free_is_percent ? facts->size_bytes / 100 * (uint64_t)f->free : (uint64_t)f->free;
    bool inodes_gone =
        facts->inodes && facts->free_inodes < facts->inodes / 100 * INODES_LEAST_PERCENT;
    return facts->size_bytes && (facts->free_bytes < wanted || inodes_gone);
}

static void judge_writable(struct hr_folders *f)
{
    const struct hr_folder_facts *facts = &f->facts[0];
    f->seen = f->seen || facts->err != -ENOENT;
    if (facts->err == -ENOENT && !f->seen)
        hr_measure_say(&f->m, HR_FOUND_NOTHING, "there is no %.100s", f->path[0]);
    else if (facts->err)
        hr_measure_say(&f->m, HR_FOUND_BAD, "%.100s: %s", f->path[0], strerror(-facts->err));
    else if (facts->write_err)
        hr_measure_say(&f->m, HR_FOUND_BAD, "%.100s cannot be written to: %s", f->path[0],
                       strerror(-facts->write_err));
    else
        hr_measure_say(&f->m, HR_FOUND_GOOD, "%.100s can be written to", f->path[0]);
}

/* The share of the fullest one that is in use is the value. */
static void judge_space(struct hr_folders *f)
{
    int fullest = -1;
    double most = 0;
    bool full = false;
    for (int i = 0; i < f->count; i++) {
        const struct hr_folder_facts *facts = &f->facts[i];
        if (facts->err || !facts->size_bytes)
            continue;
        double percent = 100. - 100. * (double)facts->free_bytes / (double)facts->size_bytes;
        bool this_one = is_full(f, facts);
        if (fullest < 0 || (this_one && !full) || (this_one == full && percent > most)) {
            fullest = i;
            most = percent;
            full = this_one;
        }
    }
    if (fullest < 0) {
        hr_measure_say(&f->m, HR_FOUND_NOTHING, "no file system that tells how full it is");
        return;
    }
    const struct hr_folder_facts *facts = &f->facts[fullest];
    hr_measure_value(&f->m, full ? HR_FOUND_BAD : HR_FOUND_GOOD, most,
                     "%.100s: %.1f of %.1f GiB free, %llu inodes", f->path[fullest],
                     gib(facts->free_bytes), gib(facts->size_bytes),
                     (unsigned long long)facts->free_inodes);
}

static void on_answer(int err, const void *answer, size_t len, void *arg)
{
    struct hr_folders *f = arg;
    if (!err && len != (size_t)f->count * sizeof(f->facts[0]))
        err = -EPROTO;
    if (err == -ETIMEDOUT) {
        hr_measure_say(&f->m, HR_FOUND_BAD, "no answer within %d ms from the file system of %.60s",
                       f->m.policy.timeout_ms, f->m.what);
        return;
    }
    if (err) {
        hr_measure_say(&f->m, HR_FOUND_NOTHING, "the process that looks has failed: %s",
                       strerror(-err));
        return;
    }
    f->known = true;
    memcpy(f->facts, answer, len);
    hr_aside_rest(f->aside); /* a minute is long to keep a process for */
    if (f->writable)
        judge_writable(f);
    else
        judge_space(f);
}

static void start(struct hr_measure *m)
{
    struct hr_folders *f = folders_of(m);
    char request[HR_FOLDERS_MAX * HR_FOLDER_PATH_MAX];
    size_t len = 0;
    for (int i = 0; i < f->count; i++) {
        size_t n = strlen(f->path[i]) + 1;
        memcpy(request + len, f->path[i], n);
        len += n;
    }
    int err = hr_aside_ask(f->aside, request, len, (unsigned)m->policy.timeout_ms, on_answer, f);
    if (err)
        on_answer(err, NULL, 0, f);
}

int hr_folders_init(struct hr_folders *f)
{
    /* What hangs in the kernel cannot be dropped; the aside keeps the time-out. */
    static const struct hr_method method = {.start = start};
    f->m.method = &method;
    hr_measure_init(&f->m);
    return hr_aside_new(f->m.loop, f->m.name, work, NULL, &f->aside);
}

void hr_folders_free(struct hr_folders *f)
{
    hr_aside_free(f->aside);
    f->aside = NULL;
}

json_t *hr_folders_disks(const struct hr_folders *f)
{
    json_t *all = json_array();
    for (int i = 0; i < f->count && f->known; i++)
        if (!f->facts[i].err)
            (void)json_array_append_new(
                all, json_pack("{s:s, s:I, s:I}", "path", f->path[i], "free_bytes",
                               (json_int_t)f->facts[i].free_bytes, "size_bytes",
                               (json_int_t)f->facts[i].size_bytes));
    return all;
}

static void collect(const struct hr_folders *f, struct hr_expo *e, const char *name,
                    const char *help, size_t offset)
{
    hr_expo_family(e, name, "gauge", help);
    for (int i = 0; i < f->count && f->known; i++) {
        uint64_t value = 0;
        bool again = i > 0 && strcmp(f->path[i], f->path[0]) == 0; /* the workspace is / */
        memcpy(&value, (const char *)&f->facts[i] + offset, sizeof(value));
        if (!f->facts[i].err && !again)
            hr_expo_sample(e, name, (double)value, "path", f->path[i], NULL);
    }
}

void hr_folders_collect(const struct hr_folders *f, struct hr_expo *e)
{
    collect(f, e, "handrail_disk_free_bytes", "Free of the file system, for who is not root.",
            offsetof(struct hr_folder_facts, free_bytes));
    collect(f, e, "handrail_disk_size_bytes", "Size of the file system.",
            offsetof(struct hr_folder_facts, size_bytes));
}
