/* SPDX-License-Identifier: MIT
 * PID 1.  See supervisor.h for the phases, service.h for what happens to each process. */
#include "supervisor.h"

#include "ambient.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "handout.h"
#include "output.h"
#include "programs.h"
#include "service.h"
#include "spawn.h"
#include "sweep.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SWEEP_PERIOD_MS = 100,  /* while ending: look again at who is left */
    NAME_WAITERS_MS = 5000, /* while stopping: say every so often whom we wait for */
    LEFTOVER_MS = 5000,     /* budget for what is left, when no grace period is set */
    KILL_WAIT_MS = 1000,    /* after SIGKILL to all: leave even if something survives */
    SIDECAR_START_MS = 10 * 1000,
    SIDECAR_STOP_MS = 2000,
    TOOLHOST_START_MS = 30 * 1000,
    TOOLHOST_STOP_MS = 5000,
    SIGNALS_PER_EVENT = 64, /* then others get their turn: a flood must not starve the loop */
    SYSERR_PAUSE_MS = 100,  /* after an error of the event loop itself */
};

enum phase { RUNNING, DRAINING, ENDING, CLOSING, KILLING };

/* A service and its descriptors. */
struct unit {
    struct hr_service service; /* first: the ops get this address */
    struct supervisor *sup;
    struct hr_output output; /* not used by the server, whose output is ours */
    int notify[2];           /* a pipe kept for all lives; -1 for the server */
    int report;              /* exec report of the current life, or -1 */
    ev_timer timer;
    ev_io output_io;
    ev_io notify_io;
    ev_io report_io;
};

struct supervisor {
    const struct hr_config *config;
    const struct hr_signals *signals;
    struct ev_loop *loop;
    struct hr_board *board; /* NULL in a plain init */
    int board_fd;
    int event_fd;
    struct hr_board_head head;
    struct hr_handout handout;
    struct hr_ambient ambient;
    struct hr_programs programs;
    struct unit units[HR_MAX_SERVICES];
    uint32_t nunits;
    bool foreground; /* a plain init in the foreground of a terminal: the command gets it */

    enum phase phase;
    int stop_signal; /* that began the stop; 0: the server ended by itself */
    struct hr_sweep sweep;
    int64_t stop_began_ms;
    int64_t named_ms; /* when we last said whom we wait for */
    ev_io signal_io;
    ev_timer budget; /* of the stop */
    ev_timer tick;   /* while ending */
};

/* The one supervisor of this process.  Static: nothing is allocated for it. */
static struct supervisor the_supervisor;

/* ---- what the state machine needs from the world ------------------------------------------- */

static int64_t op_now_ms(void *ctx)
{
    (void)ctx;
    return hr_now_ms();
}

