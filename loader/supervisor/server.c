/* SPDX-License-Identifier: MIT
 * What is special about the server.  See server.h. */
#include "server.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/loop/loop.h"
#include "common/packet.h"
#include "core.h"
#include "foreign_fd.h"
#include "loader/config/server_command.h"
#include "proc.h"
#include "secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NOTICES_PER_EVENT = 32,
    REST_MS = 20,           /* after a flood of strangers */
    ORDER_AGAIN_MS = 1000,  /* after an order that could not be given */
    WATCHDOG_MIN_MS = 1000, /* a server cannot ask for less */
    ENV_ADDED = 3,          /* variables we add to the server's environment */
    UPWARDS_MAX = 512,      /* bytes of a message to our own supervisor */
};

static struct hr_service *service(struct hr_supervisor *sup)
{
    return &sup->units[HR_INDEX_SERVER].service;
}

static void publish(struct hr_supervisor *sup)
{
    hr_board_put_server(sup->board, &sup->server.pub);
    hr_publish(sup);
}

/* ---- our own supervisor -------------------------------------------------------------------- */

static void tell_upwards(struct hr_supervisor *sup, const char *text)
{
    if (!sup->server.upwards)
        return;
    int err = hr_notify_upwards(sup->server.upwards, text);
    if (err)
        hr_debug("cannot notify %s: %s", sup->server.upwards, strerror(-err));
}

static void on_upwards_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    tell_upwards(w->data, "WATCHDOG=1");
}

/* Our own WATCHDOG_USEC: a heartbeat at half of it, as sd_watchdog_enabled(3) recommends. */
static void start_upwards(struct hr_supervisor *sup)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    int64_t us = 0;
    int64_t whose = 0;
    const char *name = getenv("NOTIFY_SOCKET");
    if (!name || !*name)
        return;
    sup->server.upwards = name;
    if (!usec || hr_parse_int(usec, 2000, INT64_MAX, &us))
        return;
    if (pid && (hr_parse_int(pid, 1, INT32_MAX, &whose) || whose != getpid()))
        return;
    double period = (double)us / 2e6;
    ev_timer_init(&sup->server.upwards_timer, on_upwards_timer, period, period);
    sup->server.upwards_timer.data = sup;
    ev_timer_start(sup->loop, &sup->server.upwards_timer);
}

/* ---- the watchdog -------------------------------------------------------------------------- */

/* A server that is to end may be silent. */
static bool is_watched(struct hr_supervisor *sup)
{
    uint32_t state = service(sup)->pub.state;
    return state == HR_STARTING || state == HR_UP;
}

static void arm_watchdog(struct hr_supervisor *sup)
{
    struct hr_server *s = &sup->server;
    int64_t delay = hr_watchdog_next(&s->watchdog, hr_now_ms());
    if (delay < 0 || service(sup)->hung_s || !is_watched(sup))
        ev_timer_stop(sup->loop, &s->watch_timer);
    else
        hr_loop_arm(sup->loop, &s->watch_timer, delay, 0);
}

/* This silence is not the server's fault: no more than half of the limit counts of it. */
static void excuse(struct hr_supervisor *sup, int64_t now, pid_t pid, const char *why)
{
    struct hr_server *s = &sup->server;
    if (!s->excuse_told)
        hr_warn("server: no heartbeat for %lld s, but pid %d %s: not taken for a hang",
                (long long)hr_watchdog_silence(&s->watchdog, now) / 1000, (int)pid, why);
    s->excuse_told = true;
    hr_watchdog_excuse(&s->watchdog, now);
}

static void hung(struct hr_supervisor *sup, int64_t now)
{
    struct hr_server *s = &sup->server;
    int64_t silence = hr_watchdog_silence(&s->watchdog, now);
    if (s->stranger)
        excuse(sup, now, s->stranger, "fills the notification socket");
    else
        hr_service_event(service(sup), HR_EV_HUNG, silence >= 1000 ? (int)(silence / 1000) : 1);
    s->stranger = 0;
}

