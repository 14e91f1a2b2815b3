/* SPDX-License-Identifier: MIT
 * handrail-sidecar: health and tools over HTTP, beside the agent-server.
 *
 * The supervisor starts it with everything it needs at fixed descriptors (common/handoff.h) and
 * starts it again if it ends; it keeps nothing that its next life would miss.  One thread.  With
 * "stdio" in its settings it is something else: stdio_program.h. */
#include "common/clock.h"
#include "common/fd.h"
#include "common/frame.h"
#include "common/handoff.h"
#include "common/log.h"
#include "health.h"
#include "phase_event.h"
#include "program.h"
#include "sidecar/aside/aside.h"
#include "sidecar/http/client.h"
#include "sidecar/orders/orders.h"
#include "sidecar/pool/pool.h"
#include "sidecar/preflight/foreign.h"
#include "stdio_program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
    MCP_CONNECTIONS = 256,
    FILES_WANTED = 1024, /* all listeners full, and everything else */
    CONNECTIONS_MIN = 8, /* of those for probes, however few files there may be */
    ASKING_MS = 500,     /* before the first probe is answered: see must_ask_first() */
    ASKING_STEP_MS = 5,
    ENDING_MS = 30, /* from the order to end to the end, for requests that are on their way */
};

_Static_assert(2 * HR_MCP_STREAMS_MAX <= MCP_CONNECTIONS, "streams leave room for calls");

enum {
    HEALTH_ANSWERS_MAX = 16 * 1024 * 1024, /* bytes; a page of metrics has some 100 KiB */
    HEALTH_CROWD_BYTES = 8 * 1024, /* of heads and small bodies at once, also of a few requests */
};

/* Probes send no body; a small one may come and be told that its method is wrong. */
static const struct hr_http_limits health_limits = {.body_max = 4096,
                                                    .connections = 512,
                                                    .connections_per_ip = 128,
                                                    .answers_max = HEALTH_ANSWERS_MAX,
                                                    .crowd_bytes = HEALTH_CROWD_BYTES,
                                                    .idle_timeout_s = 5};

/* Of `handrail probe`, over a unix socket: apart from the network, so that nothing there, and no
 * number of connections, can keep it from being answered. */
static const struct hr_http_limits probe_limits = {.body_max = 4096,
                                                   .connections = 64,
                                                   .connections_per_ip = 64,
                                                   .answers_max = HEALTH_ANSWERS_MAX,
                                                   .crowd_bytes = HEALTH_CROWD_BYTES,
                                                   .idle_timeout_s = 5,
                                                   .neighbours_only = true};

/* Clients keep their connections and use them again after a model has thought for a while.  All of
 * them have the same address. */
static const struct hr_http_limits mcp_limits = {.body_max = HR_MCP_MESSAGE_MAX,
                                                 .connections = MCP_CONNECTIONS,
                                                 .connections_per_ip = MCP_CONNECTIONS,
                                                 .idle_timeout_s = 120};

struct sidecar {
    struct hr_program *p;
    unsigned files; /* that may be open; at most FILES_WANTED */
    struct hr_client *client;
    struct hr_mcp *mcp;
    struct hr_orders *orders;
    const char *init_key;       /* in settings; NULL: none */
    const char *session_key;    /* likewise */
    const char *podinfo_dir;    /* likewise */
    struct hr_webhook *webhook; /* NULL: nobody is told what happens */
    uint32_t steps_told;        /* of the pod's phases: those that plugins know of */
    bool labels_untold;         /* they do not know the present labels */
    char uid_told[HR_CLAIM_UID_MAX + 1];
    bool telling;               /* we end, and it tells what is left */
    struct hr_foreign *foreign; /* NULL: no native tools that others could take away */
    struct hr_health health;
    struct hr_metrics_board board_source;
    struct hr_http *health_http; /* NULL: not yet */
    struct hr_http *probe_http;  /* NULL: likewise, or no such socket */
    ev_timer asking;             /* until then */
    int64_t began_ms;
    struct hr_http *mcp_http;
    ev_timer ending;
};

/* ---- what can happen ---- */

/* Plugins are told a phase that the board did not show when we looked last, and that somebody's pod
 * has other labels: they reach us up to a minute after the claim. */
