/* SPDX-License-Identifier: MIT
 * handrail-sidecar: health and tools over HTTP, beside the agent-server.
 *
 * The supervisor starts it with everything it needs at fixed descriptors (common/handoff.h) and
 * starts it again if it ends; it keeps nothing that its next life would miss.  One thread. */
#include "common/board.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "health.h"
#include "sidecar/http/client.h"
#include "sidecar/orders/orders.h"
#include "sidecar/preflight/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MCP_CONNECTIONS = 256,
    FILES_WANTED = 1024, /* both listeners full, and everything else */
    ENDING_MS = 30,      /* from the order to end to the end, for requests that are on their way */
    /* Seconds between two heartbeats, which also look for the parent, in case the kernel's word of
     * its death was missed; more often where the watchdog's limit is short. */
    BEAT_S = 5,
    BEATS_PER_LIMIT = 4,
    HANG_LIMIT_MIN_MS = 1000,
    HANG_LIMIT_MAX_MS = 24 * 3600 * 1000,
};

_Static_assert(2 * HR_MCP_STREAMS_MAX <= MCP_CONNECTIONS, "streams leave room for calls");

/* Probes send no body; a small one may come and be told that its method is wrong. */
static const struct hr_http_limits health_limits = {
    .body_max = 4096, .connections = 512, .connections_per_ip = 128, .idle_timeout_s = 5};

/* The body is less than a frame to a toolhost can carry.  Clients keep their connections and use
 * them again after a model has thought for a while.  All of them have the same address. */
static const struct hr_http_limits mcp_limits = {.body_max = (size_t)4 * 1024 * 1024,
                                                 .connections = MCP_CONNECTIONS,
                                                 .connections_per_ip = MCP_CONNECTIONS,
                                                 .idle_timeout_s = 120};

struct sidecar {
    struct ev_loop *loop;
    json_t *settings;
    const struct hr_board *board;
    struct hr_client *client;
    struct hr_mcp *mcp;
    struct hr_orders *orders;
    const char *init_key;       /* in settings; NULL: none */
    const char *session_key;    /* likewise */
    struct hr_foreign *foreign; /* NULL: no native tools that others could take away */
    struct hr_health health;
    struct hr_metrics_board board_source;
    struct hr_http *health_http;
    struct hr_http *mcp_http;
    pid_t parent;
    ev_io event;
    ev_signal term;
    ev_signal interrupt;
    ev_timer beat;
    ev_timer ending;
};

/* ---- what can happen ---- */

static void on_board_event(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    (void)events;
    struct sidecar *s = w->data;
    uint64_t count = 0; /* how often does not matter: the board says what there is now */
    ssize_t got = read(HR_FD_EVENT, &count, sizeof(count));
    (void)got;
    hr_orders_board_changed(s->orders);
    hr_checks_board_changed(s->health.checks);
    hr_mcp_board_changed(s->mcp);
}

static void on_ending(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)w;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

/* A client that has just been accepted gets the moment it needs to send its request; those that
 * come later wait for our next life. */
static void on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
    struct sidecar *s = w->data;
    (void)events;
    hr_debug("ending on signal %d", w->signum);
    bool health = hr_http_quiesce(s->health_http);
    bool mcp = hr_http_quiesce(s->mcp_http);
    if (!health && !mcp)
        ev_break(loop, EVBREAK_ALL);
    else if (!ev_is_active(&s->ending))
        ev_timer_start(loop, &s->ending);
}

static void on_beat(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)events;
    const struct sidecar *s = w->data;
    hr_notify("WATCHDOG=1");
    if (getppid() == s->parent)
        return;
    hr_warn("the supervisor (pid %d) is gone: ending", (int)s->parent);
    ev_break(loop, EVBREAK_ALL);
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

static int init_ok(uint32_t starts, char *reason, size_t size, void *arg)
{
    const struct sidecar *s = arg;
    return hr_orders_init_ok(s->orders, starts, reason, size);
}

static int plugin_ok(const char *id, char *reason, size_t size, void *arg)
{
    const struct sidecar *s = arg;
    return hr_mcp_plugin_ok(s->mcp, id, reason, size);
}

/* ---- starting ---- */

static int open_board(struct sidecar *s)
{
    struct hr_board_head head;
    int err = hr_board_open(HR_FD_BOARD, &s->board);
    if (!err)
        err = hr_board_get_head(s->board, &head);
    if (err) {
        hr_error("cannot read the supervisor's board (descriptor %d): %s; this program is started "
                 "by handrail, not by hand",
                 HR_FD_BOARD, strerror(-err));
        return err;
    }
    s->parent = head.supervisor_pid;
    if (getppid() != s->parent) {
        hr_error("the supervisor (pid %d) is not our parent: it has ended, or handrail-sidecar was "
                 "not started by it",
                 (int)s->parent);
        return -ESRCH;
    }
    return 0;
}

