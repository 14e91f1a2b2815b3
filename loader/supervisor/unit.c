/* SPDX-License-Identifier: MIT
 * A unit.  See unit.h. */
#include "unit.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/loop/loop.h"
#include "common/packet.h"
#include "core.h"
#include "foreign_fd.h"
#include "pod.h"
#include "proc.h"
#include "reports.h"
#include "secrets.h"
#include "spawn.h"
#include "stop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PACKETS_PER_EVENT = 16, /* of one notification socket */
    LATE_MS = 1000,         /* a timer that is later than this: we have been asleep */
};

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

static void op_changed(void *ctx, struct hr_service *s)
{
    struct hr_supervisor *sup = ((struct hr_unit *)ctx)->sup;
    if (!sup->board)
        return;
    bool new_life = s->index == HR_INDEX_SERVER && hr_server_changed(sup);
    hr_board_put_service(sup->board, s->index, &s->pub);
    hr_publish(sup);
    if (new_life)
        hr_server_order_replay(sup);
}

static void op_kill(void *ctx, struct hr_service *s, int sig)
{
    const struct hr_supervisor *sup = ((struct hr_unit *)ctx)->sup;
    pid_t pid = s->pub.pid;
    if (pid <= 0)
        return;
    /* The one that has gone silent: behind a wrapper that is not the process we have started. */
    if (s->index == HR_INDEX_SERVER && sig == SIGABRT && sup->server.beat_pid)
        pid = sup->server.beat_pid;
    /* Right after the fork there is no group yet, and then there is nobody else in it. */
    if (s->index == HR_INDEX_SERVER && sup->config->group_signals && kill(-pid, sig) == 0)
        pid = -pid;
    else if (kill(pid, sig) < 0)
        hr_warn("%s: cannot send signal %d to pid %d: %s", s->pub.name, sig, pid, strerror(errno));
    /* What is stopped cannot end.  A plain init passes on what it gets, and no more. */
    if (sup->config->sidecar && s->pub.state == HR_STOPPING && sig == s->policy.stop_signal)
        (void)kill(pid, SIGCONT);
}

static void op_set_timer(void *ctx, struct hr_service *s, int64_t delay_ms)
{
    struct hr_unit *u = ctx;
    (void)s;
    if (delay_ms < 0) {
        ev_timer_stop(u->sup->loop, &u->timer);
        return;
    }
    hr_loop_arm(u->sup->loop, &u->timer, delay_ms, 0);
    u->due_ms = hr_now_ms() + delay_ms;
}

/* Is there to be a report of this end?  Not of one that was ordered, nor of a success of what is
 * there to end. */
static bool is_reported(const struct hr_unit *u, bool success)
{
    const struct hr_service *s = &u->service;
    return u->sup->board && s->pub.state != HR_STOPPING && !(success && hr_service_is_to_end(s));
}

static void op_crashed(void *ctx, struct hr_service *s, int status)
{
    struct hr_unit *u = ctx;
    (void)s;
    if (is_reported(u, status == 0))
        hr_reports_crashed(u->sup, u, status);
}

/* Its output goes into our pipes, if there are any.  Where both of our own outputs are one place,
 * one pipe keeps its lines in order; as JSON they tell which stream they are of. */
static void plan_output(const struct hr_unit *u, struct hr_spawn *plan)
{
    const struct hr_relay *relay = &u->sup->relay;
    bool one =
        u->output.mode == HR_OUTPUT_RAW && relay->sinks[HR_STDOUT] == relay->sinks[HR_STDERR];
    if (!u->output.name)
        return;
    plan->fds[STDERR_FILENO] = u->output.streams[HR_STDERR].write_fd;
    plan->fds[STDOUT_FILENO] =
        one ? plan->fds[STDERR_FILENO] : u->output.streams[HR_STDOUT].write_fd;
}

/* What the server's process gets. */
static void plan_server(const struct hr_unit *u, struct hr_spawn *plan)
{
    const struct hr_supervisor *sup = u->sup;
    plan->argv = sup->command.argv;
    plan->env = sup->config->sidecar ? sup->server.env : sup->command.env;
    plan->die_with_us = sup->config->sidecar;
    plan->foreground = sup->foreground;
    plan_output(u, plan);
}

/* What the sidecar of `handrail mcp` gets beside that.  On a terminal it reads what is typed, and
 * hears Ctrl-C, as a part of us. */