static void on_watch_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    struct hr_server *s = &sup->server;
    (void)loop;
    (void)revents;
    hr_server_take(sup); /* what waits in the socket counts: we may be the ones who are late */
    int64_t now = hr_now_ms();
    enum hr_watch seen = hr_watchdog_look(&s->watchdog, now);
    /* Long before the limit: when it is continued it needs time for its next heartbeat. */
    if (hr_watchdog_silence(&s->watchdog, now) > s->watchdog.limit_ms / 2 &&
        hr_proc_is_stopped(s->beat_pid))
        excuse(sup, now, s->beat_pid, "is stopped by a signal");
    else if (seen == HR_WATCH_LATE)
        hr_warn("server: no heartbeat for %lld ms; at %lld ms it is taken for hung",
                (long long)hr_watchdog_silence(&s->watchdog, now), (long long)s->watchdog.limit_ms);
    else if (seen == HR_WATCH_HUNG)
        hung(sup, now);
    arm_watchdog(sup);
}

static void beat(struct hr_supervisor *sup, const struct hr_notice *n, pid_t from)
{
    struct hr_server *s = &sup->server;
    int64_t now = hr_now_ms();
    hr_watchdog_beat(&s->watchdog, now);
    s->beat_pid = from;
    s->excuse_told = false;
    s->stranger = 0;
    s->pub.beat_ms = now;
    s->pub.lag_ms = n->lag_ms;
    if (n->lag_ms >= sup->config->watchdog_soft_ms && sup->config->watchdog_soft_ms)
        hr_warn("server: its event loop stood still for %lld ms", (long long)n->lag_ms);
    arm_watchdog(sup);
}

/* ---- the initialisation -------------------------------------------------------------------- */

bool hr_server_is_initialised(const struct hr_supervisor *sup)
{
    return !sup->server.pub.replay_life || sup->server.pub.replay_life != sup->server.life;
}

void hr_server_wipe(struct hr_supervisor *sup)
{
    struct hr_server *s = &sup->server;
    if (s->record.body)
        hr_secrets_forget(s->record.body, HR_INIT_MAX);
    hr_init_record_wipe(&s->record);
    s->pub.recorded = 0;
}

/* This life has been initialised as the one before it was. */
static void replayed(struct hr_supervisor *sup)
{
    struct hr_server *s = &sup->server;
    s->replaying = false;
    s->pub.replay_life = 0;
    s->pub.replays++;
    publish(sup); /* first: whoever reads the log finds it on the board */
    hr_info("server: its initialisation has been replayed");
}

/* Of a replay, the sidecar may not live to tell of its end: what comes first counts. */
static void take_record(struct hr_supervisor *sup, int fd, int64_t bytes)
{
    struct hr_server *s = &sup->server;
    if (fd < 0 || !sup->config->replay || !s->record.body)
        return;
    hr_server_wipe(sup);
    int err = hr_init_record_take(&s->record, fd, (size_t)bytes);
    if (err) {
        hr_error("server: its initialisation cannot be kept: %s: after a crash it will have to be "
                 "initialised from outside",
                 strerror(-err));
        return;
    }
    hr_secrets_add_json(s->record.body, s->record.len);
    if (!s->record.locked)
        hr_info("server: its initialisation is kept in memory that is not locked: RLIMIT_MEMLOCK "
                "is less than %zu bytes",
                s->record.len);
    bool fresh = !s->replaying;
    s->pub.recorded = 1;
    if (fresh) {
        s->pub.replay_life = 0; /* whoever did it: this life is initialised */
        publish(sup);
    } else {
        replayed(sup);
    }
    hr_server_order_replay(sup); /* the sidecar learns the session key by it */
    if (fresh)
        hr_info("server: it has been initialised; after a crash that will be replayed");
}