static uint32_t op_random(void *ctx)
{
    static uint32_t x;
    (void)ctx;
    if (!x)
        x = (uint32_t)hr_now_us() | 1;
    x ^= x << 13; /* xorshift32: jitter needs no more */
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

static void publish(struct supervisor *sup)
{
    static const uint64_t one = 1;
    if (sup->board && write(sup->event_fd, &one, sizeof(one)) < 0)
        hr_debug("the board's event counter is full: %s", strerror(errno));
}

static void op_changed(void *ctx, struct hr_service *s)
{
    struct supervisor *sup = ((struct unit *)ctx)->sup;
    if (sup->board)
        hr_board_put_service(sup->board, s->index, &s->pub);
    publish(sup);
}

static void op_kill(void *ctx, struct hr_service *s, int sig)
{
    (void)ctx;
    if (s->pub.pid > 0 && kill(s->pub.pid, sig) < 0)
        hr_warn("%s: cannot send signal %d to pid %d: %s", s->pub.name, sig, s->pub.pid,
                strerror(errno));
}

static void op_set_timer(void *ctx, struct hr_service *s, int64_t delay_ms)
{
    struct unit *u = ctx;
    (void)s;
    ev_timer_stop(u->sup->loop, &u->timer);
    if (delay_ms < 0)
        return;
    ev_now_update(u->sup->loop);
    ev_timer_set(&u->timer, (double)delay_ms / 1000.0, 0.0);
    ev_timer_start(u->sup->loop, &u->timer);
}

/* What a service's process gets. */
static struct hr_spawn spawn_plan(const struct unit *u)
{
    const struct supervisor *sup = u->sup;
    uint32_t index = u->service.index;
    struct hr_spawn plan = {.signals = sup->signals, .fds = {-1, -1, -1, -1, -1, -1, -1, -1, -1}};
    if (index == HR_INDEX_SERVER) {
        plan.argv = sup->config->command;
        plan.env = environ;
        plan.die_with_us = sup->config->sidecar;
        plan.foreground = sup->foreground;
        return plan;
    }
    plan.env = sup->programs.env;
    plan.cwd = "/";
    plan.only_these = true;
    plan.die_with_us = true;
    plan.fds[STDIN_FILENO] = sup->handout.null_fd;
    plan.fds[STDOUT_FILENO] = u->output.write_fd;
    plan.fds[STDERR_FILENO] = u->output.write_fd;
    plan.fds[HR_FD_NOTIFY] = u->notify[1];
    if (index == HR_INDEX_SIDECAR) {
        plan.argv = (char *const *)sup->programs.sidecar_argv;
        plan.fds[HR_FD_SETTINGS] = sup->handout.sidecar_settings_fd;
        plan.fds[HR_FD_BOARD] = sup->board_fd;
        plan.fds[HR_FD_EVENT] = sup->event_fd;
        plan.fds[HR_FD_HEALTH] = sup->handout.health_fd;
        plan.fds[HR_FD_MCP] = sup->handout.mcp_fd;
    } else {
        uint32_t i = index - HR_INDEX_TOOLHOST;
        plan.argv = (char *const *)sup->programs.toolhost_argv;
        plan.fds[HR_FD_SETTINGS] = sup->handout.toolhosts[i].settings_fd;
        plan.fds[HR_FD_CALLS] = sup->handout.toolhosts[i].calls_fd;
    }
    return plan;
}

static void drop_report(struct unit *u)
{
    ev_io_stop(u->sup->loop, &u->report_io);
    hr_close(&u->report);
}

static int op_spawn(void *ctx, struct hr_service *s)
{
    struct unit *u = ctx;
    struct hr_spawn plan = spawn_plan(u);
    (void)s;
    drop_report(u);
    pid_t pid = hr_spawn(&plan, &u->report);
    if (pid > 0) {
        ev_io_set(&u->report_io, u->report, EV_READ);
        ev_io_start(u->sup->loop, &u->report_io);
    }
    return pid;
}

static const struct hr_service_ops real_ops = {
    .now_ms = op_now_ms,
    .random = op_random,
    .spawn = op_spawn,
    .kill = op_kill,
    .set_timer = op_set_timer,
    .changed = op_changed,
};

/* ---- stopping ------------------------------------------------------------------------------ */

static bool has_process(const struct unit *u)
{
    return u->service.pub.pid > 0;
}

static void arm(struct supervisor *sup, ev_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    ev_timer_stop(sup->loop, timer);
    ev_now_update(sup->loop);
    ev_timer_set(timer, (double)delay_ms / 1000.0, (double)repeat_ms / 1000.0);
    ev_timer_start(sup->loop, timer);
}

static void say_waiting(struct supervisor *sup, pid_t pid)
{
    char name[32];
    int64_t now = hr_now_ms();
    if (pid <= 0 || now - sup->named_ms < NAME_WAITERS_MS)
        return;
    sup->named_ms = now;
    hr_process_name(pid, name);
    hr_info("stopping for %lld s: waiting for pid %d (%s)",
            (long long)((now - sup->stop_began_ms) / 1000), (int)pid, name);
}

/* A unit's process group: what a plugin has forked, say.  Only while its leader is not reaped, or
 * the number may be somebody else's. */
static void kill_group(const struct unit *u)
{
    (void)kill(-u->service.pub.pid, SIGKILL);
}

/* Our own programs always do.  The server does if it has died: what it has left in its group is the
 * other half of a server that is two processes, which would hold the port and answer for the next
 * one.  In a stop that half is asked to end like everybody else. */
static bool ends_with_its_group(const struct unit *u)
{
    return u->service.index != HR_INDEX_SERVER ||
           (u->sup->config->sidecar && u->sup->phase == RUNNING);
}

static void kill_all(struct supervisor *sup)
{
    char name[32];
    for (uint32_t i = 0; i < sup->nunits; i++) {
        struct unit *u = &sup->units[i];
        const struct hr_board_service *pub = &u->service.pub;
        hr_service_event(&u->service, HR_EV_STOP, 0); /* or it would be started again */
        if (!has_process(u))
            continue;
        hr_process_name(pub->pid, name);
        hr_warn("killing %s, pid %d (%s)", pub->name, pub->pid, name);
        kill_group(u);
        (void)kill(pub->pid, SIGKILL); /* if it has not made its group yet */
    }
    sup->phase = KILLING;
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
static void look_for_leftovers(struct supervisor *sup)
{
    const struct unit *sidecar = &sup->units[HR_INDEX_SIDECAR]; /* all zero in a plain init */
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
    sup->phase = CLOSING;
    if (sup->nunits > HR_INDEX_SIDECAR)
        hr_service_event(&sup->units[HR_INDEX_SIDECAR].service, HR_EV_STOP, 0);
}

static void begin_ending(struct supervisor *sup)
{
    sup->phase = ENDING;
    if (!ev_is_active(&sup->budget)) /* no grace period: the server had all the time it wanted */
        arm(sup, &sup->budget, LEFTOVER_MS, 0);
    for (uint32_t i = HR_INDEX_TOOLHOST; i < sup->nunits; i++)
        hr_service_event(&sup->units[i].service, HR_EV_STOP, 0);
    arm(sup, &sup->tick, SWEEP_PERIOD_MS, SWEEP_PERIOD_MS);
    look_for_leftovers(sup);
}

static void begin_draining(struct supervisor *sup)
{
    sup->phase = DRAINING;
    sup->stop_began_ms = sup->named_ms = hr_now_ms();
    if (sup->config->grace_ms)
        arm(sup, &sup->budget, sup->config->grace_ms, 0);
}

/* Go on with a stop as far as it goes now.  Called after everything that may have changed. */
static void advance(struct supervisor *sup)
{
    struct unit *server = &sup->units[HR_INDEX_SERVER];
    if (sup->phase == RUNNING && server->service.pub.state == HR_FAILED)
        begin_draining(sup);
    if (sup->phase == DRAINING && !has_process(server))
        begin_ending(sup);
    else if (sup->phase == ENDING)
        look_for_leftovers(sup);
    if (sup->phase == KILLING && has_children()) {
        hr_sweep_kill(); /* again: they may have forked meanwhile */
        return;
    }
    if (sup->phase != CLOSING && sup->phase != KILLING)
        return;
    for (uint32_t i = 0; i < sup->nunits; i++)
        if (has_process(&sup->units[i]))
            return;
    ev_break(sup->loop, EVBREAK_ALL);
}

/* Somebody wants us to end. */
static void begin_stop(struct supervisor *sup, int sig)
{
    struct hr_service *server = &sup->units[HR_INDEX_SERVER].service;
    begin_draining(sup);
    sup->stop_signal = sig;
    sup->head.draining = 1;
    if (sup->board)
        hr_board_put_head(sup->board, &sup->head);
    publish(sup);
    if (!sup->config->sidecar) { /* a plain init passes on what it gets, and no more */
        server->policy.stop_signal = sig;
        hr_service_event(server, HR_EV_STOP, 0);
        return;
    }
    hr_info("stopping on signal %d (%s), within %lld ms", sig, strsignal(sig),
            (long long)sup->config->grace_ms);
    hr_service_event(server, HR_EV_STOP, 0);
    op_kill(server->ctx, server, SIGCONT); /* a server that is stopped cannot end */
    arm(sup, &sup->tick, NAME_WAITERS_MS, NAME_WAITERS_MS);
}

static void shutdown_signal(struct supervisor *sup, int sig)
{
    struct hr_service *server = &sup->units[HR_INDEX_SERVER].service;
    if (sup->phase == RUNNING) {
        begin_stop(sup, sig);
    } else if (!sup->config->sidecar && sup->phase == DRAINING) {
        op_kill(server->ctx, server, sig);
    } else if (sup->phase != KILLING) {
        hr_warn("signal %d (%s) again: killing what is left", sig, strsignal(sig));
        kill_all(sup);
    }
}

/* ---- events of the loop -------------------------------------------------------------------- */

static void on_budget(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct supervisor *sup = w->data;
    (void)revents;
    if (sup->phase == KILLING) {
        hr_error("something has survived SIGKILL: leaving it behind");
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    hr_warn("the grace period is over: killing what is left");
    kill_all(sup);
    advance(sup);
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct supervisor *sup = w->data;
    (void)loop;
    (void)revents;
    if (sup->phase == DRAINING)
        say_waiting(sup, sup->units[HR_INDEX_SERVER].service.pub.pid);
    advance(sup);
}

static void on_service_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct unit *u = w->data;
    (void)loop;
    (void)revents;
    hr_service_event(&u->service, HR_EV_TIMER, 0);
    advance(u->sup);
}

static void on_output(struct ev_loop *loop, ev_io *w, int revents)
{
    struct unit *u = w->data;
    (void)loop;
    (void)revents;
    hr_output_read(&u->output);
}

static void take_report(struct unit *u)
{
    if (u->report < 0)
        return;
    int err = hr_spawn_report(u->report);
    if (err == -EAGAIN)
        return;
    drop_report(u);
    hr_service_event(&u->service, err ? HR_EV_EXEC_FAILED : HR_EV_EXECUTED, err);
}

static void on_report(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    take_report(w->data);
}

/* One notification line of a unit's process. */
static void notified(struct unit *u, const char *line)
{
    static const char server[] = "SERVER=";
    struct hr_service *s = &u->sup->units[HR_INDEX_SERVER].service;
    int64_t starts = 0;
    if (strcmp(line, "READY=1") == 0) {
        hr_service_event(&u->service, HR_EV_READY, 0);
    } else if (u->service.index == HR_INDEX_SIDECAR &&
               strncmp(line, server, sizeof(server) - 1) == 0 &&
               hr_parse_int(line + sizeof(server) - 1, 0, UINT32_MAX, &starts) == 0) {
        if ((uint32_t)starts == s->pub.starts)
            hr_service_event(s, HR_EV_READY, 0);
    } else {
        hr_debug("%s: notification not understood", u->service.pub.name);
    }
}

static void take_notifications(struct unit *u)
{
    char text[512];
    if (u->notify[0] < 0)
        return;
    ssize_t n = read(u->notify[0], text, sizeof(text) - 1);
    if (n <= 0)
        return;
    text[n] = '\0';
    for (char *line = text; *line;) {
        char *end = line + strcspn(line, "\n");
        char *next = *end ? end + 1 : end;
        *end = '\0';
        notified(u, line);
        line = next;
    }
}

static void on_notify(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    take_notifications(w->data);
}

static struct unit *unit_of(struct supervisor *sup, pid_t pid)
{
    for (uint32_t i = 0; i < sup->nunits; i++)
        if (sup->units[i].service.pub.pid == pid)
            return &sup->units[i];
    return NULL;
}

/* Reap everything that has ended.  Each child is looked at before it is reaped: until then its pid
 * cannot belong to anybody else. */
static void reap(struct supervisor *sup)
{
    for (;;) {
        siginfo_t info = {0};
        int status = 0;
        int r = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 || info.si_pid == 0)
            break;
        struct unit *u = unit_of(sup, info.si_pid);
        if (u) { /* what it has said comes before its end */
            take_report(u);
            take_notifications(u);
            if (u->output.read_fd >= 0)
                hr_output_read(&u->output);
            if (ends_with_its_group(u))
                kill_group(u);
        }
        pid_t pid = waitpid(info.si_pid, &status, WNOHANG);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid != info.si_pid)
            break;
        if (u) {
            drop_report(u);
            hr_service_event(&u->service, HR_EV_EXITED, status);
        }
    }
}

