/* SPDX-License-Identifier: MIT
 * PID 1.  See supervisor.h for the phases, service.h for what happens to each process. */
#include "supervisor.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "core.h"
#include "spawn.h"
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SIDECAR_START_MS = 10 * 1000,
    SIDECAR_STOP_MS = 2000,
    SIDECAR_BACKOFF_MS = 1000, /* while it is down nobody answers the probes */
    TOOLHOST_START_MS = 30 * 1000,
    TOOLHOST_STOP_MS = 5000,
    PACKETS_PER_EVENT = 16, /* of one notification socket */
    SIGNALS_PER_EVENT = 64, /* then others get their turn: a flood must not starve the loop */
    SYSERR_PAUSE_MS = 100,  /* after an error of the event loop itself */
};

/* The one supervisor of this process.  Static: nothing is allocated for it. */
static struct hr_supervisor the_supervisor;

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

void hr_publish(struct hr_supervisor *sup)
{
    static const uint64_t one = 1;
    if (sup->board && write(sup->event_fd, &one, sizeof(one)) < 0)
        hr_debug("the board's event counter is full: %s", strerror(errno));
}

static void op_changed(void *ctx, struct hr_service *s)
{
    struct hr_supervisor *sup = ((struct hr_unit *)ctx)->sup;
    if (sup->board)
        hr_board_put_service(sup->board, s->index, &s->pub);
    hr_publish(sup);
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
    struct hr_unit *u = ctx;
    (void)s;
    ev_timer_stop(u->sup->loop, &u->timer);
    if (delay_ms < 0)
        return;
    ev_now_update(u->sup->loop);
    ev_timer_set(&u->timer, (double)delay_ms / 1000.0, 0.0);
    ev_timer_start(u->sup->loop, &u->timer);
}