/* Send an order about this life, with the record where there is one. */
static int order(struct hr_supervisor *sup, const char *what)
{
    char text[64];
    int fd = -1;
    int err = 0;
    struct hr_unit *sidecar = &sup->units[HR_INDEX_SIDECAR];
    if (sup->server.record.len && (err = hr_init_record_pipe(&sup->server.record, &fd)))
        return err;
    (void)snprintf(text, sizeof(text), "%s %u", what, sup->server.life);
    err = hr_order_send(sidecar->notify[0], text, fd);
    hr_close(&fd);
    return err;
}

void hr_server_order_replay(struct hr_supervisor *sup)
{
    bool initialised = hr_server_is_initialised(sup);
    ev_timer_stop(sup->loop, &sup->server.order_timer);
    if (initialised && !sup->server.record.len)
        return;
    int err = order(sup, initialised ? "KEY" : "INIT");
    if (err)
        hr_loop_arm(sup->loop, &sup->server.order_timer, ORDER_AGAIN_MS, 0);
    if (err && !initialised)
        hr_error("server: cannot have its initialisation replayed: %s: trying again in %d ms",
                 strerror(-err), ORDER_AGAIN_MS);
    else if (!initialised)
        sup->server.replaying = true;
}

static void on_order_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    hr_server_order_replay(w->data);
}

void hr_server_replayed(struct hr_supervisor *sup, uint32_t life, int status)
{
    struct hr_server *s = &sup->server;
    if (life != s->life || !s->replaying)
        return;
    if (status == 200) {
        replayed(sup);
        return;
    }
    s->replaying = false;
    s->pub.replay_errors++;
    publish(sup); /* first, here too */
    hr_warn("server: its initialisation has not been replayed: %s %d",
            status < 0 ? strerror(-status) : "status", status);
}

bool hr_server_has_key(const struct hr_supervisor *sup)
{
    return sup->server.record.len || sup->handout.session_key;
}

int hr_server_order_pause(struct hr_supervisor *sup)
{
    return order(sup, "PAUSE");
}

/* ---- what it says -------------------------------------------------------------------------- */

/* Of the server's own process or group?  Its tools run in sessions of their own. */
static bool is_the_servers(struct hr_supervisor *sup, pid_t from)
{
    pid_t pid = service(sup)->pub.pid;
    return pid > 0 && (from == pid || getpgid(from) == pid);
}

static void take_agent(struct hr_supervisor *sup, const struct hr_notice *n)
{
    struct hr_board_server *pub = &sup->server.pub;
    service(sup)->hint = pub->agent_error; /* a module that fails to import ends the server */
    if (n->agent_ok) {
        pub->agent = HR_AGENT_OK;
        pub->agent_error[0] = '\0';
    } else if (n->agent_error) {
        pub->agent = HR_AGENT_WRONG;
        hr_secrets_words(pub->agent_error, n->agent_error);
        hr_error("server: custom agent: %s", pub->agent_error);
    }
}

static void take_notice(struct hr_supervisor *sup, const struct hr_notice *n, pid_t from, int fd)
{
    struct hr_board_server *pub = &sup->server.pub;
    /* 0: it is off, by order or because the server is stopping */
    if (n->watchdog_ms >= WATCHDOG_MIN_MS && sup->server.watchdog.limit_ms)
        sup->server.watchdog.limit_ms = n->watchdog_ms;
    take_agent(sup, n);
    if (n->status)
        hr_secrets_words(pub->status, n->status);
    pub->activity += n->activity;
    if (n->init_bytes >= 0)
        take_record(sup, fd, n->init_bytes);
    if (n->beat)
        beat(sup, n, from);
    if (n->stopping) /* its loop may stand still from here on */
        hr_watchdog_reset(&sup->server.watchdog, 0);
    publish(sup);
    if (n->ready && hr_server_is_initialised(sup))
        hr_service_event(service(sup), HR_EV_READY, 0);
    if (n->trigger && sup->server.watchdog.limit_ms)
        hr_service_event(service(sup), HR_EV_HUNG, 0);
}

