/* SPDX-License-Identifier: MIT
 * Memory of the cgroup.  See memory.h. */
#include "memory.h"

#include "common/fd.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Something waits for memory for 150 ms of 2 s: whole multiples of 2 s are for everybody. */
static const char trigger[] = "some 150000 2000000";

static struct hr_memory *memory_of(struct hr_measure *m)
{
    return (struct hr_memory *)(void *)m; /* its first member */
}

/* ---- measuring ---- */

static double mib(int64_t bytes)
{
    return (double)bytes / (1024 * 1024);
}

static void judge(struct hr_memory *mem, int64_t used, int64_t limit, int64_t waited_centi)
{
    double percent = 100. * (double)used / (double)limit;
    int64_t left = used < limit ? limit - used : 0;
    int64_t wanted = mem->free_is_percent ? limit / 100 * mem->free : mem->free;
    enum hr_found found = left < wanted ? HR_FOUND_BAD : HR_FOUND_GOOD;
    if (found == HR_FOUND_GOOD && waited_centi >= (int64_t)mem->pressure_percent * 100)
        hr_measure_value(&mem->m, HR_FOUND_BAD, percent,
                         "%.1f %% of the time something waits for memory, limit %d %%",
                         (double)waited_centi / 100, mem->pressure_percent);
    else
        hr_measure_value(&mem->m, found, percent, "%.0f of %.0f MiB in use, %.0f MiB must be free",
                         mib(used), mib(limit), mib(wanted));
}

static void start(struct hr_measure *m)
{
    struct hr_memory *mem = memory_of(m);
    struct hr_cgroup_sample s;
    struct hr_pressure p;
    (void)hr_cgroup_read(&mem->cgroup, &s);
    (void)hr_cgroup_read_pressure(&mem->cgroup, "memory.pressure", &p);
    int64_t used = hr_cgroup_working_set(&mem->cgroup, s.memory);
    if (used < 0)
        used = s.memory;
    if (used < 0)
        hr_measure_say(m, HR_FOUND_NOTHING, "no cgroup of ours with memory can be seen");
    else if (s.memory_max <= 0)
        hr_measure_say(m, HR_FOUND_NOTHING, "the cgroup has no limit of memory");
    else
        judge(mem, used, s.memory_max, p.some.avg10_centi);
}

/* Nothing can be under way: it reads what the kernel answers from counters. */
static void cancel(struct hr_measure *m)
{
    (void)m;
}

/* ---- what the kernel says ---- */

/* Edge-triggered, so an event that is not taken off (there is nothing to read) is told once. */
static void on_wake(struct ev_loop *loop, ev_io *w, int events)
{
    struct hr_memory *mem = w->data;
    struct epoll_event ready[HR_MEMORY_WAKES];
    (void)loop;
    (void)events;
    int n = epoll_wait(mem->set, ready, HR_MEMORY_WAKES, 0);
    for (int i = 0; i < n; i++)
        if (!(ready[i].events & EPOLLPRI)) /* its cgroup is gone: it would say so for ever */
            (void)epoll_ctl(mem->set, EPOLL_CTL_DEL, mem->wake_fd[ready[i].data.u32], NULL);
    mem->wakes++;
    if (mem->m.now_ms() - mem->m.asked_ms >= HR_MEMORY_WAKE_MS)
        hr_measure_now(&mem->m);
}

static void listen_to(struct hr_memory *mem, int i, int fd)
{
    struct epoll_event e = {.events = EPOLLPRI | EPOLLET, .data.u32 = (uint32_t)i};
    mem->wake_fd[i] = fd;
    if (fd >= 0 && epoll_ctl(mem->set, EPOLL_CTL_ADD, fd, &e) < 0)
        hr_close(&mem->wake_fd[i]);
}

static int open_trigger(int dir, const char *path)
{
    int fd = openat(dir, path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && write(fd, trigger, sizeof(trigger)) < 0)
        hr_close(&fd);
    return fd;
}

void hr_memory_start(struct hr_memory *mem)
{
    mem->set = epoll_create1(EPOLL_CLOEXEC);
    if (mem->set < 0)
        return; /* its period remains */
    int own = mem->cgroup.unified >= 0 ? open_trigger(mem->cgroup.unified, "memory.pressure") : -1;
    listen_to(mem, 0, own >= 0 ? own : open_trigger(AT_FDCWD, "/proc/pressure/memory"));
    if (!mem->cgroup.v1 && mem->cgroup.memory >= 0)
        listen_to(mem, 1, openat(mem->cgroup.memory, "memory.events", O_RDONLY | O_CLOEXEC));
    hr_debug("checks: memory: woken by %s", own >= 0               ? "the cgroup's pressure"
                                            : mem->wake_fd[0] >= 0 ? "the node's pressure"
                                            : mem->wake_fd[1] >= 0 ? "the cgroup's events"
                                                                   : "nothing but its period");
    ev_io_init(&mem->io, on_wake, mem->set, EV_READ);
    mem->io.data = mem;
    ev_io_start(mem->m.loop, &mem->io);
}

void hr_memory_stop(struct hr_memory *mem)
{
    if (mem->set >= 0)
        ev_io_stop(mem->m.loop, &mem->io);
    for (int i = 0; i < HR_MEMORY_WAKES; i++)
        hr_close(&mem->wake_fd[i]);
    hr_close(&mem->set);
    hr_cgroup_close(&mem->cgroup);
}

void hr_memory_init(struct hr_memory *mem, const char *root)
{
    static const struct hr_method method = {.start = start, .cancel = cancel};
    mem->set = -1;
    for (int i = 0; i < HR_MEMORY_WAKES; i++)
        mem->wake_fd[i] = -1;
    (void)hr_cgroup_open(&mem->cgroup, root);
    mem->m.method = &method;
    hr_measure_init(&mem->m);
}
