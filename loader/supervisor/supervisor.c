/* SPDX-License-Identifier: MIT
 * PID 1.  See supervisor.h for the phases, service.h for what happens to each process. */
#include "supervisor.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/loop/loop.h"
#include "core.h"
#include "crash_file.h"
#include "job.h"
#include "orders.h"
#include "pod.h"
#include "preflight.h"
#include "secrets.h"
#include "stop.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SIGNALS_PER_EVENT = 64, /* then others get their turn: a flood must not starve the loop */
    REAPED_PER_EVENT = 512, /* likewise */
    REAP_AGAIN_MS = 100,
};

/* The one supervisor of this process.  Static: nothing is allocated for it. */
static struct hr_supervisor the_supervisor;

void hr_publish(struct hr_supervisor *sup)
{
    static const uint64_t one = 1;
    if (sup->board)
        hr_pod_update(sup);
    if (sup->board && write(sup->event_fd, &one, sizeof(one)) < 0)
        hr_debug("the board's event counter is full: %s", strerror(errno));
}

/* Our own programs always do.  The server does if it has died: what it has left in its group is the
 * other half of a server that is two processes, which would hold the port and answer for the next
 * one.  In a stop, or when it is never started again, that half is asked to end like everybody
 * else.  What a hook has started and left running is wanted, unless the hook is tried again. */
static bool ends_with_its_group(const struct hr_unit *u, bool success)
{
    if (u->service.index == HR_INDEX_HOOK)
        return !success;
    return u->service.index != HR_INDEX_SERVER ||
           (u->sup->config->sidecar && u->sup->phase == HR_RUNNING &&
            u->service.policy.restart != HR_RESTART_NEVER);
}

/* The server is dead and nobody had asked for that: what it left in the next one's way goes. */
static void clean_up_after_server(struct hr_supervisor *sup)
{
    const struct hr_unit *u = &sup->units[HR_INDEX_SERVER];
    const uint16_t ports[] = {sup->config->agent_port, sup->handout.vscode_port};
    pid_t keep[HR_MAX_SERVICES];
    if (!sup->config->sidecar || sup->phase != HR_RUNNING || u->service.pub.state != HR_BACKOFF)
        return;
    if (hr_reports_left_nobody(sup, u)) {
        sup->leftovers.n = 0;
        return;
    }
    struct hr_leftovers_search search = {.what = sup->config->cleanup,
                                         .keep = keep,
                                         .nkeep = hr_unit_pids(sup, keep),
                                         .ports = ports,
                                         .nports = sizeof(ports) / sizeof(ports[0])};
    search.nsockets = hr_reports_listening(sup, u, &search.sockets);
    hr_leftovers_begin(&sup->leftovers, &search, hr_now_ms());
}

static void reaped(struct hr_supervisor *sup, struct hr_unit *u, pid_t pid, int status,
                   const struct rusage *usage)
{
    hr_leftovers_ended(&sup->leftovers, pid);
    if (!u) {
        if (!hr_crash_file_reaped(pid, status))
            hr_reload_ended(sup, pid, status);
        return;
    }
    hr_unit_ended(u, status, usage);
    if (u->service.index == HR_INDEX_SERVER) {
        hr_job_ended(sup, pid);
        clean_up_after_server(sup);
    }
    hr_reports_write(sup); /* after that, which looks into the report */
}

/* The kernel, or a filter of system calls, has failed us, and SIGCHLD will not come again. */
static void reap_later(struct hr_supervisor *sup)
{
    static int64_t told_ms;
    hr_loop_tell("reaping", &told_ms);
    sup->reap_more = false;
    hr_loop_arm(sup->loop, &sup->reap_again, REAP_AGAIN_MS, 0);
}

/* Reap everything that has ended.  Each child is looked at before it is reaped: until then its pid
 * cannot belong to anybody else. */
static void reap(struct hr_supervisor *sup)
{
    sup->reap_more = true;
    for (int i = 0; i < REAPED_PER_EVENT; i++) {
        siginfo_t info = {0};
        struct rusage usage;
        int status = 0;
        int r = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && errno != ECHILD) {
            reap_later(sup);
            break;
        }
        sup->reap_more = r == 0 && info.si_pid != 0;
        if (!sup->reap_more)
            break;
        struct hr_unit *u = hr_unit_of(sup, info.si_pid);
        if (u) {
            bool success = info.si_code == CLD_EXITED && info.si_status == 0;
            hr_unit_take_all(u, success);        /* what it has said comes before its end */
            if (ends_with_its_group(u, success)) /* now: the number may be somebody else's then */
                (void)kill(-info.si_pid, SIGKILL);
        }
        pid_t pid = wait4(info.si_pid, &status, WNOHANG, &usage);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid != info.si_pid) {
            reap_later(sup);
            break;
        }
        reaped(sup, u, pid, status, &usage);
    }
}