static void on_signal(struct ev_loop *loop, ev_io *w, int revents)
{
    struct supervisor *sup = w->data;
    struct hr_service *server = &sup->units[HR_INDEX_SERVER].service;
    int sig = 0;
    bool children = false;
    (void)loop;
    (void)revents;
    for (int i = 0; i < SIGNALS_PER_EVENT && (sig = hr_signals_next(sup->signals)) > 0; i++) {
        switch (hr_signal_meaning(sig, !sup->config->sidecar)) {
        case HR_SIGNAL_CHILD: children = true; break;
        case HR_SIGNAL_SHUTDOWN: shutdown_signal(sup, sig); break;
        case HR_SIGNAL_FORWARD: op_kill(server->ctx, server, sig); break;
        case HR_SIGNAL_IGNORE: break;
        }
    }
    if (children)
        reap(sup);
    advance(sup);
}

/* ---- starting ------------------------------------------------------------------------------ */

static const struct hr_policy sidecar_policy = {
    .restart = HR_RESTART_ON_FAILURE,
    .says_ready = true,
    .final_code = -1,
    .final_code_unready = -1,
    .stop_signal = SIGTERM,
    .start_timeout_ms = SIDECAR_START_MS,
    .stop_timeout_ms = SIDECAR_STOP_MS,
};

