/* SPDX-License-Identifier: MIT
 * What the pod uses.  See resources.h; what each metric means is in README.md. */
#include "resources.h"

#include "common/cgroup.h"
#include "common/clock.h"
#include "processes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOT_MAX = 256 }; /* bytes */
_Static_assert((int)HR_PROCESSES_WATCHED_MAX > (int)HR_MAX_SERVICES,
               "the supervisor and all services fit");

enum { CPU, MEMORY, IO, NPRESSURES };
static const char *const pressure_names[NPRESSURES] = {"cpu", "memory", "io"};
static const char *const pressure_files[NPRESSURES] = {"cpu.pressure", "memory.pressure",
                                                       "io.pressure"};

/* All of the cgroup; -1 where it is not known. */
struct usage {
    struct hr_cgroup_sample sample;
    struct hr_cgroup_cpu cpu;
    struct hr_pressure pressure[NPRESSURES];
    int64_t working_set;
};

struct hr_resources {
    struct ev_loop *loop;
    const struct hr_board *board;
    struct hr_cgroup cgroup;
    int64_t taken_ms; /* 0: never */
    struct usage usage;
    char proc[ROOT_MAX];
    struct hr_processes processes;
    ev_timer step;
};

/* ---- taking them ---- */

static void on_step(struct ev_loop *loop, ev_timer *w, int events)
{
    struct hr_resources *r = w->data;
    (void)events;
    if (hr_processes_step(&r->processes))
        ev_timer_stop(loop, w);
}

int hr_resources_new(const struct hr_resources_config *cfg, struct hr_resources **ret)
{
    struct hr_resources *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    int n = snprintf(r->proc, sizeof(r->proc), "%s/proc", cfg->root);
    if (n < 0 || (size_t)n >= sizeof(r->proc)) {
        free(r);
        return -ENAMETOOLONG;
    }
    r->loop = cfg->loop;
    r->board = cfg->board;
    (void)hr_cgroup_open(&r->cgroup, cfg->root); /* one that is empty can be read all the same */
    hr_processes_init(&r->processes, r->proc);
    ev_timer_init(&r->step, on_step, HR_RESOURCES_STEP_MS / 1000., HR_RESOURCES_STEP_MS / 1000.);
    r->step.data = r;
    *ret = r;
    return 0;
}

void hr_resources_free(struct hr_resources *r)
{
    if (!r)
        return;
    ev_timer_stop(r->loop, &r->step);
    hr_processes_free(&r->processes);
    hr_cgroup_close(&r->cgroup);
    free(r);
}

static void read_usage(const struct hr_cgroup *cg, struct usage *u)
{
    (void)hr_cgroup_read(cg, &u->sample);
    (void)hr_cgroup_read_cpu(cg, &u->cpu);
    u->working_set = hr_cgroup_working_set(cg, u->sample.memory);
    for (int i = 0; i < NPRESSURES; i++)
        (void)hr_cgroup_read_pressure(cg, pressure_files[i], &u->pressure[i]);
}

/* Those that are told apart are the supervisor and those of its services that run.  0 or -errno. */
static int begin_look(struct hr_resources *r)
{
    struct hr_board_head head;
    struct hr_board_service s;
    pid_t watch[HR_PROCESSES_WATCHED_MAX];
    size_t n = 0;
    int err = hr_board_get_head(r->board, &head);
    if (err)
        return err; /* the numbers stay as they were */
    watch[n++] = head.supervisor_pid;
    for (uint32_t i = 0; i < head.nservices && i < HR_MAX_SERVICES; i++)
        if (!hr_board_get_service(r->board, i, &s) && s.pid > 0)
            watch[n++] = s.pid;
    return hr_processes_begin(&r->processes, head.supervisor_pid, watch, n);
}

static void go_on_in_the_loop(struct hr_resources *r)
{
    if (!ev_is_active(&r->step))
        ev_timer_again(r->loop, &r->step);
}

void hr_resources_start(struct hr_resources *r)
{
    if (!begin_look(r))
        go_on_in_the_loop(r);
}

static void refresh(struct hr_resources *r)
{
    int64_t now = hr_now_ms();
    if (r->taken_ms && now - r->taken_ms < HR_RESOURCES_AGE_MS)
        return;
    r->taken_ms = now;
    read_usage(&r->cgroup, &r->usage);
    if (!begin_look(r) && !hr_processes_step(&r->processes))
        go_on_in_the_loop(r);
}

