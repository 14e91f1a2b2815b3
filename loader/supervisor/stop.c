/* SPDX-License-Identifier: MIT
 * The stop.  See stop.h; the phases are in supervisor.h. */
#include "stop.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/loop/loop.h"
#include "core.h"
#include "proc.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum {
    SWEEP_PERIOD_MS = 100,  /* while ending: look again at who is left */
    LOOK_SHARE = 4,         /* so much longer than a look takes is the time between two */
    NAME_WAITERS_MS = 5000, /* while stopping: say every so often whom we wait for */
    LEFTOVER_MS = 5000,     /* budget for what is left, when no grace period is set */
    KILL_WAIT_MS = 1000,    /* after SIGKILL to all: leave even if something survives */
    HASTE_MS = 2000,        /* what a second order to stop leaves of the budget */
    PAUSE_SHARE = 3,        /* the preparation gets no more than this part of the budget */
};

static bool has_process(const struct hr_unit *u)
{
    return u->service.pub.pid > 0;
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
    hr_loop_arm(sup->loop, &sup->budget, KILL_WAIT_MS, 0);
    hr_loop_arm(sup->loop, &sup->tick, SWEEP_PERIOD_MS, SWEEP_PERIOD_MS);
}

/* Has the kernel a child of ours, dead or alive?  Every descendant hangs below one: orphans come to
 * us.  So without children nobody is left, whatever /proc has to say. */