static const struct hr_policy toolhost_policy = {
    .restart = HR_RESTART_ON_FAILURE,
    .says_ready = true,
    .final_code = HR_EXIT_CONFIG,
    .final_code_unready = -1,
    .stop_signal = SIGTERM,
    .start_timeout_ms = TOOLHOST_START_MS,
    .stop_timeout_ms = TOOLHOST_STOP_MS,
};

static struct hr_policy server_policy(const struct hr_config *c)
{
    return (struct hr_policy){
        .restart = c->restart,
        .says_ready = c->sidecar, /* the sidecar tells */
        .final_code = -1,
        .final_code_unready = c->sidecar ? 2 : -1, /* its usage error, as argparse has it */
        .stop_signal = SIGTERM,
        .budget = HR_BUDGET,
    };
}

static struct unit *add_unit(struct supervisor *sup, const char *name, enum hr_service_kind kind,
                             const struct hr_policy *policy)
{
    struct unit *u = &sup->units[sup->nunits];
    u->sup = sup;
    u->notify[0] = u->notify[1] = u->report = -1;
    u->output.read_fd = u->output.write_fd = -1;
    hr_service_init(&u->service, name, kind, policy, &real_ops, u);
    u->service.index = sup->nunits++;
    ev_init(&u->timer, on_service_timer);
    ev_init(&u->report_io, on_report);
    ev_init(&u->output_io, on_output);
    ev_init(&u->notify_io, on_notify);
    u->timer.data = u->report_io.data = u->output_io.data = u->notify_io.data = u;
    return u;
}