static void plan_stdio(const struct hr_supervisor *sup, struct hr_spawn *plan)
{
    plan->fds[STDIN_FILENO] = sup->streams[STDIN_FILENO];
    plan->fds[STDOUT_FILENO] = sup->streams[STDOUT_FILENO];
    plan->our_group = true;
}

static void plan_hook(const struct hr_unit *u, struct hr_spawn *plan)
{
    hr_hook_plan(u->sup, plan);
    plan_output(u, plan);
}

/* What a process of our own gets. */
static void plan_own(const struct hr_unit *u, struct hr_spawn *plan)
{
    const struct hr_supervisor *sup = u->sup;
    uint32_t index = u->service.index;
    plan->env = sup->programs.env;
    plan->cwd = "/";
    plan->only_these = true;
    plan->die_with_us = true;
    plan->fds[STDIN_FILENO] = sup->handout.null_fd;
    plan_output(u, plan);
    plan->fds[HR_FD_NOTIFY] = u->notify[1];
    if (index == HR_INDEX_SIDECAR) {
        plan->argv = (char *const *)sup->programs.sidecar_argv;
        plan->fds[HR_FD_SETTINGS] = sup->handout.sidecar_settings_fd;
        plan->fds[HR_FD_BOARD] = sup->board_fd;
        plan->fds[HR_FD_EVENT] = sup->event_fd;
        plan->fds[HR_FD_HEALTH] = sup->handout.health_fd;
        plan->fds[HR_FD_MCP] = sup->handout.mcp_fd;
        plan->fds[HR_FD_PROBE] = sup->handout.probe_fd;
        if (sup->config->stdio)
            plan_stdio(sup, plan);
    } else {
        uint32_t i = index - HR_INDEX_TOOLHOST;
        plan->argv = (char *const *)sup->programs.toolhost_argv;
        plan->fds[HR_FD_SETTINGS] = sup->handout.toolhosts[i].settings_fd;
        plan->fds[HR_FD_CALLS] = sup->handout.toolhosts[i].calls_fd;
    }
}

static void drop_report(struct hr_unit *u)
{
    ev_io_stop(u->sup->loop, &u->report_io);
    hr_close(&u->report);
}

void hr_unit_drop_orders(struct hr_unit *u)
{
    char text[HR_NOTIFICATION_MAX];
    struct hr_packet p;
    for (int i = 0; i < PACKETS_PER_EVENT; i++) {
        int err = hr_packet_read(u->notify[1], text, sizeof(text), &p);
        if (err && err != -EMSGSIZE && err != -EPIPE)
            return;
        hr_close_foreign(p.fds, p.nfds); /* our own pipes */
    }
}

static int op_spawn(void *ctx, struct hr_service *s)
{
    struct hr_unit *u = ctx;
    struct hr_spawn plan = {.signals = u->sup->signals};
    for (int i = 0; i < HR_SPAWN_FDS; i++)
        plan.fds[i] = -1;
    if (s->index == HR_INDEX_SERVER)
        plan_server(u, &plan);
    else if (s->index == HR_INDEX_HOOK)
        plan_hook(u, &plan);
    else
        plan_own(u, &plan);
    drop_report(u);
    u->complaint[0] = '\0';
    if (u->notify[1] >= 0) /* what an earlier life has not read is not for this one */
        hr_unit_drop_orders(u);
    if (s->index != HR_INDEX_SERVER) /* whose own is in server.c; a hook sends no heartbeat */
        hr_watchdog_reset(&u->watchdog, u->sup->config->sidecar_watchdog_ms);
    pid_t pid = hr_spawn(&plan, &u->report);
    hr_reports_started(u->sup, u); /* now: the program need not wait for it */
    if (s->index == HR_INDEX_SIDECAR && pid > 0) {
        /* The streams are its own now, so that its end is their end.  It has them still: this is no
         * last close. */
        hr_close(&u->sup->streams[STDIN_FILENO]);
        hr_close(&u->sup->streams[STDOUT_FILENO]);
    }
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
    .crashed = op_crashed,
};

/* ---- events of the loop -------------------------------------------------------------------- */

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

/* "NAME=<starts>" or "NAME=<starts> <status>"; true if it is that. */
static bool told(const char *line, const char *name, int64_t *ret_starts, int64_t *ret_status)
{
    char number[16];
    size_t n = strlen(name);
    if (strncmp(line, name, n) != 0 || line[n] != '=')
        return false;
    line += n + 1;
    n = strcspn(line, " ");
    if (n >= sizeof(number))
        return false;
    memcpy(number, line, n);
    number[n] = '\0';
    *ret_status = 0;
    return hr_parse_int(number, 0, UINT32_MAX, ret_starts) == 0 &&
           (!line[n] || hr_parse_int(line + n + 1, INT32_MIN, INT32_MAX, ret_status) == 0);
}