/* What a service's process gets. */
static struct hr_spawn spawn_plan(const struct hr_unit *u)
{
    const struct hr_supervisor *sup = u->sup;
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

static void drop_report(struct hr_unit *u)
{
    ev_io_stop(u->sup->loop, &u->report_io);
    hr_close(&u->report);
}

static int op_spawn(void *ctx, struct hr_service *s)
{
    struct hr_unit *u = ctx;
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

static void op_crashed(void *ctx, struct hr_service *s, int status)
{
    (void)ctx;
    (void)s;
    (void)status;
}

static const struct hr_service_ops real_ops = {
    .now_ms = op_now_ms,
    .random = op_random,
    .spawn = op_spawn,
    .kill = op_kill,
    .set_timer = op_set_timer,
    .changed = op_changed,
    .crashed = op_crashed,
};

/* ---- events of the loop -------------------------------------------------------------------- */

static void on_service_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_unit *u = w->data;
    (void)loop;
    (void)revents;
    hr_service_event(&u->service, HR_EV_TIMER, 0);
    hr_stop_advance(u->sup);
}

static void on_output(struct ev_loop *loop, ev_io *w, int revents)
{
    struct hr_unit *u = w->data;
    (void)loop;
    (void)revents;
    hr_output_read(&u->output);
}

static void take_report(struct hr_unit *u)
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
static void notified(struct hr_unit *u, const char *line)
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

static void take_notifications(struct hr_unit *u)
{
    char text[HR_NOTIFICATION_MAX];
    int fd = -1;
    if (u->notify[0] < 0)
        return;
    for (int i = 0; i < PACKETS_PER_EVENT; i++) {
        int err = hr_packet_receive(u->notify[0], text, sizeof(text), &fd);
        if (err == -EMSGSIZE)
            continue;
        if (err)
            return;
        hr_close(&fd);
        notified(u, text);
    }
}

static void on_notify(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    take_notifications(w->data);
}

static struct hr_unit *unit_of(struct hr_supervisor *sup, pid_t pid)
{
    for (uint32_t i = 0; i < sup->nunits; i++)
        if (sup->units[i].service.pub.pid == pid)
            return &sup->units[i];
    return NULL;
}

/* Our own programs always do.  The server does if it has died: what it has left in its group is the
 * other half of a server that is two processes, which would hold the port and answer for the next
 * one.  In a stop, or when there is no next one, that half is asked to end like everybody else. */
static bool ends_with_its_group(const struct hr_unit *u)
{
    return u->service.index != HR_INDEX_SERVER ||
           (u->sup->config->sidecar && u->sup->phase == HR_RUNNING &&
            u->service.policy.restart != HR_RESTART_NEVER);
}

/* Reap everything that has ended.  Each child is looked at before it is reaped: until then its pid
 * cannot belong to anybody else. */
static void reap(struct hr_supervisor *sup)
{
    for (;;) {
        siginfo_t info = {0};
        int status = 0;
        int r = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 || info.si_pid == 0)
            break;
        struct hr_unit *u = unit_of(sup, info.si_pid);
        if (u) { /* what it has said comes before its end */
            take_report(u);
            take_notifications(u);
            if (u->output.read_fd >= 0)
                hr_output_read(&u->output);
            if (ends_with_its_group(u)) /* now: afterwards the number may be somebody else's */
                (void)kill(-info.si_pid, SIGKILL);
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
    struct hr_supervisor *sup = w->data;
    struct hr_service *server = &sup->units[HR_INDEX_SERVER].service;
    int sig = 0;
    bool children = false;
    (void)loop;
    (void)revents;
    for (int i = 0; i < SIGNALS_PER_EVENT && (sig = hr_signals_next(sup->signals)) > 0; i++) {
        switch (hr_signal_meaning(sig, !sup->config->sidecar)) {
        case HR_SIGNAL_CHILD: children = true; break;
        case HR_SIGNAL_SHUTDOWN: hr_stop_signal(sup, sig); break;
        case HR_SIGNAL_FORWARD: op_kill(server->ctx, server, sig); break;
        case HR_SIGNAL_IGNORE: break;
        }
    }
    if (children)
        reap(sup);
    hr_stop_advance(sup);
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
    .stable_ms = 10000,
    .backoff_ms = 500,
    .backoff_max_ms = SIDECAR_BACKOFF_MS,
    .backoff_reset_ms = 30000,
};

static const struct hr_policy toolhost_policy = {
    .restart = HR_RESTART_ON_FAILURE,
    .says_ready = true,
    .final_code = HR_EXIT_CONFIG,
    .final_code_unready = -1,
    .stop_signal = SIGTERM,
    .start_timeout_ms = TOOLHOST_START_MS,
    .stop_timeout_ms = TOOLHOST_STOP_MS,
    .stable_ms = 10000,
    .backoff_ms = 500,
    .backoff_max_ms = 30000,
    .backoff_reset_ms = 30000,
};

static struct hr_policy server_policy(const struct hr_config *c)
{
    return (struct hr_policy){
        .restart = c->server.restart,
        .says_ready = c->sidecar, /* the sidecar tells */
        .final_code = -1,
        .final_code_unready = c->sidecar ? 2 : -1, /* its usage error, as argparse has it */
        .stop_signal = SIGTERM,
        .stable_ms = 10000,
        .backoff_ms = 500,
        .backoff_max_ms = 30000,
        .backoff_reset_ms = 30000,
        .budget = 10,
        .budget_window_ms = 600000,
    };
}

static struct hr_unit *add_unit(struct hr_supervisor *sup, const char *name,
                                enum hr_service_kind kind, const struct hr_policy *policy)
{
    struct hr_unit *u = &sup->units[sup->nunits];
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
static int add_own_unit(struct hr_supervisor *sup, const char *name, enum hr_service_kind kind,
                        const struct hr_policy *policy)
{
    struct hr_unit *u = add_unit(sup, name, kind, policy);
    u->service.program = kind == HR_SIDECAR ? sup->programs.sidecar : sup->programs.toolhost;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, u->notify) < 0)
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

static int add_units(struct hr_supervisor *sup)
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

static int make_board(struct hr_supervisor *sup)
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

static void offer_tools(struct hr_supervisor *sup)
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
static int prepare(struct hr_supervisor *sup)
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
    hr_stop_init(sup);
    ev_io_init(&sup->signal_io, on_signal, sup->signals->fd, EV_READ);
    sup->signal_io.data = sup;
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
static int final_code(const struct hr_supervisor *sup)
{
    int status = sup->units[HR_INDEX_SERVER].service.pub.last_status;
    return status >= 0 ? hr_exit_code(status) : 128 + sup->stop_signal;
}

int hr_supervisor_run(const struct hr_config *config, const struct hr_signals *signals)
{
    struct hr_supervisor *sup = &the_supervisor;
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