/* A unit of ours: with pipes for its output and its notifications.  0 or -errno. */
static int add_own_unit(struct supervisor *sup, const char *name, enum hr_service_kind kind,
                        const struct hr_policy *policy)
{
    struct unit *u = add_unit(sup, name, kind, policy);
    u->service.program = kind == HR_SIDECAR ? sup->programs.sidecar : sup->programs.toolhost;
    if (pipe2(u->notify, O_CLOEXEC) < 0 || fcntl(u->notify[0], F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    int err = hr_output_init(&u->output, u->service.pub.name);
    if (err)
        return err;
    ev_io_set(&u->output_io, u->output.read_fd, EV_READ);
    ev_io_start(sup->loop, &u->output_io);
    ev_io_set(&u->notify_io, u->notify[0], EV_READ);
    ev_io_start(sup->loop, &u->notify_io);
    return 0;
}

static int add_units(struct supervisor *sup)
{
    struct hr_policy policy = server_policy(sup->config);
    int err = 0;
    add_unit(sup, "server", HR_SERVER, &policy)->service.program = sup->config->command[0];
    if (!sup->config->sidecar)
        return 0;
    err = add_own_unit(sup, "sidecar", HR_SIDECAR, &sidecar_policy);
    for (uint32_t i = 0; i < sup->config->nplugins && !err; i++) {
        char name[HR_SERVICE_NAME_MAX];
        (void)snprintf(name, sizeof(name), "toolhost/%s", sup->config->plugins[i].id);
        err = add_own_unit(sup, name, HR_TOOLHOST, &toolhost_policy);
    }
    return err;
}

static int make_board(struct supervisor *sup)
{
    int err = hr_board_create(&sup->board, &sup->board_fd);
    if (err)
        return err;
    sup->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sup->event_fd < 0)
        return -errno;
    sup->head = (struct hr_board_head){
        .supervisor_pid = getpid(),
        .nservices = sup->nunits,
        .started_ms = hr_now_ms(),
        .started_wall_ms = hr_wall_ms(),
    };
    hr_board_put_head(sup->board, &sup->head);
    for (uint32_t i = 0; i < sup->nunits; i++)
        hr_board_put_service(sup->board, i, &sup->units[i].service.pub);
    return 0;
}

static void offer_tools(struct supervisor *sup)
{
    char address[HR_ADDRESS_TEXT];
    char url[HR_ADDRESS_TEXT + 16];
    hr_address_format(&sup->handout.mcp, address);
    (void)snprintf(url, sizeof(url), "http://%s/mcp", address);
    if (sup->config->nplugins)
        (void)hr_ambient_write(&sup->ambient, url, sup->handout.mcp_token);
    hr_address_format(&sup->handout.health, address);
    hr_info("health on %s, tools on %s, agent-server expected on %s port %u, %u plugin%s", address,
            url, sup->config->agent_host, sup->config->agent_port, sup->config->nplugins,
            sup->config->nplugins == 1 ? "" : "s");
}

/* libev would abort; here it tries again, but not as fast as it can. */
static void on_syserr(const char *what) EV_NOEXCEPT
{
    static const struct timespec pause = {.tv_nsec = SYSERR_PAUSE_MS * 1000000L};
    hr_error("event loop: %s: %s", what, strerror(errno));
    (void)nanosleep(&pause, NULL);
}

/* 0 or the exit code. */
static int prepare(struct supervisor *sup)
{
    ev_set_syserr_cb(on_syserr);
    /* Not epoll: its state is in the kernel, where a failure can lose a descriptor for good. */
    sup->loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    if (!sup->loop) {
        hr_error("cannot make an event loop: %s", strerror(errno));
        return HR_EXIT_OSERR;
    }
    if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        hr_warn("cannot become a subreaper: %s: processes that outlive their parent will not be "
                "stopped",
                strerror(errno));
    ev_init(&sup->budget, on_budget);
    ev_init(&sup->tick, on_tick);
    ev_io_init(&sup->signal_io, on_signal, sup->signals->fd, EV_READ);
    sup->budget.data = sup->tick.data = sup->signal_io.data = sup;
    sup->foreground = !sup->config->sidecar && tcgetpgrp(STDIN_FILENO) == getpgrp();
    hr_programs_find(&sup->programs);
    int err = add_units(sup);
    if (!err && sup->config->sidecar)
        err = make_board(sup);
    if (err) {
        hr_error("cannot start: %s", strerror(-err));
        return HR_EXIT_OSERR;
    }
    return sup->config->sidecar ? hr_handout_make(sup->config, &sup->handout) : 0;
}

/* Our exit code: the server's, from its last life. */
static int final_code(const struct supervisor *sup)
{
    int status = sup->units[HR_INDEX_SERVER].service.pub.last_status;
    return status >= 0 ? hr_exit_code(status) : 128 + sup->stop_signal;
}

int hr_supervisor_run(const struct hr_config *config, const struct hr_signals *signals)
{
    struct supervisor *sup = &the_supervisor;
    sup->config = config;
    sup->signals = signals;
    sup->board_fd = sup->event_fd = -1;
    int code = prepare(sup);
    if (code)
        return code;
    if (config->sidecar)
        offer_tools(sup);
    ev_io_start(sup->loop, &sup->signal_io);
    /* Our own programs first: the tools must be there before the server can ask for them. */
    for (uint32_t i = sup->nunits; i-- > 0;)
        hr_service_event(&sup->units[i].service, HR_EV_START, 0);
    ev_run(sup->loop, 0);
    if (sup->foreground) /* back to whoever started us */
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    hr_ambient_remove(&sup->ambient);
    code = final_code(sup);
    if (config->sidecar)
        hr_info("done, exit code %d", code);
    ev_loop_destroy(sup->loop);
    return code;
}
