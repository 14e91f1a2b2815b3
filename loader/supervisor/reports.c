/* SPDX-License-Identifier: MIT
 * Crash reports.  See reports.h. */
#include "reports.h"

#include "common/clock.h"
#include "common/log.h"
#include "core.h"
#include "crash_file.h"

#include <stdio.h>
#include <string.h>

void hr_reports_init(struct hr_supervisor *sup)
{
    if (hr_cgroup_open(&sup->reports.cgroup, ""))
        hr_debug("no cgroup of ours can be seen: crash reports are without its counters");
    if (hr_cgroup_dies_as_one(&sup->reports.cgroup)) /* nobody will be left to say so then */
        hr_info(
            "memory.oom.group is 1: when memory runs out, the kernel kills all of the container at "
            "once, and there is no crash report");
    int err = hr_sockets_open(&sup->reports.sockets);
    if (err)
        hr_debug("the kernel cannot be asked for listening sockets: %s: /proc/net/tcp is read, "
                 "which takes longer",
                 strerror(-err));
}

/* A plain init, which makes no reports, keeps no folder open for it. */
static void look_at_cgroup(struct hr_supervisor *sup, struct hr_cgroup_sample *ret)
{
    struct hr_cgroup own;
    if (sup->board) {
        (void)hr_cgroup_read(&sup->reports.cgroup, ret);
        return;
    }
    (void)hr_cgroup_open(&own, "");
    (void)hr_cgroup_read(&own, ret);
    hr_cgroup_close(&own);
}

void hr_reports_started(struct hr_supervisor *sup, struct hr_unit *u)
{
    look_at_cgroup(sup, &u->before);
    hr_tail_reset(&u->output.tail); /* a report is about one life */
}

bool hr_reports_oom(struct hr_supervisor *sup, const struct hr_unit *u)
{
    struct hr_cgroup_sample now;
    look_at_cgroup(sup, &now);
    return u->before.oom_kills >= 0 && now.oom_kills > u->before.oom_kills;
}

bool hr_reports_look(struct hr_supervisor *sup, const struct hr_unit *u)
{
    struct hr_reports *r = &sup->reports;
    pid_t skip[HR_MAX_SERVICES];
    size_t n = hr_unit_pids(sup, skip);
    if (!r->open) /* or it has been looked at before, and could not be reaped then */
        r->open = hr_crash_new();
    r->open->before = u->before;
    hr_crash_look(r->open, &r->cgroup, &r->sockets, skip, n);
    return hr_crash_oom_kills(r->open) > 0;
}

void hr_reports_crashed(struct hr_supervisor *sup, struct hr_unit *u, int status)
{
    struct hr_reports *r = &sup->reports;
    struct hr_crash *c = r->open ? r->open : hr_crash_new();
    const struct hr_board_service *pub = &u->service.pub;
    struct hr_board_crash summary;
    r->open = NULL;
    memcpy(c->service, pub->name, sizeof(c->service));
    memcpy(c->reason, pub->reason, sizeof(c->reason));
    c->life = pub->starts;
    c->failures = pub->failures;
    c->pid = u->last_pid;
    c->status = status;
    c->uptime_ms = hr_now_ms() - pub->started_ms;
    c->before = u->before;
    hr_crash_set_rusage(c, &u->usage);
    c->output_len = hr_tail_copy(&u->output.tail, c->output, sizeof(c->output), &c->output_lost);
    hr_crash_summary(c, &summary);
    hr_board_put_crash(sup->board, &summary);
    r->unwritten = c;
}

void hr_reports_write(struct hr_supervisor *sup)
{
    struct hr_crash *c = sup->reports.unwritten;
    sup->reports.unwritten = NULL;
    if (c && sup->config->crash_dir)
        (void)hr_crash_file_start(sup->config->crash_dir, c);
}

/* The report of the latest death of this unit, or NULL. */
static const struct hr_crash *report_of(const struct hr_supervisor *sup, const struct hr_unit *u)
{
    const struct hr_crash *c = sup->reports.unwritten;
    return c && c->pid == u->last_pid ? c : NULL;
}

bool hr_reports_left_nobody(const struct hr_supervisor *sup, const struct hr_unit *u)
{
    const struct hr_crash *c = report_of(sup, u);
    return c && c->nleft == 0;
}

int hr_reports_listening(struct hr_supervisor *sup, const struct hr_unit *u,
                         const struct hr_socket **ret)
{
    static struct hr_socket all[HR_CRASH_SOCKETS];
    const struct hr_crash *c = report_of(sup, u);
    if (c) {
        *ret = c->sockets;
        return c->nsockets;
    }
    *ret = all;
    return hr_sockets_listening(&sup->reports.sockets, all, HR_CRASH_SOCKETS);
}