/* What only the sidecar may say.  *fd: what came along, or -1; -1 if somebody has taken it. */
static bool sidecar_told(struct hr_supervisor *sup, const char *line, int *fd)
{
    struct hr_service *server = &sup->units[HR_INDEX_SERVER].service;
    int64_t starts = 0;
    int64_t status = 0;
    if (told(line, "SERVER", &starts, &status)) {
        hr_server_take(sup); /* what it said before it answered comes first */
        if ((uint32_t)starts == server->pub.starts && hr_server_is_initialised(sup))
            hr_service_event(server, HR_EV_READY, 0);
    } else if (told(line, "INIT", &starts, &status)) {
        hr_server_replayed(sup, (uint32_t)starts, (int)status);
    } else if (told(line, "PAUSED", &starts, &status)) {
        hr_stop_paused(sup, (uint32_t)starts, (int)status);
    } else if (!hr_pod_told(sup, line) && !hr_hook_told(sup, line, fd)) {
        return false;
    }
    return true;
}

/* The watchdog of our own programs; the server's is in server.c. */
static void arm_watchdog(struct hr_unit *u)
{
    uint32_t state = u->service.pub.state;
    int64_t delay = hr_watchdog_next(&u->watchdog, hr_now_ms());
    if (delay < 0 || u->service.hung_s || (state != HR_STARTING && state != HR_UP))
        ev_timer_stop(u->sup->loop, &u->watch_timer);
    else
        hr_loop_arm(u->sup->loop, &u->watch_timer, delay, 0);
}

/* What a toolhost says of its plugin may hold words of the plugin's. */
static void take_complaint(struct hr_unit *u, const char *text)
{
    hr_secrets_words(u->complaint, text);
    for (char *p = u->complaint; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    u->service.hint = u->complaint;
}

static void notified(struct hr_unit *u, const char *line, int *fd)
{
    static const char status[] = "STATUS=";
    bool sidecar = u->service.index == HR_INDEX_SIDECAR;
    if (strcmp(line, "READY=1") == 0) {
        hr_service_event(&u->service, HR_EV_READY, 0);
        if (sidecar)
            hr_server_order_replay(u->sup);
    } else if (strcmp(line, "WATCHDOG=1") == 0) {
        if (sidecar) {
            u->sup->head.beats++; /* which tells it that we go on, too */
            hr_board_put_head(u->sup->board, &u->sup->head);
        }
        hr_watchdog_beat(&u->watchdog, hr_now_ms());
        arm_watchdog(u);
    } else if (!sidecar && strncmp(line, status, sizeof(status) - 1) == 0) {
        take_complaint(u, line + sizeof(status) - 1);
    } else if (!sidecar || !sidecar_told(u->sup, line, fd)) {
        hr_debug("%s: notification not understood", u->service.pub.name);
    }
}

static void take_notifications(struct hr_unit *u)
{
    char text[HR_NOTIFICATION_MAX];
    struct hr_packet p;
    if (u->notify[0] < 0)
        return;
    for (int i = 0; i < PACKETS_PER_EVENT; i++) {
        int err = hr_packet_read(u->notify[0], text, sizeof(text), &p);
        if (err && err != -EMSGSIZE && err != -EPIPE) /* we hold the other end: an empty one */
            return;
        int none = -1;
        text[strcspn(text, "\n")] = '\0';
        if (!err)
            notified(u, text, p.nfds ? &p.fds[0] : &none);
        hr_close_foreign(p.fds, p.nfds);
    }
}

static void on_watch_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_unit *u = w->data;
    (void)loop;
    (void)revents;
    take_notifications(u); /* what waits in the socket counts: we may be the ones who are late */
    int64_t now = hr_now_ms();
    enum hr_watch seen = hr_watchdog_look(&u->watchdog, now);
    int64_t silence = hr_watchdog_silence(&u->watchdog, now);
    /* Long before the limit: when it is continued it needs time for its next heartbeat. */
    if (silence > u->watchdog.limit_ms / 2 && hr_proc_is_stopped(u->service.pub.pid))
        hr_watchdog_excuse(&u->watchdog, now);
    else if (seen == HR_WATCH_HUNG)
        hr_service_event(&u->service, HR_EV_HUNG, silence >= 1000 ? (int)(silence / 1000) : 1);
    arm_watchdog(u);
    hr_stop_advance(u->sup);
}