/* ---- metrics ---- */

/* A family of one sample without labels; without the sample if the value is not known. */
static void one(struct hr_expo *e, const char *name, const char *type, const char *help,
                int64_t value, double unit)
{
    hr_expo_family(e, name, type, help);
    if (value >= 0)
        hr_expo_sample(e, name, (double)value / unit, NULL);
}

static void collect_cgroup_memory(struct hr_expo *e, const struct usage *u)
{
    const struct hr_cgroup_sample *s = &u->sample;
    one(e, "handrail_cgroup_memory_usage_bytes", "gauge",
        "Memory of the container, with its cache of files.", s->memory, 1);
    one(e, "handrail_cgroup_memory_working_set_bytes", "gauge",
        "The same without what can be had back at once, as the kubelet reckons.", u->working_set,
        1);
    one(e, "handrail_cgroup_memory_limit_bytes", "gauge",
        "Above it the kernel kills; absent without a limit.", s->memory_max, 1);
    one(e, "handrail_cgroup_memory_peak_bytes", "gauge", "The most that was ever in use.",
        s->memory_peak, 1);
    one(e, "handrail_cgroup_oom_kills_total", "counter",
        "Processes of the container that the kernel killed for want of memory.", s->oom_kills, 1);
    one(e, "handrail_cgroup_pids", "gauge", "Processes and threads of the container.", s->pids, 1);
    one(e, "handrail_cgroup_pids_limit", "gauge",
        "From there on no process and no thread can be made; absent without a limit.", s->pids_max,
        1);
}

static void collect_cgroup_cpu(struct hr_expo *e, const struct hr_cgroup_cpu *c)
{
    one(e, "handrail_cgroup_cpu_seconds_total", "counter", "Processor time of the container.",
        c->used_us, 1e6);
    one(e, "handrail_cgroup_cpu_limit_cores", "gauge",
        "Processors that it may use; absent without a limit.", c->limit_millicores, 1e3);
    one(e, "handrail_cgroup_cpu_periods_total", "counter", "Periods of that limit.", c->periods, 1);
    one(e, "handrail_cgroup_cpu_throttled_periods_total", "counter",
        "Periods in which the limit was reached.", c->throttled, 1);
    one(e, "handrail_cgroup_cpu_throttled_seconds_total", "counter",
        "Time that was spent waiting for the next period.", c->throttled_us, 1e6);
}

static void collect_pressure(struct hr_expo *e, const struct usage *u)
{
    static const char name[] = "handrail_cgroup_pressure_seconds_total";
    hr_expo_family(e, name, "counter",
                   "Time in which some or all tasks of the container waited for the resource.");
    for (int i = 0; i < NPRESSURES; i++) {
        const struct hr_pressure *p = &u->pressure[i];
        if (p->some.total_us >= 0)
            hr_expo_sample(e, name, (double)p->some.total_us / 1e6, "resource", pressure_names[i],
                           "tasks", "some", NULL);
        if (p->full.total_us >= 0)
            hr_expo_sample(e, name, (double)p->full.total_us / 1e6, "resource", pressure_names[i],
                           "tasks", "all", NULL);
    }
}

static void collect_tree(struct hr_expo *e, const struct hr_processes_cost *c)
{
    one(e, "handrail_tree_processes", "gauge", "Processes of the supervisor and below it.",
        c->count, 1);
    one(e, "handrail_tree_threads", "gauge", "Their threads.", c->threads, 1);
    one(e, "handrail_tree_resident_memory_bytes", "gauge",
        "Their resident memory; what they share is counted for each.", c->rss_bytes, 1);
    one(e, "handrail_tree_open_fds", "gauge", "Their open descriptors.", c->open_fds, 1);
    one(e, "handrail_tree_zombies", "gauge",
        "Those that have ended and were not waited for by their parent.", c->zombies, 1);
}

/* The processes that are told apart, with the names of their services. */
struct named {
    size_t n;
    struct {
        char name[HR_SERVICE_NAME_MAX];
        const struct hr_process_cost *cost;
    } list[HR_PROCESSES_WATCHED_MAX];
};

static const struct hr_process_cost *cost_of(const struct hr_processes_cost *c, pid_t pid)
{
    for (size_t i = 0; i < c->nwatched; i++)
        if (c->watched[i].pid == pid)
            return &c->watched[i];
    return NULL;
}