static void tell_phase(struct sidecar *s)
{
    struct hr_board_phase pod;
    struct hr_buf event;
    if (hr_board_get_phase(s->p->board, &pod) < 0)
        return;
    bool more = s->labels_untold || strcmp(pod.claim_uid, s->uid_told) != 0;
    if (pod.nsteps == s->steps_told && !(more && hr_pod_is_somebodys(pod.phase)))
        return;
    hr_buf_init(&event, HR_PHASE_EVENT_MAX);
    int err = hr_phase_event(&pod, hr_pool_labels(s->health.pool),
                             hr_pool_annotations(s->health.pool), &event);
    if (!err)
        err = hr_mcp_phase(s->mcp, hr_pod_phase_name(pod.phase), hr_buf_str(&event));
    hr_buf_free(&event);
    if (err)
        hr_warn("plugins cannot be told that the pod is %s: %s: trying again at the next change",
                hr_pod_phase_name(pod.phase), strerror(-err));
    if (err)
        return;
    s->steps_told = pod.nsteps;
    s->labels_untold = false;
    memcpy(s->uid_told, pod.claim_uid, sizeof(s->uid_told));
}

static void on_labels(bool news, void *arg)
{
    struct sidecar *s = arg;
    s->labels_untold = true;
    if (!news) /* else both are told together */
        tell_phase(s);
}

static void on_board(void *arg)
{
    struct sidecar *s = arg;
    tell_phase(s); /* first: what it is about may end calls */
    hr_orders_board_changed(s->orders);
    hr_checks_board_changed(s->health.checks);
    hr_mcp_board_changed(s->mcp);
    hr_pool_board_changed(s->health.pool);
    hr_webhook_board_changed(s->webhook);
}

static void on_ending(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)w;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

/* A client that has just been accepted gets the moment it needs to send its request; those that
 * come later wait for our next life. */
static void end_http(void *arg)
{
    struct sidecar *s = arg;
    ev_timer_stop(s->p->loop, &s->asking);
    bool health = s->health_http && hr_http_quiesce(s->health_http);
    bool probe = s->probe_http && hr_http_quiesce(s->probe_http);
    bool mcp = hr_http_quiesce(s->mcp_http);
    if (!health && !probe && !mcp)
        ev_break(s->p->loop, EVBREAK_ALL);
    else if (!ev_is_active(&s->ending))
        ev_timer_start(s->p->loop, &s->ending);
}

/* Until all is told, which is a second at most, probes are answered as ever. */
static void on_end(void *arg)
{
    struct sidecar *s = arg;
    if (s->telling)
        return;
    s->telling = hr_webhook_end(s->webhook, end_http, s);
    if (!s->telling)
        end_http(s);
}

static void on_server_ready(uint32_t starts, void *arg)
{
    const struct sidecar *s = arg;
    hr_orders_server_ready(s->orders, starts);
}

static void notify(const char *line, void *arg)
{
    (void)arg;
    hr_notify(line);
}

static int hand_over(const char *line, int fd, void *arg)
{
    (void)arg;
    return hr_order_send(HR_FD_NOTIFY, line, fd);
}

/* The first thing that /readyz has to complain of. */
static int ready_ok(char *reason, size_t size, void *arg)
{
    const struct sidecar *s = arg;
    const char *name = NULL;
    char why[HR_CHECK_REASON_MAX];
    if (hr_checks_pass(s->health.checks, HR_GATE_READY, &name, why, sizeof(why)))
        return 0;
    (void)snprintf(reason, size, "%s failed: %s", name, why);
    return -1;
}

static int init_ok(uint32_t starts, char *reason, size_t size, void *arg)
{
    const struct sidecar *s = arg;
    return hr_orders_init_ok(s->orders, starts, reason, size);
}

/* With deferred initialisation: what the server says of itself; before it has said anything,
 * whether nothing that was accepted is known, or it has still to be replayed. */
static bool is_dormant(void *arg)
{
    const struct sidecar *s = arg;
    struct hr_board_service service;
    struct hr_board_server own;
    if (!s->health.deferred || hr_board_get_service(s->p->board, 0, &service) ||
        hr_board_get_server(s->p->board, &own))
        return false;
    enum hr_init_state state = hr_pool_init_state(s->health.pool);
    if (state != HR_INIT_UNKNOWN)
        return state == HR_INIT_DORMANT || state == HR_INIT_RUNNING;
    return !own.recorded || own.replay_life == service.starts;
}

static void on_session_key(const char *key, void *arg)
{
    const struct sidecar *s = arg;
    if (s->health.checks)
        hr_checks_set_key(s->health.checks, key);
    if (s->health.pool)
        hr_pool_set_key(s->health.pool, key);
}

static unsigned untaken(void *arg)
{
    const struct sidecar *s = arg;
    return s->p->untaken;
}

static int plugin_ok(const char *id, char *reason, size_t size, void *arg)
{
    const struct sidecar *s = arg;
    return hr_mcp_plugin_ok(s->mcp, id, reason, size);
}

/* ---- starting ---- */

