/* SPDX-License-Identifier: MIT
 * The stop.  See stop.h; the phases are in supervisor.h. */
#include "stop.h"

#include "common/clock.h"
#include "common/log.h"
#include "core.h"
#include "proc.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum {
    SWEEP_PERIOD_MS = 100,  /* while ending: look again at who is left */
    NAME_WAITERS_MS = 5000, /* while stopping: say every so often whom we wait for */
    LEFTOVER_MS = 5000,     /* budget for what is left, when no grace period is set */
    KILL_WAIT_MS = 1000,    /* after SIGKILL to all: leave even if something survives */
};

static bool has_process(const struct hr_unit *u)
{
    return u->service.pub.pid > 0;
}

static void arm(struct hr_supervisor *sup, ev_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    ev_timer_stop(sup->loop, timer);
    ev_now_update(sup->loop);
    ev_timer_set(timer, (double)delay_ms / 1000.0, (double)repeat_ms / 1000.0);
    ev_timer_start(sup->loop, timer);
}

static void say_waiting(struct hr_supervisor *sup, pid_t pid)
{
    char name[HR_PROC_COMM];
    int64_t now = hr_now_ms();
    if (pid <= 0 || now - sup->named_ms < NAME_WAITERS_MS)
        return;
    sup->named_ms = now;
    hr_proc_name(pid, name);
    hr_info("stopping for %lld s: waiting for pid %d (%s)",
            (long long)((now - sup->stop_began_ms) / 1000), (int)pid, name);
}

static void kill_all(struct hr_supervisor *sup)
{
    char name[HR_PROC_COMM];
    for (uint32_t i = 0; i < sup->nunits; i++) {
        struct hr_unit *u = &sup->units[i];
        const struct hr_board_service *pub = &u->service.pub;
        hr_service_event(&u->service, HR_EV_STOP, 0); /* or it would be started again */
        if (!has_process(u))
            continue;
        hr_proc_name(pub->pid, name);
        hr_warn("killing %s, pid %d (%s)", pub->name, pub->pid, name);
        (void)kill(-pub->pid, SIGKILL);
        (void)kill(pub->pid, SIGKILL); /* it may not have made its group yet */
    }
    sup->phase = HR_KILLING;
    arm(sup, &sup->budget, KILL_WAIT_MS, 0);
    arm(sup, &sup->tick, SWEEP_PERIOD_MS, SWEEP_PERIOD_MS);
}

/* Has the kernel a child of ours, dead or alive?  Every descendant hangs below one: orphans come to
 * us.  So without children nobody is left, whatever /proc has to say. */