static int check_listener(int fd, const char *name)
{
    int listening = 0;
    socklen_t len = sizeof(listening);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening)
        return 0;
    hr_error("descriptor %d is not the listening socket for %s that handrail hands over", fd, name);
    return -ENOTSOCK;
}

static int check_event(void)
{
    int flags = fcntl(HR_FD_EVENT, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK))
        return 0;
    hr_error("descriptor %d is not the non-blocking event descriptor that handrail hands over",
             HR_FD_EVENT);
    return -EBADF;
}

static int read_settings(struct sidecar *s)
{
    json_error_t e;
    const char *host = NULL;
    const char *token = NULL;
    json_t *plugins = NULL;
    int port = 0;
    int err = hr_settings_read(HR_FD_SETTINGS, &s->settings);
    if (err) {
        hr_error("cannot read the settings (descriptor %d): %s", HR_FD_SETTINGS,
                 err == -EPROTO ? "not a JSON object" : strerror(-err));
        return err;
    }
    (void)close(HR_FD_SETTINGS); /* keys are in it */
    if (json_unpack_ex(s->settings, &e, 0, "{s:{s:s, s:i, s?s, s?s, s?b}, s:{s:s}, s:o}", "agent",
                       "host", &host, "port", &port, "session_key", &s->session_key, "init_key",
                       &s->init_key, "deferred", &s->health.deferred, "mcp", "token", &token,
                       "plugins", &plugins)) {
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

static int64_t hang_limit_ms(void)
{
    const char *text = getenv("HANDRAIL_HANG_LIMIT_MS");
    int64_t ms = HR_HANG_LIMIT_MS;
    if (text && *text && hr_parse_int(text, HANG_LIMIT_MIN_MS, HANG_LIMIT_MAX_MS, &ms))
        hr_warn("HANDRAIL_HANG_LIMIT_MS is \"%.32s\", expected milliseconds from %d to %d: using "
                "%lld",
                text, HANG_LIMIT_MIN_MS, HANG_LIMIT_MAX_MS, (long long)ms);
    return ms;
}

static int add_plugin_checks(struct sidecar *s)
{
    size_t i = 0;
    json_t *plugin = NULL;
    json_array_foreach (json_object_get(s->settings, "plugins"), i, plugin) {
        const char *id = NULL;
        int required = 0;
        int err = json_unpack(plugin, "{s:s, s?b}", "id", &id, "required", &required) ? -EPROTO : 0;
        if (!err)
            err = hr_checks_add_plugin(s->health.checks, id, required);
        if (err) {
            hr_error("settings: /plugins/%zu: no check can be made of it: %s", i, strerror(-err));
            return err;
        }
    }
    return 0;
}

static int make_orders(struct sidecar *s)
{
    struct hr_orders_config cfg = {.loop = s->loop,
                                   .board = s->board,
                                   .client = s->client,
                                   .socket = HR_FD_NOTIFY,
                                   .host = s->health.agent_host,
                                   .port = s->health.agent_port,
                                   .init_key = s->init_key,
                                   .session_key = s->session_key,
                                   .notify = notify};
    return hr_orders_new(&cfg, &s->orders);
}

static int make_foreign(struct sidecar *s)
{
    const struct hr_foreign_config cfg = {.loop = s->loop, .client = s->client};
    if (json_array_size(json_object_get(s->settings, "plugins")) == 0)
        return 0;
    int err = hr_foreign_new(&cfg, &s->foreign);
    if (!err)
        hr_metrics_add(&s->health.metrics, hr_foreign_collect, s->foreign);
    return err;
}

static int make_parts(struct sidecar *s)
{
    int err = hr_client_new(s->loop, &s->client);
    if (!err)
        err = hr_mcp_new(s->loop, s->settings, s->board, &s->mcp);
    if (err == -EPROTO)
        hr_error("settings: /ipc_key or one of /plugins is not as handrail writes it");
    if (!err)
        err = make_orders(s);
    if (err)
        return err;
    struct hr_checks_config cfg = {.loop = s->loop,
                                   .board = s->board,
                                   .client = s->client,
                                   .host = s->health.agent_host,
                                   .port = s->health.agent_port,
                                   .hang_limit_ms = hang_limit_ms(),
                                   .on_ready = on_server_ready,
                                   .init_ok = init_ok,
                                   .plugin_ok = plugin_ok,
                                   .arg = s};
    err = hr_checks_new(&cfg, &s->health.checks);
    if (!err)
        err = add_plugin_checks(s);
    s->health.board = s->board;
    s->health.mcp = s->mcp;
    s->board_source.board = s->board;
    hr_metrics_add(&s->health.metrics, hr_metrics_collect_process, NULL);
    hr_metrics_add(&s->health.metrics, hr_metrics_collect_board, &s->board_source);
    hr_metrics_add(&s->health.metrics, hr_checks_collect, s->health.checks);
    hr_metrics_add(&s->health.metrics, hr_metrics_collect_requests, &s->health.requests);
    hr_metrics_add(&s->health.metrics, hr_mcp_collect, s->mcp);
    if (!err)
        err = make_foreign(s);
    return err;
}

static int listen_all(struct sidecar *s)
{
    int err = hr_http_new(s->loop, HR_FD_HEALTH, &health_limits, NULL, hr_health_handle, &s->health,
                          &s->health_http);
    if (!err)
        err = hr_http_new(s->loop, HR_FD_MCP, &mcp_limits, hr_mcp_head, hr_mcp_handle, s->mcp,
                          &s->mcp_http);
    return err;
}

static void raise_file_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur >= FILES_WANTED)
        return;
    r.rlim_cur = r.rlim_max < FILES_WANTED ? r.rlim_max : FILES_WANTED;
    (void)setrlimit(RLIMIT_NOFILE, &r);
    if (r.rlim_cur < FILES_WANTED)
        hr_warn("only %llu files may be open, %d are wanted: fewer connections will be served",
                (unsigned long long)r.rlim_cur, FILES_WANTED);
}