static bool is_listener(int fd)
{
    int listening = 0;
    socklen_t len = sizeof(listening);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
}

static int check_listener(int fd, const char *name)
{
    if (is_listener(fd))
        return 0;
    hr_error("descriptor %d is not the listening socket for %s that handrail hands over", fd, name);
    return -ENOTSOCK;
}

static int read_settings(struct sidecar *s)
{
    json_error_t e;
    const char *host = NULL;
    const char *token = NULL;
    json_t *plugins = NULL;
    int port = 0;
    if (json_unpack_ex(s->p->settings, &e, 0,
                       "{s:{s:s, s:i, s?s, s?s, s?b}, s:{s:s}, s?{s?s}, s:o}", "agent", "host",
                       &host, "port", &port, "session_key", &s->session_key, "init_key",
                       &s->init_key, "deferred", &s->health.deferred, "mcp", "token", &token,
                       "pool", "podinfo_dir", &s->podinfo_dir, "plugins", &plugins)) {
        hr_error("settings: %s", e.text);
        return -EPROTO;
    }
    if (!json_is_array(plugins) || port < 1 || port > 65535 || !*token) {
        hr_error("settings: expected /plugins to be an array, /agent/port a port and /mcp/token "
                 "not to be empty");
        return -EPROTO;
    }
    s->health.agent_host = host;
    s->health.agent_port = port;
    return 0;
}

/* ---- plugins, at the start and after a reload ---- */

static int make_foreign(struct sidecar *s)
{
    const struct hr_foreign_config cfg = {.loop = s->p->loop, .client = s->client};
    int err = hr_foreign_new(&cfg, &s->foreign);
    if (!err)
        hr_metrics_add(&s->health.metrics, hr_foreign_collect, s->foreign);
    return err;
}

static int set_plugins(struct sidecar *s, const json_t *plugins)
{
    int err = hr_checks_set_plugins(s->health.checks, plugins);
    if (!err && !s->foreign && json_array_size(plugins) > 0)
        err = make_foreign(s);
    return err;
}

static int on_plugins(const json_t *settings, void *arg)
{
    struct sidecar *s = arg;
    bool had_any = s->foreign != NULL;
    int err = hr_mcp_update(s->mcp, settings);
    if (!err)
        err = set_plugins(s, json_object_get(settings, "plugins"));
    if (!err && s->foreign && !had_any)
        hr_foreign_start(s->foreign);
    hr_checks_board_changed(s->health.checks);
    return err;
}

static void take_plugins(int *fd, void *arg)
{
    const struct sidecar *s = arg;
    hr_program_take_plugins(s->p, fd);
}

static int make_orders(struct sidecar *s)
{
    struct hr_orders_config cfg = {.loop = s->p->loop,
                                   .board = s->p->board,
                                   .client = s->client,
                                   .socket = HR_FD_NOTIFY,
                                   .host = s->health.agent_host,
                                   .port = s->health.agent_port,
                                   .init_key = s->init_key,
                                   .session_key = s->session_key,
                                   .notify = notify,
                                   .plugins = take_plugins,
                                   .session_key_seen = on_session_key,
                                   .arg = s};
    return hr_orders_new(&cfg, &s->orders);
}

/* The processes of asides are copies of this one, and none of them needs a key but its own. */
static void forget_keys(const char *name, void *arg)
{
    static const char *const keys[][2] = {{"agent", "session_key"},
                                          {"agent", "init_key"},
                                          {"mcp", "token"},
                                          {"webhook", "authorization"},
                                          {"ipc_key", NULL}};
    const struct sidecar *s = arg;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const json_t *key = json_object_get(s->p->settings, keys[i][0]);
        if (keys[i][1])
            key = json_object_get(key, keys[i][1]);
        if (json_is_string(key))
            explicit_bzero((char *)(uintptr_t)json_string_value(key), json_string_length(key));
    }
    if (s->mcp)
        hr_mcp_forget_keys(s->mcp);
    if (s->health.checks)
        hr_checks_set_key(s->health.checks, NULL);
    if (s->health.pool)
        hr_pool_forget_key(s->health.pool);
    hr_webhook_forget_keys(s->webhook, name);
}

static int make_webhook(struct sidecar *s)
{
    const json_t *settings = json_object_get(s->p->settings, "webhook");
    struct hr_webhook_config cfg = {
        .loop = s->p->loop,
        .board = s->p->board,
        .url = json_string_value(json_object_get(settings, "url")),
        .authorization = json_string_value(json_object_get(settings, "authorization")),
        .podinfo_dir = s->podinfo_dir,
        .crash = hr_crash};
    if (!cfg.url)
        return 0;
    int err = hr_webhook_new(&cfg, &s->webhook);
    if (!err)
        hr_metrics_add(&s->health.metrics, hr_webhook_collect, s->webhook);
    s->health.webhook = s->webhook;
    return err;
}

