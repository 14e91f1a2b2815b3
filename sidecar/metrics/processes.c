/* SPDX-License-Identifier: MIT
 * What the processes of the pod cost.  See processes.h. */
#include "processes.h"

#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ROWS_FIRST = 64,
    PASSES = 32, /* over the rows: a child has a higher pid than its parent, nearly always */
};

struct hr_processes_row {
    pid_t pid;
    pid_t ppid;
    bool ours;
    bool zombie;
    int64_t cpu_ticks;
    int64_t threads;
    int64_t rss_pages;
    int64_t fds; /* -1: not known */
};

static void forget(struct hr_processes_cost *c)
{
    *c = (struct hr_processes_cost){
        .count = -1, .threads = -1, .rss_bytes = -1, .open_fds = -1, .zombies = -1};
}

void hr_processes_init(struct hr_processes *p, const char *path)
{
    *p = (struct hr_processes){.path = path, .max = HR_PROCESSES_MAX, .dir.fd = -1};
    forget(&p->cost);
}

static void end(struct hr_processes *p)
{
    free(p->rows);
    p->rows = NULL;
    p->n = p->cap = p->at = 0;
    p->looking = p->sorted_out = false;
    if (p->dir.fd >= 0)
        hr_proc_close(&p->dir);
}

void hr_processes_free(struct hr_processes *p)
{
    if (p->path) /* it was made */
        end(p);
}

int hr_processes_begin(struct hr_processes *p, pid_t root, const pid_t *watch, size_t n)
{
    if (p->looking)
        return 0;
    int err = hr_proc_open_at(&p->dir, p->path);
    if (err) {
        forget(&p->cost);
        return err;
    }
    p->looking = true;
    p->root = root;
    p->nwatch = n < HR_PROCESSES_WATCHED_MAX ? n : HR_PROCESSES_WATCHED_MAX;
    if (p->nwatch)
        memcpy(p->watch, watch, p->nwatch * sizeof(p->watch[0]));
    return 0;
}

/* ---- all processes ---- */

static int add_row(struct hr_processes *p, const struct hr_proc_entry *e)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : ROWS_FIRST;
        struct hr_processes_row *rows = realloc(p->rows, cap * sizeof(*rows));
        if (!rows)
            return -ENOMEM;
        p->rows = rows;
        p->cap = cap;
    }
    p->rows[p->n++] = (struct hr_processes_row){.pid = e->pid,
                                                .ppid = e->ppid,
                                                .zombie = e->state == 'Z',
                                                .cpu_ticks = e->cpu_ticks,
                                                .threads = e->threads,
                                                .rss_pages = e->rss_pages,
                                                .fds = -1};
    return 0;
}

static int by_pid(const void *a, const void *b)
{
    const struct hr_processes_row *x = a;
    const struct hr_processes_row *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

/* The row of a pid; they are in ascending order.  NULL if there is none. */
static struct hr_processes_row *row_of(const struct hr_processes *p, pid_t pid)
{
    size_t low = 0;
    size_t high = p->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->rows[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->n && p->rows[low].pid == pid ? &p->rows[low] : NULL;
}

static void sort_out(struct hr_processes *p)
{
    bool more = true;
    if (p->n) /* as /proc has them; but nobody promises it */
        qsort(p->rows, p->n, sizeof(p->rows[0]), by_pid);
    for (int pass = 0; pass < PASSES && more; pass++) {
        more = false;
        for (size_t i = 0; i < p->n; i++) {
            struct hr_processes_row *r = &p->rows[i];
            const struct hr_processes_row *parent = r->ours ? NULL : row_of(p, r->ppid);
            if (!r->ours && (r->pid == p->root || (parent && parent->ours)))
                r->ours = more = true;
        }
    }
    p->sorted_out = true;
}

/* ---- the result ---- */

static int64_t milliseconds(int64_t ticks)
{
    long hz = sysconf(_SC_CLK_TCK);
    return ticks < 0 || hz <= 0 ? -1 : ticks * 1000 / hz;
}

static int64_t bytes(int64_t pages)
{
    return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

/* Add what is known to what is known. */
static void add(int64_t *sum, int64_t value)
{
    if (value >= 0)
        *sum = value + (*sum > 0 ? *sum : 0);
}

static void sum_up(const struct hr_processes *p, struct hr_processes_cost *c)
{
    c->count = c->zombies = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct hr_processes_row *r = &p->rows[i];
        if (!r->ours)
            continue;
        c->count++;
        c->zombies += r->zombie;
        add(&c->open_fds, r->fds);
        if (r->zombie)
            continue; /* it has neither memory nor threads that run */
        add(&c->threads, r->threads);
        add(&c->rss_bytes, bytes(r->rss_pages));
    }
}

/* A part of the processes would pass for all of them: then only those are known that are told
 * apart. */
static void complete(struct hr_processes *p)
{
    struct hr_processes_cost *c = &p->cost;
    forget(c);
    c->partial = p->n >= p->max;
    if (!c->partial)
        sum_up(p, c);
    for (size_t i = 0; i < p->nwatch; i++) {
        const struct hr_processes_row *r = row_of(p, p->watch[i]);
        if (r && r->ours && !r->zombie)
            c->watched[c->nwatched++] =
                (struct hr_process_cost){.pid = r->pid,
                                         .cpu_ms = milliseconds(r->cpu_ticks),
                                         .rss_bytes = bytes(r->rss_pages),
                                         .threads = r->threads,
                                         .open_fds = r->fds};
    }
    end(p);
}

/* ---- a look ---- */

/* One process, or the sorting out; an error ends the look, and the cost stays what it was. */
static int one_more(struct hr_processes *p)
{
    struct hr_proc_entry e;
    if (!p->sorted_out) {
        pid_t pid = p->n < p->max ? hr_proc_next(&p->dir) : 0;
        if (!pid)
            sort_out(p);
        else if (!hr_proc_dir_read(&p->dir, pid, &e))
            return add_row(p, &e);
        return 0;
    }
    struct hr_processes_row *r = &p->rows[p->at++];
    if (r->ours && !r->zombie)
        r->fds = hr_proc_dir_fds(&p->dir, r->pid, HR_PROCESSES_FDS_MAX);
    if (r->fds < 0)
        r->fds = -1;
    return 0;
}

bool hr_processes_step(struct hr_processes *p)
{
    int64_t until = hr_now_us() + HR_PROCESSES_STEP_US;
    while (p->looking && hr_now_us() < until) {
        if (p->sorted_out && p->at == p->n)
            complete(p);
        else if (one_more(p))
            end(p);
    }
    return !p->looking;
}