static void on_notify(struct ev_loop *loop, ev_io *w, int revents)
{
    struct hr_unit *u = w->data;
    (void)loop;
    (void)revents;
    take_notifications(u);
    hr_stop_advance(u->sup);
}

static void take_messages(struct hr_unit *u)
{
    take_report(u);
    take_notifications(u);
    if (u->service.index == HR_INDEX_SERVER && u->sup->board)
        hr_server_take(u->sup);
}

/* How long the timer's event has to wait; 0: not at all. */
static int64_t put_off_ms(struct hr_unit *u)
{
    const struct hr_service *s = &u->service;
    int64_t now = hr_now_ms();
    /* The next one would find its port taken. */
    if (s->index == HR_INDEX_SERVER && s->pub.state == HR_BACKOFF)
        return hr_leftovers_wait_ms(&u->sup->leftovers, now);
    /* We have not run ourselves, so maybe nobody has: a start gets its time once more. */
    return s->pub.state == HR_STARTING && now - u->due_ms > LATE_MS ? s->policy.start_timeout_ms
                                                                    : 0;
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_unit *u = w->data;
    uint32_t state = u->service.pub.state;
    (void)loop;
    (void)revents;
    take_messages(u); /* what it has said in time counts, even if we are late */
    if (u->service.pub.state == state) {
        int64_t wait = put_off_ms(u);
        if (wait > 0)
            op_set_timer(u, &u->service, wait);
        else
            hr_service_event(&u->service, HR_EV_TIMER, 0);
    }
    hr_stop_advance(u->sup);
}

/* ---- for the supervisor -------------------------------------------------------------------- */

struct hr_unit *hr_unit_of(struct hr_supervisor *sup, pid_t pid)
{
    for (uint32_t i = 0; i < sup->nunits; i++)
        if (sup->units[i].service.pub.pid == pid)
            return &sup->units[i];
    return NULL;
}

size_t hr_unit_pids(const struct hr_supervisor *sup, pid_t out[HR_MAX_SERVICES])
{
    size_t n = 0;
    for (uint32_t i = 0; i < sup->nunits; i++)
        if (sup->units[i].service.pub.pid > 0)
            out[n++] = sup->units[i].service.pub.pid;
    return n;
}

void hr_unit_take_all(struct hr_unit *u, bool success)
{
    take_messages(u);
    hr_output_drain(&u->output);
    if (is_reported(u, success))
        u->service.oom = hr_reports_look(u->sup, u);
}

void hr_unit_ended(struct hr_unit *u, int status, const struct rusage *usage)
{
    u->usage = *usage;
    u->last_pid = u->service.pub.pid;
    if (!u->sup->board && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        u->service.oom = hr_reports_oom(u->sup, u);
    drop_report(u);
    hr_service_event(&u->service, HR_EV_EXITED, status);
}

struct hr_unit *hr_unit_add(struct hr_supervisor *sup, const char *name, enum hr_service_kind kind,
                            const struct hr_policy *policy)
{
    struct hr_unit *u = &sup->units[sup->nunits];
    u->sup = sup;
    u->notify[0] = u->notify[1] = u->report = -1;
    hr_service_init(&u->service, name, kind, policy, &real_ops, u);
    u->service.index = sup->nunits++;
    ev_init(&u->timer, on_timer);
    ev_init(&u->watch_timer, on_watch_timer);
    ev_init(&u->report_io, on_report);
    ev_init(&u->notify_io, on_notify);
    u->timer.data = u->watch_timer.data = u->report_io.data = u->notify_io.data = u;
    return u;
}

void hr_unit_remove_last(struct hr_supervisor *sup)
{
    struct hr_unit *u = &sup->units[--sup->nunits];
    ev_io_stop(sup->loop, &u->notify_io);
    hr_close(&u->notify[0]);
    hr_close(&u->notify[1]);
    memset(u, 0, sizeof(*u));
}

int hr_unit_open_notify(struct hr_unit *u)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, u->notify) < 0)
        return -errno;
    ev_io_set(&u->notify_io, u->notify[0], EV_READ);
    ev_io_start(u->sup->loop, &u->notify_io);
    return 0;
}