static void start_watchers(struct sidecar *s)
{
    ev_io_init(&s->event, on_board_event, HR_FD_EVENT, EV_READ);
    s->event.data = s;
    ev_io_start(s->loop, &s->event);
    ev_signal_init(&s->term, on_signal, SIGTERM);
    ev_signal_start(s->loop, &s->term);
    ev_signal_init(&s->interrupt, on_signal, SIGINT);
    ev_signal_start(s->loop, &s->interrupt);
    s->term.data = s->interrupt.data = s;
    ev_timer_init(&s->ending, on_ending, ENDING_MS / 1000., 0.);
    json_int_t limit_ms = json_integer_value(json_object_get(s->settings, "watchdog_ms"));
    double period = (double)limit_ms / 1000 / BEATS_PER_LIMIT;
    if (limit_ms <= 0 || period > BEAT_S)
        period = BEAT_S;
    ev_timer_init(&s->beat, on_beat, 0., period);
    s->beat.data = s;
    ev_timer_start(s->loop, &s->beat);
}

static void tear_down(struct sidecar *s)
{
    hr_http_free(s->health_http);
    hr_checks_free(s->health.checks);
    hr_orders_free(s->orders);
    hr_mcp_free(s->mcp);       /* it answers the calls that are open, ... */
    hr_http_free(s->mcp_http); /* ... which this sends */
    hr_foreign_free(s->foreign);
    hr_client_free(s->client);
    json_decref(s->settings);
    if (s->board)
        hr_board_unmap(s->board);
    if (s->loop)
        ev_loop_destroy(s->loop);
}

static int start(struct sidecar *s)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL); /* a peer that goes away is an error of a write */
    (void)sigaction(SIGCHLD, &ignore, NULL); /* a child's end is seen at its socket */
    /* Keys are about to be in this memory: no core dump of it, and no look by others of our uid. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int err = read_settings(s);
    if (!err)
        err = open_board(s);
    if (!err)
        err = check_event();
    if (!err)
        err = check_listener(HR_FD_HEALTH, "health");
    if (!err)
        err = check_listener(HR_FD_MCP, "MCP");
    if (err)
        return err; /* said already */
    raise_file_limit();
    s->loop = ev_loop_new(EVFLAG_AUTO);
    err = s->loop ? make_parts(s) : -ENOMEM;
    if (!err)
        err = listen_all(s);
    if (err)
        hr_error("cannot start: %s", strerror(-err));
    return err;
}

int main(void)
{
    static struct sidecar s;
    hr_log_init("handrail-sidecar", HR_LOG_INFO);
    hr_log_init("handrail-sidecar", hr_log_level_from_env());
    int err = start(&s);
    if (!err) {
        start_watchers(&s);
        hr_checks_start(s.health.checks);
        hr_orders_start(s.orders);
        hr_notify("READY=1");
        if (s.foreign)
            hr_foreign_start(s.foreign);
        hr_debug("serving");
        (void)ev_run(s.loop, 0);
    }
    tear_down(&s);
    return err ? HR_EXIT_SOFTWARE : 0;
}