void hr_server_tell_phase(struct hr_supervisor *sup)
{
    hr_helper_tell(&sup->server.helper, sup->server.notify_fd, &sup->pod);
}

static void on_rested(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    (void)revents;
    ev_io_start(loop, &sup->server.notify_io);
}

/* Nothing but strangers: let them wait, who cost us time, and look again a little later. */
static void rest(struct hr_supervisor *sup)
{
    ev_io_stop(sup->loop, &sup->server.notify_io);
    hr_loop_arm(sup->loop, &sup->server.rest_timer, REST_MS, 0);
}

void hr_server_take(struct hr_supervisor *sup)
{
    char text[HR_NOTIFY_MAX + 1];
    struct hr_notice notice;
    struct hr_packet p;
    int strangers = 0;
    if (sup->server.notify_fd < 0)
        return;
    for (int i = 0; i < NOTICES_PER_EVENT; i++) {
        int err = hr_packet_read(sup->server.notify_fd, text, sizeof(text), &p);
        if (err && err != -EMSGSIZE && err != -EPIPE) /* an empty datagram is no end */
            return;
        if (!err && is_the_servers(sup, p.from)) {
            hr_notice_parse(text, &notice);
            take_notice(sup, &notice, p.from, p.nfds ? p.fds[0] : -1);
            hr_helper_heard(&sup->server.helper, &p.sender, p.sender_len);
            hr_server_tell_phase(sup);
        } else {
            hr_debug("a notification of pid %d, which is not the server: passed over", (int)p.from);
            sup->server.stranger = p.from;
            strangers++;
        }
        hr_close_foreign(p.fds, p.nfds);
    }
    if (strangers == NOTICES_PER_EVENT)
        rest(sup);
}

static void on_notify(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    hr_server_take(w->data);
}

/* ---- its lives ----------------------------------------------------------------------------- */

static void begin_life(struct hr_supervisor *sup, uint32_t life)
{
    struct hr_server *s = &sup->server;
    struct hr_board_server old = s->pub;
    s->life = life;
    s->replaying = false;
    s->beat_pid = 0;
    s->helper = (struct hr_helper){.len = 0};
    /* What is wrong with the agent class is so until it is said to be right. */
    s->pub = (struct hr_board_server){.lag_ms = -1,
                                      .agent = old.agent == HR_AGENT_WRONG ? HR_AGENT_WRONG : 0,
                                      .recorded = old.recorded,
                                      .replays = old.replays,
                                      .replay_errors = old.replay_errors};
    if (s->pub.agent == HR_AGENT_WRONG)
        memcpy(s->pub.agent_error, old.agent_error, sizeof(old.agent_error));
    s->excuse_told = false;
    hr_watchdog_reset(&s->watchdog, sup->config->watchdog_ms);
    if (s->record.len)
        s->pub.replay_life = life;
    publish(sup); /* before the service's own record: whoever sees the life sees this too */
}

/* The server's usage error: did we cause it? */
static void explain_usage(struct hr_supervisor *sup, const struct hr_board_service *pub)
{
    if (pub->state == HR_FAILED && !pub->ready_once && pub->last_status == 2 << 8 &&
        hr_imports_helper(sup->command.argv))
        hr_error("server: if it does not know --import-modules (an agent-server before 1.20), "
                 "HANDRAIL_HELPER=off leaves that out");
}

