/* SPDX-License-Identifier: MIT
 * Who is whose.  See proc.h. */
#include "proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PASSES = 32, /* over the table: a child has a higher pid than its parent, nearly always */
};

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
    const pid_t own = getpgrp();
    int err = hr_proc_open(&d);
    if (err)
        return err;
    size_t n = fill_table(&d);
    hr_proc_close(&d);
    memset(related, 0, sizeof(related[0]) * n);
    for (int pass = 0; pass < PASSES && (pass == 0 || found != before); pass++) {
        before = found;
        for (size_t i = 0; i < n; i++) {
            if (related[i] || table[i].group == own ||
                (table[i].ppid != parent && !is_related(n, table[i].ppid)) ||
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