static void add_named(struct named *all, const char *name, const struct hr_process_cost *cost)
{
    if (!cost || all->n == HR_PROCESSES_WATCHED_MAX)
        return;
    (void)snprintf(all->list[all->n].name, sizeof(all->list[0].name), "%s", name);
    all->list[all->n++].cost = cost;
}

static void find_named(const struct hr_resources *r, struct named *all)
{
    struct hr_board_head head;
    struct hr_board_service s;
    const struct hr_processes_cost *c = &r->processes.cost;
    all->n = 0;
    if (hr_board_get_head(r->board, &head))
        return;
    add_named(all, "supervisor", cost_of(c, head.supervisor_pid));
    for (uint32_t i = 0; i < head.nservices && i < HR_MAX_SERVICES; i++)
        if (!hr_board_get_service(r->board, i, &s) && s.pid > 0)
            add_named(all, s.name, cost_of(c, s.pid));
}

static void each_named(struct hr_expo *e, const struct named *all, const char *name,
                       const char *type, const char *help, size_t offset, double unit)
{
    hr_expo_family(e, name, type, help);
    for (size_t i = 0; i < all->n; i++) {
        int64_t value = 0;
        memcpy(&value, (const char *)all->list[i].cost + offset, sizeof(value));
        if (value >= 0)
            hr_expo_sample(e, name, (double)value / unit, "service", all->list[i].name, NULL);
    }
}

static void collect_named(struct hr_expo *e, const struct hr_resources *r)
{
    struct named all;
    find_named(r, &all);
    each_named(e, &all, "handrail_process_cpu_seconds_total", "counter",
               "Processor time of the service's process, without those that it has started.",
               offsetof(struct hr_process_cost, cpu_ms), 1e3);
    each_named(e, &all, "handrail_process_resident_memory_bytes", "gauge", "Its resident memory.",
               offsetof(struct hr_process_cost, rss_bytes), 1);
    each_named(e, &all, "handrail_process_threads", "gauge", "Its threads.",
               offsetof(struct hr_process_cost, threads), 1);
    each_named(e, &all, "handrail_process_open_fds", "gauge", "Its open descriptors.",
               offsetof(struct hr_process_cost, open_fds), 1);
}

void hr_resources_collect(struct hr_expo *e, void *arg)
{
    struct hr_resources *r = arg;
    refresh(r);
    collect_cgroup_memory(e, &r->usage);
    collect_cgroup_cpu(e, &r->usage.cpu);
    collect_pressure(e, &r->usage);
    collect_tree(e, &r->processes.cost);
    collect_named(e, r);
}

/* ---- status ---- */

static json_t *whole(int64_t value)
{
    return value >= 0 ? json_integer(value) : json_null();
}

static json_t *part(int64_t value, double unit)
{
    return value >= 0 ? json_real((double)value / unit) : json_null();
}

/* Of microseconds seconds, to the millisecond. */
static json_t *milliseconds(int64_t us)
{
    return part(us < 0 ? -1 : us / 1000, 1e3);
}

json_t *hr_resources_status(struct hr_resources *r, json_t *disks)
{
    refresh(r);
    const struct usage *u = &r->usage;
    const struct hr_processes_cost *c = &r->processes.cost;
    return json_pack(
        "{s:{s:o, s:o, s:o, s:o, s:o}, s:{s:o, s:o, s:o, s:o}, s:{s:o, s:o},"
        " s:{s:o, s:o, s:o, s:o, s:o}, s:o}",
        "memory", "used_bytes", whole(u->sample.memory), "limit_bytes", whole(u->sample.memory_max),
        "working_set_bytes", whole(u->working_set), "oom_kills", whole(u->sample.oom_kills),
        "pressure_10s_percent", part(u->pressure[MEMORY].some.avg10_centi, 100), "cpu", "seconds",
        milliseconds(u->cpu.used_us), "limit_cores", part(u->cpu.limit_millicores, 1e3),
        "throttled_seconds", milliseconds(u->cpu.throttled_us), "pressure_10s_percent",
        part(u->pressure[CPU].some.avg10_centi, 100), "pids", "count", whole(u->sample.pids),
        "limit", whole(u->sample.pids_max), "processes", "count", whole(c->count), "threads",
        whole(c->threads), "open_fds", whole(c->open_fds), "rss_bytes", whole(c->rss_bytes),
        "zombies", whole(c->zombies), "disks", disks ? disks : json_array());
}