static int make_resources(struct sidecar *s)
{
    const struct hr_resources_config cfg = {.loop = s->p->loop, .board = s->p->board, .root = ""};
    int err = hr_resources_new(&cfg, &s->health.resources);
    if (!err)
        hr_metrics_add(&s->health.metrics, hr_resources_collect, s->health.resources);
    return err;
}

static int make_pool(struct sidecar *s)
{
    struct hr_pool_config cfg = {.loop = s->p->loop,
                                 .board = s->p->board,
                                 .client = s->client,
                                 .host = s->health.agent_host,
                                 .port = s->health.agent_port,
                                 .podinfo_dir = s->podinfo_dir,
                                 .deferred = s->health.deferred != 0,
                                 .notify = notify,
                                 .hand_over = hand_over,
                                 .ready_ok = ready_ok,
                                 .on_labels = on_labels,
                                 .arg = s};
    int err = hr_pool_new(&cfg, &s->health.pool);
    if (!err)
        hr_pool_set_key(s->health.pool, s->session_key);
    return err;
}

static int make_parts(struct sidecar *s)
{
    int err = hr_client_new(s->p->loop, &s->client);
    if (!err)
        err = hr_mcp_new(s->p->loop, s->p->settings, s->p->board, &s->mcp);
    if (err == -EPROTO)
        hr_error("settings: /ipc_key or one of /plugins is not as handrail writes it");
    if (!err)
        err = make_orders(s);
    if (!err)
        err = make_pool(s);
    if (!err)
        err = make_webhook(s);
    if (err)
        return err;
    struct hr_checks_config cfg = {.loop = s->p->loop,
                                   .board = s->p->board,
                                   .client = s->client,
                                   .host = s->health.agent_host,
                                   .port = s->health.agent_port,
                                   .settings = json_object_get(s->p->settings, "checks"),
                                   .session_key = s->session_key,
                                   .is_dormant = is_dormant,
                                   .on_ready = on_server_ready,
                                   .init_ok = init_ok,
                                   .plugin_ok = plugin_ok,
                                   .untaken = untaken,
                                   .arg = s};
    err = hr_checks_new(&cfg, &s->health.checks);
    s->health.loop = s->p->loop;
    s->health.board = s->p->board;
    s->health.mcp = s->mcp;
    s->board_source.board = s->p->board;
    hr_metrics_add(&s->health.metrics, hr_metrics_collect_build, NULL);
    if (!err)
        err = make_resources(s);
    hr_metrics_add(&s->health.metrics, hr_metrics_collect_board, &s->board_source);
    hr_metrics_add(&s->health.metrics, hr_checks_collect, s->health.checks);
    hr_metrics_add(&s->health.metrics, hr_metrics_collect_requests, &s->health.requests);
    hr_metrics_add(&s->health.metrics, hr_mcp_collect, s->mcp);
    hr_metrics_add(&s->health.metrics, hr_pool_collect, s->health.pool);
    if (!err)
        err = set_plugins(s, json_object_get(s->p->settings, "plugins"));
    return err;
}

/* Anyone can connect to it, and a listener whose limit cannot be reached would never end an idle
 * connection for a new one, and all of us would be without files. */
static struct hr_http_limits fit(const struct sidecar *s, const struct hr_http_limits *wanted)
{
    struct hr_http_limits fitting = *wanted;
    unsigned n = wanted->connections * s->files / FILES_WANTED;
    fitting.connections = n > CONNECTIONS_MIN ? n : CONNECTIONS_MIN;
    if (fitting.connections_per_ip > fitting.connections)
        fitting.connections_per_ip = fitting.connections;
    return fitting;
}

static int listen_for_probes(struct sidecar *s)
{
    const struct hr_http_limits health = fit(s, &health_limits);
    const struct hr_http_limits probe = fit(s, &probe_limits);
    int err = hr_http_new(s->p->loop, HR_FD_HEALTH, &health, NULL, hr_health_handle, &s->health,
                          &s->health_http);
    if (!err && is_listener(HR_FD_PROBE)) /* if not, the supervisor has said why */
        err = hr_http_new(s->p->loop, HR_FD_PROBE, &probe, NULL, hr_health_handle, &s->health,
                          &s->probe_http);
    if (err)
        hr_error("cannot serve probes: %s", strerror(-err));
    return err;
}