/* What a signal means to us; *sent: what the server is to get for it.  One that is rewritten is the
 * server's, but for those that stop us. */
static enum hr_signal_meaning meaning(struct hr_supervisor *sup, int sig, int *sent)
{
    enum hr_signal_meaning m = hr_signal_meaning(sig, !sup->config->sidecar);
    *sent = hr_signal_rewrite(sup->config->rewrite, sig);
    if (!*sent)
        return HR_SIGNAL_IGNORE;
    return *sent != sig && m != HR_SIGNAL_SHUTDOWN ? HR_SIGNAL_FORWARD : m;
}

static void take_signals(struct hr_supervisor *sup)
{
    struct hr_service *server = &sup->units[HR_INDEX_SERVER].service;
    int sig = 0;
    int sent = 0;
    bool children = sup->reap_more;
    for (int i = 0; i < SIGNALS_PER_EVENT && (sig = hr_signals_next(sup->signals)) > 0; i++) {
        switch (meaning(sup, sig, &sent)) {
        case HR_SIGNAL_CHILD: children = true; break;
        case HR_SIGNAL_SHUTDOWN: hr_stop_signal(sup, sent); break;
        case HR_SIGNAL_RELOAD: (void)hr_reload_begin(sup); break;
        case HR_SIGNAL_FORWARD: server->ops->kill(server->ctx, server, sent); break;
        case HR_SIGNAL_IGNORE: break;
        }
    }
    if (children) {
        reap(sup);
        if (sup->reap_more) /* in the next round of the loop */
            ev_feed_event(sup->loop, &sup->signal_io, EV_READ);
        hr_job_control(sup);
        hr_reload_advance(sup);
    }
    hr_stop_advance(sup);
}

static void on_signal(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    take_signals(w->data);
}

static void on_reap_again(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    (void)loop;
    (void)revents;
    sup->reap_more = true;
    take_signals(sup);
}

/* ---- starting ------------------------------------------------------------------------------ */

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
    hr_board_put_server(sup->board, &sup->server.pub);
    hr_pod_update(sup);
    for (uint32_t i = 0; i < sup->nunits; i++)
        hr_board_put_service(sup->board, i, &sup->units[i].service.pub);
    return 0;
}

static void offer_tools(struct hr_supervisor *sup)
{
    char address[HR_ADDRESS_TEXT];
    char url[HR_URL_TEXT];
    hr_handout_url(&sup->handout, url);
    if (sup->config->nplugins)
        (void)hr_ambient_write(&sup->ambient, url, sup->handout.mcp_token);
    hr_address_format(&sup->handout.health, address);
    hr_info("health on %s, tools on %s, agent-server expected on %s port %u, %u plugin%s", address,
            url, sup->config->agent_host, sup->config->agent_port, sup->config->nplugins,
            sup->config->nplugins == 1 ? "" : "s");
}

/* Children are reaped and orders to stop are heard all the same. */
static void on_loop_failure(void)
{
    take_signals(&the_supervisor);
}

static void on_show(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct hr_supervisor *sup = w->data;
    (void)loop;
    (void)revents;
    for (uint32_t i = 0; i < sup->nunits; i++) {
        const struct hr_output *o = &sup->units[i].output;
        struct hr_board_output *shown = &sup->units[i].shown;
        if (shown->bytes == o->bytes && shown->dropped_bytes == o->dropped_bytes)
            continue;
        *shown = (struct hr_board_output){.lines = o->lines,
                                          .bytes = o->bytes,
                                          .dropped_lines = o->dropped_lines,
                                          .dropped_bytes = o->dropped_bytes};
        hr_board_put_output(sup->board, i, shown);
    }
}

/* 0 or the exit code. */
static int prepare_server(struct hr_supervisor *sup)
{
    int code = hr_agent_command(sup->config, sup->config->command, environ, &sup->command);
    if (code)
        return code;
    sup->config->command = sup->command.argv; /* for all who look at it from here on */
    int err = hr_server_init(sup, sup->command.env);
    if (err)
        hr_error("cannot start: %s", strerror(-err));
    return err ? HR_EXIT_OSERR : 0;
}

/* Put our standard input and output aside for the sidecar: nobody else is to read or write there.
 * 0 or the exit code. */