bool hr_server_changed(struct hr_supervisor *sup)
{
    const struct hr_board_service *pub = &service(sup)->pub;
    bool new_life = pub->starts != sup->server.life;
    char text[UPWARDS_MAX];
    explain_usage(sup, pub);
    if (new_life)
        begin_life(sup, pub->starts);
    if (pub->state == HR_STOPPING || pub->pid == 0)
        hr_watchdog_reset(&sup->server.watchdog, 0);
    arm_watchdog(sup);
    (void)snprintf(text, sizeof(text), "%sSTATUS=server %s%s%s",
                   pub->state == HR_UP ? "READY=1\n" : "", hr_state_name(pub->state),
                   pub->reason[0] ? ": " : "", pub->reason);
    tell_upwards(sup, text);
    return new_life;
}

void hr_server_stopping(struct hr_supervisor *sup)
{
    tell_upwards(sup, "STOPPING=1");
}

/* ---- starting ------------------------------------------------------------------------------ */

static bool names(const char *variable, const char *name)
{
    size_t n = strlen(name);
    return strncmp(variable, name, n) == 0 && variable[n] == '=';
}

/* Those that we set ourselves or leave out, and those that are for our sidecar alone: the agent
 * reads the server's environment. */
static bool is_ours(const char *variable)
{
    static const char *const ours[] = {"NOTIFY_SOCKET",    "WATCHDOG_USEC",
                                       "WATCHDOG_PID",     "HANDRAIL_SUPERVISED",
                                       "HANDRAIL_WEBHOOK", "HANDRAIL_WEBHOOK_AUTHORIZATION"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (names(variable, ours[i]))
            return true;
    return false;
}

/* The given environment, with the notification socket in place of whatever was there. */
static int make_env(struct hr_supervisor *sup, char *const *env)
{
    static char socket_name[HR_NOTIFY_NAME_MAX + 16];
    static char limit[48];
    static char supervised[] = "HANDRAIL_SUPERVISED=1";
    size_t n = 0;
    while (env[n])
        n++;
    char **copy = calloc(n + ENV_ADDED + 1, sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    char **to = copy;
    for (size_t i = 0; i < n; i++)
        if (!is_ours(env[i]))
            *to++ = env[i];
    *to++ = supervised;
    if (sup->server.notify_fd >= 0) {
        (void)snprintf(socket_name, sizeof(socket_name), "NOTIFY_SOCKET=%s",
                       sup->server.notify_name);
        *to++ = socket_name;
    }
    if (sup->server.notify_fd >= 0 && sup->config->watchdog_ms) {
        (void)snprintf(limit, sizeof(limit), "WATCHDOG_USEC=%lld",
                       (long long)sup->config->watchdog_ms * 1000);
        *to++ = limit;
    }
    sup->server.env = copy;
    return 0;
}

int hr_server_init(struct hr_supervisor *sup, char *const *env)
{
    struct hr_server *s = &sup->server;
    s->notify_fd = -1;
    s->pub.lag_ms = -1;
    int err = hr_notify_open(s->notify_name, &s->notify_fd);
    if (err)
        hr_warn("cannot open a notification socket: %s: the server's heartbeat will not be seen",
                strerror(-err));
    if (!err && sup->config->replay && (err = hr_init_record_make(&s->record)))
        hr_warn("no memory for the server's initialisation: %s: it will not be replayed",
                strerror(-err));
    ev_init(&s->watch_timer, on_watch_timer);
    ev_init(&s->rest_timer, on_rested);
    ev_init(&s->order_timer, on_order_timer);
    s->watch_timer.data = s->rest_timer.data = s->order_timer.data = sup;
    if (s->notify_fd >= 0) {
        ev_io_init(&s->notify_io, on_notify, s->notify_fd, EV_READ);
        s->notify_io.data = sup;
        ev_io_start(sup->loop, &s->notify_io);
    }
    if (sup->config->replay && hr_is_agent_server(sup->command.argv) &&
        hr_server_bool(getenv("OH_DEFERRED_INIT")) && !hr_imports_helper(sup->command.argv))
        hr_warn("the server does not import handrail_agent: after a crash its initialisation "
                "cannot be replayed, and it will come back dormant");
    start_upwards(sup);
    return make_env(sup, env);
}