/* A sidecar that was restarted beside a server that is up has to ask it first.  Probes have waited
 * for us in the queue, and a pod that was ready is not to be taken out of service because of that:
 * so they wait until we know, or a moment.  Whoever comes before the server is up is answered at
 * once. */
static bool must_ask_first(struct sidecar *s)
{
    char reason[HR_CHECK_REASON_MAX];
    struct hr_board_service server;
    return !hr_board_get_service(s->p->board, 0, &server) && server.state == HR_UP &&
           ready_ok(reason, sizeof(reason), s);
}

static void on_asking(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)events;
    struct sidecar *s = w->data;
    if (must_ask_first(s) && hr_now_ms() - s->began_ms < ASKING_MS)
        return;
    ev_timer_stop(loop, w);
    if (listen_for_probes(s))
        ev_break(loop, EVBREAK_ALL); /* our next life may have more luck */
}

static int listen_all(struct sidecar *s)
{
    s->began_ms = hr_now_ms();
    ev_timer_init(&s->asking, on_asking, ASKING_STEP_MS / 1000., ASKING_STEP_MS / 1000.);
    s->asking.data = s;
    if (must_ask_first(s))
        ev_timer_start(s->p->loop, &s->asking);
    int err = ev_is_active(&s->asking) ? 0 : listen_for_probes(s);
    if (!err)
        err = hr_http_new(s->p->loop, HR_FD_MCP, &mcp_limits, hr_mcp_head, hr_mcp_handle, s->mcp,
                          &s->mcp_http);
    return err;
}

static void raise_file_limit(struct sidecar *s)
{
    struct rlimit r;
    s->files = FILES_WANTED;
    if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= FILES_WANTED)
        return;
    const struct rlimit more = {
        .rlim_cur = r.rlim_max < FILES_WANTED ? r.rlim_max : FILES_WANTED,
        .rlim_max = r.rlim_max,
    };
    if (setrlimit(RLIMIT_NOFILE, &more) == 0)
        r = more;
    s->files = (unsigned)r.rlim_cur;
    if (r.rlim_cur < FILES_WANTED)
        hr_warn("only %llu files may be open, %d are wanted: fewer connections will be served",
                (unsigned long long)r.rlim_cur, FILES_WANTED);
}

static void tear_down(struct sidecar *s)
{
    hr_http_free(s->health_http);
    hr_http_free(s->probe_http);
    hr_metrics_page_free(&s->health.metrics_page);
    hr_resources_free(s->health.resources);
    hr_pool_free(s->health.pool);
    hr_checks_free(s->health.checks);
    hr_orders_free(s->orders);
    hr_mcp_free(s->mcp);       /* it answers the calls that are open, ... */
    hr_http_free(s->mcp_http); /* ... which this sends */
    hr_foreign_free(s->foreign);
    hr_webhook_free(s->webhook);
    hr_client_free(s->client);
}

static int start(struct sidecar *s)
{
    int err = read_settings(s);
    if (!err)
        err = check_listener(HR_FD_HEALTH, "health");
    if (!err)
        err = check_listener(HR_FD_MCP, "MCP");
    if (err)
        return err; /* said already */
    raise_file_limit(s);
    err = make_parts(s);
    if (!err)
        err = listen_all(s);
    if (err)
        hr_error("cannot start: %s", strerror(-err));
    return err;
}

static int serve_http(struct hr_program *p)
{
    static struct sidecar s;
    s.p = p;
    hr_aside_at_fork(forget_keys, &s);
    int err = start(&s);
    if (!err) {
        p->on_board = on_board;
        p->on_end = on_end;
        p->on_plugins = on_plugins;
        p->arg = &s;
        ev_timer_init(&s.ending, on_ending, ENDING_MS / 1000., 0.);
        hr_checks_start(s.health.checks);
        hr_resources_start(s.health.resources);
        hr_orders_start(s.orders);
        hr_pool_start(s.health.pool); /* first: plugins are told its labels */
        tell_phase(&s);
        hr_webhook_board_changed(s.webhook);
        if (s.foreign)
            hr_foreign_start(s.foreign);
        hr_program_run(p);
    }
    tear_down(&s);
    return err ? HR_EXIT_SOFTWARE : 0;
}

int main(void)
{
    struct hr_program p = {.loop = NULL};
    hr_log_init("handrail-sidecar", HR_LOG_INFO);
    hr_log_init("handrail-sidecar", hr_log_level_from_env());
    int code = HR_EXIT_SOFTWARE;
    if (!hr_program_begin(&p))
        code =
            json_is_true(json_object_get(p.settings, "stdio")) ? hr_stdio_main(&p) : serve_http(&p);
    hr_program_end(&p);
    return code;
}