static int take_streams(struct hr_supervisor *sup)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool bad = null_fd < 0;
    sup->server.notify_fd = -1;
    for (int i = STDIN_FILENO; i <= STDOUT_FILENO && !bad; i++) {
        sup->streams[i] = fcntl(i, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        bad = sup->streams[i] < 0 || dup2(null_fd, i) < 0;
    }
    if (bad)
        hr_error("cannot start: standard input and output cannot be moved: %s", strerror(errno));
    hr_close(&null_fd);
    return bad ? HR_EXIT_OSERR : 0;
}

/* What only supervised mode has, but for the units.  0 or the exit code. */
static int prepare_supervision(struct hr_supervisor *sup)
{
    hr_secrets_init(environ);
    if (sup->config->on_claim)
        hr_secrets_add_command(sup->config->on_claim);
    int code = sup->config->stdio ? take_streams(sup) : prepare_server(sup);
    if (code)
        return code;
    hr_relay_init(&sup->relay, sup->loop);
    hr_reports_init(sup);
    hr_reload_init(sup);
    int err = hr_units_make(sup);
    if (!err)
        err = make_board(sup);
    if (err) {
        hr_error("cannot start: %s", strerror(-err));
        return HR_EXIT_OSERR;
    }
    code = hr_handout_make(sup->config, &sup->handout);
    if (code)
        return code;
    (void)hr_secrets_add(sup->handout.mcp_token, strlen(sup->handout.mcp_token));
    (void)hr_secrets_add(sup->handout.ipc_key, strlen(sup->handout.ipc_key));
    if (!sup->config->stdio)
        hr_orders_init(sup);
    ev_prepare_init(&sup->show, on_show);
    sup->show.data = sup;
    ev_prepare_start(sup->loop, &sup->show);
    /* We hold keys: our memory is nobody's to read, and no core dump's. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    return 0;
}

/* 0 or the exit code. */
static int prepare(struct hr_supervisor *sup)
{
    sup->loop = hr_loop_new(on_loop_failure);
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
    ev_init(&sup->reap_again, on_reap_again);
    sup->signal_io.data = sup->reap_again.data = sup;
    sup->foreground = !sup->config->sidecar && tcgetpgrp(STDIN_FILENO) >= 0;
    hr_programs_find(&sup->programs);
    if (sup->config->sidecar)
        return prepare_supervision(sup);
    sup->command.argv = sup->config->command;
    sup->command.env = environ;
    (void)hr_units_make(sup); /* one, without pipes: it cannot fail */
    return 0;
}

/* Our exit code: the server's, from its last life; if there was none to be stopped, as if the
 * signal that stopped us had ended one. */
static int final_code(struct hr_supervisor *sup)
{
    int status = hr_main_unit(sup)->service.pub.last_status;
    int code = status < 0 || sup->stopped_idle ? 128 + sup->stop_signal : hr_exit_code(status);
    if (!sup->config->success_codes[code])
        return code;
    hr_info("exit code %d is a success (--success-code)", code);
    return 0;
}

/* What gave the server up is said once more: a container's status shows the end of its log, and
 * the ends of many toolhosts come between. */
static void say_end(const struct hr_board_service *server, int code)
{
    bool failed = server->state == HR_FAILED;
    hr_info("done, exit code %d%s%s", code, failed ? ": " : "", failed ? server->reason : "");
}

int hr_supervisor_run(struct hr_config *config, const struct hr_signals *signals)
{
    struct hr_supervisor *sup = &the_supervisor;
    sup->config = config;
    sup->signals = signals;
    sup->board_fd = sup->event_fd = sup->streams[0] = sup->streams[1] = -1;
    int code = prepare(sup);
    if (code)
        return code;
    if (config->sidecar && !config->stdio) {
        hr_preflight(config, hr_is_agent_server(sup->command.argv), sup->command.env, NULL, NULL);
        offer_tools(sup);
    }
    if (config->stdio && !config->nplugins)
        hr_warn("%s names no plugin: there are no tools on offer", config->registry_path);
    ev_io_start(sup->loop, &sup->signal_io);
    /* Our own programs first: the tools must be there before the server can ask for them. */
    for (uint32_t i = sup->nunits; i-- > 0;)
        if (sup->units[i].service.pub.name[0] && i != HR_INDEX_HOOK)
            hr_service_event(&sup->units[i].service, HR_EV_START, 0);
    ev_feed_event(sup->loop, &sup->signal_io, EV_READ); /* what could not be started may end us */
    ev_run(sup->loop, 0);
    code = final_code(sup);
    if (config->sidecar) {
        hr_server_wipe(sup);
        hr_orders_end(sup);
        say_end(&hr_main_unit(sup)->service.pub, code);
        hr_relay_finish(&sup->relay);
    }
    ev_loop_destroy(sup->loop);
    return code;
}