static bool has_children(void)
{
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

static void end_sidecar(struct hr_supervisor *sup)
{
    if (sup->nunits > HR_INDEX_SIDECAR)
        hr_service_event(&sup->units[HR_INDEX_SIDECAR].service, HR_EV_STOP, 0);
}

/* While ending: ask those who are new, see whether anybody is left besides the sidecar.  A look at
 * many processes takes its time, and each of their ends would ask for one. */
static void look_for_leftovers(struct hr_supervisor *sup)
{
    const struct hr_unit *sidecar = &sup->units[HR_INDEX_SIDECAR]; /* all zero in a plain init */
    pid_t waiting = 0;
    int left = 0;
    int64_t began = hr_now_ms();
    if (began < sup->look_at_ms) {
        hr_loop_arm(sup->loop, &sup->tick, sup->look_at_ms - began, SWEEP_PERIOD_MS);
        return;
    }
    if (has_children())
        left = hr_sweep_terminate(&sup->sweep, sidecar->service.pub.pid, &waiting);
    if (left <
        0) { /* no /proc: everybody was asked, the sidecar too, so it is not waited for alone */
        end_sidecar(sup);
        left = 1;
    }
    sup->look_at_ms = began + LOOK_SHARE * (hr_now_ms() - began);
    for (uint32_t i = HR_INDEX_HOOK; i < sup->nunits; i++)
        left += has_process(&sup->units[i]);
    say_waiting(sup, waiting);
    if (left > 0)
        return;
    ev_timer_stop(sup->loop, &sup->tick);
    sup->phase = HR_CLOSING;
    end_sidecar(sup);
}

static void begin_ending(struct hr_supervisor *sup)
{
    sup->phase = HR_ENDING;
    hr_publish(sup);                 /* the server is gone: that is another phase of the pod */
    if (!ev_is_active(&sup->budget)) /* no grace period: the server had all the time it wanted */
        hr_loop_arm(sup->loop, &sup->budget, LEFTOVER_MS, 0);
    for (uint32_t i = HR_INDEX_HOOK; i < sup->nunits; i++)
        hr_service_event(&sup->units[i].service, HR_EV_STOP, 0);
    hr_loop_arm(sup->loop, &sup->tick, SWEEP_PERIOD_MS, SWEEP_PERIOD_MS);
    look_for_leftovers(sup);
}

/* The clock of the stop starts. */
static void begin(struct hr_supervisor *sup, enum hr_phase phase)
{
    struct hr_service *hook = &sup->units[HR_INDEX_HOOK].service; /* all zero in a plain init */
    sup->phase = phase;
    sup->stop_began_ms = sup->named_ms = hr_now_ms();
    hook->policy.restart = HR_RESTART_NEVER; /* it may go on, but not begin anew */
    if (hook->pub.state == HR_BACKOFF)
        hr_service_event(hook, HR_EV_STOP, 0);
    if (sup->ambient.path[0]) /* no new conversation is to find the tools */
        (void)hr_ambient_remove_apart(&sup->ambient);
    if (sup->config->grace_ms)
        hr_loop_arm(sup->loop, &sup->budget, sup->config->grace_ms, 0);
}

/* Ask the server to end, whether it is prepared or not. */
static void end_server(struct hr_supervisor *sup)
{
    struct hr_service *server = &hr_main_unit(sup)->service;
    ev_timer_stop(sup->loop, &sup->pause);
    sup->phase = HR_DRAINING;
    if (!sup->config->stdio) /* that of a restart does not hold here, where the budget does */
        server->policy.stop_timeout_ms = sup->config->server.stop_timeout_ms;
    hr_service_event(server, HR_EV_STOP, 0);
}

/* The sidecar was the last, and has processes of its own, which end with it but not in the same
 * moment. */
static bool has_left_something(struct hr_supervisor *sup)
{
    pid_t waiting = 0;
    if (!has_children() || hr_sweep_terminate(&sup->sweep, 0, &waiting) <= 0)
        return false;
    if (!ev_is_active(&sup->tick))
        hr_loop_arm(sup->loop, &sup->tick, SWEEP_PERIOD_MS, SWEEP_PERIOD_MS);
    return true;
}

/* Go on with a stop as far as it goes now.  Called after everything that may have changed. */
void hr_stop_advance(struct hr_supervisor *sup)
{
    struct hr_unit *server = hr_main_unit(sup);
    uint32_t state = server->service.pub.state;
    if (sup->phase == HR_RUNNING &&
        (state == HR_DOWN || (state == HR_FAILED && !sup->config->stay)))
        begin(sup, HR_DRAINING);
    if (sup->phase == HR_PAUSING &&
        (!has_process(server) || !has_process(&sup->units[HR_INDEX_SIDECAR])))
        end_server(sup);
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
    if (sup->phase == HR_CLOSING && has_left_something(sup))
        return;
    ev_break(sup->loop, EVBREAK_ALL);
}

/* Have the server save its conversations first, if it can be asked.  True if that has begun.
 * Also while it is starting: that it is ready reaches the sidecar before it reaches us. */
static bool prepare(struct hr_supervisor *sup)
{
    const struct hr_service *server = &sup->units[HR_INDEX_SERVER].service;
    const struct hr_service *sidecar = &sup->units[HR_INDEX_SIDECAR].service;
    int64_t limit = sup->config->pause_ms;
    if (!limit || (server->pub.state != HR_STARTING && server->pub.state != HR_UP) ||
        sidecar->pub.state != HR_UP || !hr_server_has_key(sup))
        return false;
    int err = hr_server_order_pause(sup);
    if (err) {
        hr_warn("server: cannot be asked to prepare for its pause: %s", strerror(-err));
        return false;
    }
    if (sup->config->grace_ms && limit > sup->config->grace_ms / PAUSE_SHARE)
        limit = sup->config->grace_ms / PAUSE_SHARE;
    hr_loop_arm(sup->loop, &sup->pause, limit, 0);
    return true;
}

void hr_stop_paused(struct hr_supervisor *sup, uint32_t life, int status)
{
    if (sup->phase != HR_PAUSING || life != sup->units[HR_INDEX_SERVER].service.pub.starts)
        return;
    if (status >= 200 && status < 300)
        hr_info("server: has prepared for its pause");
    else if (status == 503 || status == 404) /* it is dormant, or does not know the request */
        hr_debug("server: did not prepare for its pause: status %d", status);
    else if (status == -ECONNREFUSED) /* it does not listen yet: there is nothing to save */
        hr_debug("server: did not prepare for its pause: its port is closed");
    else
        hr_warn("server: has not prepared for its pause: %s %d",
                status < 0 ? strerror(-status) : "status", status);
    end_server(sup);
}

static void on_pause(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    (void)loop;
    (void)revents;
    if (sup->phase != HR_PAUSING)
        return;
    hr_warn("server: has not prepared for its pause in time: going on without");
    end_server(sup);
    hr_stop_advance(sup);
}

/* Somebody wants us to end. */
static void begin_stop(struct hr_supervisor *sup, int sig)
{
    struct hr_service *server = &hr_main_unit(sup)->service;
    begin(sup, HR_PAUSING);
    sup->stop_signal = sig;
    sup->stopped_idle = server->pub.pid == 0;
    if (!sup->config->sidecar) { /* a plain init passes on what it gets, and no more */
        sup->phase = HR_DRAINING;
        server->policy.stop_signal = sig;
        hr_service_event(server, HR_EV_STOP, 0);
        return;
    }
    if (sig != SIGTERM)
        server->policy.stop_signal = sig;
    sup->head.draining = HR_DRAINING_STOP;
    hr_board_put_head(sup->board, &sup->head);
    hr_publish(sup);
    hr_server_stopping(sup);
    if (sup->config->grace_ms)
        hr_info("stopping on signal %d (%s), within %lld ms", sig, strsignal(sig),
                (long long)sup->config->grace_ms);
    else
        hr_info("stopping on signal %d (%s), without a limit", sig, strsignal(sig));
    if (!prepare(sup))
        end_server(sup);
    hr_loop_arm(sup->loop, &sup->tick, NAME_WAITERS_MS, NAME_WAITERS_MS);
}

/* Asked once more: there is no time for the preparation, and little for the rest. */
static void hasten(struct hr_supervisor *sup, int sig)
{
    ev_now_update(sup->loop);
    double left = ev_is_active(&sup->budget)
                      ? (double)ev_timer_remaining(sup->loop, &sup->budget) * 1000
                      : HASTE_MS;
    hr_warn("signal %d (%s) again: %d ms are left, a third one kills at once", sig, strsignal(sig),
            left < HASTE_MS ? (int)left : HASTE_MS);
    if (left >= HASTE_MS)
        hr_loop_arm(sup->loop, &sup->budget, HASTE_MS, 0);
    if (sup->phase == HR_PAUSING)
        end_server(sup);
}

void hr_stop_signal(struct hr_supervisor *sup, int sig)
{
    struct hr_service *server = &hr_main_unit(sup)->service;
    if (sup->phase == HR_RUNNING) {
        begin_stop(sup, sig);
    } else if (!sup->config->sidecar && sup->phase == HR_DRAINING) {
        server->ops->kill(server->ctx, server, sig);
    } else if (!sup->stop_signal && sup->phase != HR_KILLING) {
        sup->stop_signal = sig; /* the first order: what goes on is the server's own end */
        hr_info("signal %d (%s): stopping already", sig, strsignal(sig));
    } else if (sup->phase != HR_KILLING && ++sup->stop_orders == 1) {
        hasten(sup, sig);
    } else if (sup->phase != HR_KILLING) {
        hr_warn("signal %d (%s) once more: killing what is left", sig, strsignal(sig));
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
    if (sup->config->grace_ms)
        hr_warn("the grace period is over: killing what is left");
    else
        hr_warn("what the command has left has not ended within %d s: killing it",
                LEFTOVER_MS / 1000);
    kill_all(sup);
    hr_stop_advance(sup);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    (void)loop;
    (void)revents;
    if (sup->phase == HR_DRAINING || sup->phase == HR_PAUSING)
        say_waiting(sup, hr_main_unit(sup)->service.pub.pid);
    hr_stop_advance(sup);
}

void hr_stop_init(struct hr_supervisor *sup)
{
    ev_init(&sup->pause, on_pause);
    ev_init(&sup->budget, on_budget);
    ev_init(&sup->tick, on_tick);
    sup->pause.data = sup->budget.data = sup->tick.data = sup;
}