static bool has_children(void)
{
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

/* While ending: ask those who are new, see whether anybody is left besides the sidecar. */
static void look_for_leftovers(struct hr_supervisor *sup)
{
    const struct hr_unit *sidecar = &sup->units[HR_INDEX_SIDECAR]; /* all zero in a plain init */
    pid_t waiting = 0;
    int left = 0;
    if (has_children())
        left = hr_sweep_terminate(&sup->sweep, sidecar->service.pub.pid, &waiting);
    if (left < 0) /* no /proc; a sidecar has to be counted as somebody then */
        left = !has_process(sidecar);
    for (uint32_t i = HR_INDEX_TOOLHOST; i < sup->nunits; i++)
        left += has_process(&sup->units[i]);
    say_waiting(sup, waiting);
    if (left > 0)
        return;
    ev_timer_stop(sup->loop, &sup->tick);
    sup->phase = HR_CLOSING;
    if (sup->nunits > HR_INDEX_SIDECAR)
        hr_service_event(&sup->units[HR_INDEX_SIDECAR].service, HR_EV_STOP, 0);
}

static void begin_ending(struct hr_supervisor *sup)
{
    sup->phase = HR_ENDING;
    if (!ev_is_active(&sup->budget)) /* no grace period: the server had all the time it wanted */
        arm(sup, &sup->budget, LEFTOVER_MS, 0);
    for (uint32_t i = HR_INDEX_TOOLHOST; i < sup->nunits; i++)
        hr_service_event(&sup->units[i].service, HR_EV_STOP, 0);
    arm(sup, &sup->tick, SWEEP_PERIOD_MS, SWEEP_PERIOD_MS);
    look_for_leftovers(sup);
}

static void begin_draining(struct hr_supervisor *sup)
{
    sup->phase = HR_DRAINING;
    sup->stop_began_ms = sup->named_ms = hr_now_ms();
    if (sup->config->grace_ms)
        arm(sup, &sup->budget, sup->config->grace_ms, 0);
}

/* Go on with a stop as far as it goes now.  Called after everything that may have changed. */
void hr_stop_advance(struct hr_supervisor *sup)
{
    struct hr_unit *server = &sup->units[HR_INDEX_SERVER];
    if (sup->phase == HR_RUNNING && server->service.pub.state == HR_FAILED)
        begin_draining(sup);
    if (sup->phase == HR_DRAINING && !has_process(server))
        begin_ending(sup);
    else if (sup->phase == HR_ENDING)
        look_for_leftovers(sup);
    if (sup->phase == HR_KILLING && has_children()) {
        hr_sweep_kill(); /* again: they may have forked meanwhile */
        return;
    }
    if (sup->phase != HR_CLOSING && sup->phase != HR_KILLING)
        return;
    for (uint32_t i = 0; i < sup->nunits; i++)
        if (has_process(&sup->units[i]))
            return;
    ev_break(sup->loop, EVBREAK_ALL);
}

/* Somebody wants us to end. */
static void begin_stop(struct hr_supervisor *sup, int sig)
{
    struct hr_service *server = &sup->units[HR_INDEX_SERVER].service;
    begin_draining(sup);
    sup->stop_signal = sig;
    sup->head.draining = 1;
    if (sup->board)
        hr_board_put_head(sup->board, &sup->head);
    hr_publish(sup);
    if (!sup->config->sidecar) { /* a plain init passes on what it gets, and no more */
        server->policy.stop_signal = sig;
        hr_service_event(server, HR_EV_STOP, 0);
        return;
    }
    hr_info("stopping on signal %d (%s), within %lld ms", sig, strsignal(sig),
            (long long)sup->config->grace_ms);
    hr_service_event(server, HR_EV_STOP, 0);
    server->ops->kill(server->ctx, server, SIGCONT); /* a server that is stopped cannot end */
    arm(sup, &sup->tick, NAME_WAITERS_MS, NAME_WAITERS_MS);
}

void hr_stop_signal(struct hr_supervisor *sup, int sig)
{
    struct hr_service *server = &sup->units[HR_INDEX_SERVER].service;
    if (sup->phase == HR_RUNNING) {
        begin_stop(sup, sig);
    } else if (!sup->config->sidecar && sup->phase == HR_DRAINING) {
        server->ops->kill(server->ctx, server, sig);
    } else if (sup->phase != HR_KILLING) {
        hr_warn("signal %d (%s) again: killing what is left", sig, strsignal(sig));
        kill_all(sup);
    }
}

static void on_budget(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    (void)revents;
    if (sup->phase == HR_KILLING) {
        hr_error("something has survived SIGKILL: leaving it behind");
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    hr_warn("the grace period is over: killing what is left");
    kill_all(sup);
    hr_stop_advance(sup);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    (void)loop;
    (void)revents;
    if (sup->phase == HR_DRAINING)
        say_waiting(sup, sup->units[HR_INDEX_SERVER].service.pub.pid);
    hr_stop_advance(sup);
}

void hr_stop_init(struct hr_supervisor *sup)
{
    ev_init(&sup->budget, on_budget);
    ev_init(&sup->tick, on_tick);
    sup->budget.data = sup->tick.data = sup;
}
