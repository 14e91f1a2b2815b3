/* SPDX-License-Identifier: MIT
 * The main thread's loop.  See serve.h. */
#include "serve.h"

#include "call.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "conn.h"
#include "dispatch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BEATS_PER_LIMIT = 4 };

struct server {
    struct hr_plugin *plugin;
    const char *key;
    int listener;
    int64_t accept_after_ms; /* do not look at the listener before that */
    uint64_t last_serial;
    struct hr_conn conns[HR_CONNS_MAX];
    struct hr_dispatch dispatch;
    int64_t stop_by_ms; /* 0 until asked to stop */
    int64_t beat_every_ms;
    int64_t beat_at_ms; /* INT64_MAX: never */
};

/* Written by the signal handler and by whoever ends a call; read by the loop. */
static int wake_fd = -1;
static atomic_bool stop_asked; /* the handler may run on any thread */

/* A handler and not a signalfd: that needs the signal blocked, and a plugin's threads and the
 * programs it starts would inherit the mask. */
static void on_stop(int signal)
{
    (void)signal;
    int saved = errno;
    uint64_t one = 1;
    atomic_store(&stop_asked, true);
    ssize_t ignored = write(wake_fd, &one, sizeof(one)); /* it is full only if it has been woken */
    (void)ignored;
    errno = saved;
}

int hr_serve_init(void)
{
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return -errno;
    hr_calls_init(wake_fd);
    return 0;
}

static void send_frame(void *arg, uint64_t serial, enum hr_frame_type type, uint64_t id,
                       const void *payload, size_t len)
{
    struct server *s = arg;
    for (size_t i = 0; serial && i < HR_CONNS_MAX; i++)
        if (s->conns[i].serial == serial)
            hr_conn_send(&s->conns[i], type, id, payload, len);
}

static bool full(void *arg, uint64_t serial)
{
    const struct server *s = arg;
    for (size_t i = 0; serial && i < HR_CONNS_MAX; i++)
        if (s->conns[i].serial == serial)
            return !s->conns[i].broken && hr_conn_full(&s->conns[i]);
    return false;
}

/* May this peer speak to us?  Every container of a pod can reach an abstract socket, so the kernel
 * is asked who it is; a process of another pid namespace has pid 0 here. */
static bool peer_ok(int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        hr_warn("connection refused: its peer is unknown: %s", strerror(errno));
        return false;
    }
    if (peer.pid != 0 && (peer.uid == geteuid() || peer.uid == 0))
        return true;
    hr_warn("connection refused: its peer is process %d of user %u, expected user %u in this "
            "container",
            (int)peer.pid, (unsigned)peer.uid, (unsigned)geteuid());
    return false;
}

static struct hr_conn *free_conn(struct server *s)
{
    for (size_t i = 0; i < HR_CONNS_MAX; i++)
        if (s->conns[i].fd < 0)
            return &s->conns[i];
    return NULL;
}

static void accept_all(struct server *s, int64_t now)
{
    struct hr_conn *c = NULL;
    while ((c = free_conn(s))) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                hr_warn("plugin %s: cannot accept a connection: %s: trying again in %d ms",
                        s->plugin->id, strerror(errno), HR_ACCEPT_RETRY_MS);
                s->accept_after_ms = now + HR_ACCEPT_RETRY_MS;
            }
            return;
        }
        if (peer_ok(fd))
            hr_conn_open(c, fd, ++s->last_serial, now);
        else
            hr_close(&fd);
    }
}

static void tell_health(const struct server *s, struct hr_conn *c)
{
    struct hr_buf payload;
    hr_buf_init(&payload, sizeof(int32_t) + HR_HEALTH_REASON_MAX + 1);
    if (hr_plugin_health_frame(&s->dispatch.health, &payload))
        hr_conn_send(c, HR_FRAME_HEALTH, 0, payload.data, payload.len);
    hr_buf_free(&payload);
}

/* Tell all who know its tools, if it has changed. */
static void tell_health_news(struct server *s)
{
    if (!s->dispatch.health.changed)
        return;
    s->dispatch.health.changed = false;
    for (size_t i = 0; i < HR_CONNS_MAX; i++)
        if (s->conns[i].fd >= 0 && s->conns[i].greeted && !s->conns[i].broken)
            tell_health(s, &s->conns[i]);
}

/* The first frame. */
static void greet(struct server *s, struct hr_conn *c, const struct hr_frame *frame,
                  const char *payload)
{
    char given[HR_HELLO_MAX + 1];
    if (frame->type != HR_FRAME_HELLO || frame->len > HR_HELLO_MAX) {
        c->broken = "its first frame is not a HELLO";
        return;
    }
    memcpy(given, payload, frame->len);
    given[frame->len] = '\0';
    if (strlen(given) != frame->len || !hr_equal_secret(given, s->key)) {
        c->broken = "it gave the wrong key";
        return;
    }
    c->greeted = true;
    hr_conn_send(c, HR_FRAME_TOOLS, 0, s->plugin->tools_json.data, s->plugin->tools_json.len);
    tell_health(s, c);
}

static void handle(struct server *s, struct hr_conn *c, const struct hr_frame *frame,
                   const char *payload)
{
    if (!c->greeted) {
        greet(s, c, frame, payload);
    } else if (frame->type == HR_FRAME_CALL) {
        if (hr_dispatch_call(&s->dispatch, c->serial, frame->id, payload, frame->len))
            c->broken = "it sent a CALL that is not one";
    } else if (frame->type == HR_FRAME_CANCEL && frame->len == 0) {
        hr_dispatch_cancel(&s->dispatch, c->serial, frame->id);
    } else if (frame->type == HR_FRAME_PHASE) {
        if (hr_dispatch_phase(&s->dispatch, payload, frame->len))
            c->broken = "it sent a PHASE that is not one";
    } else {
        c->broken = "it sent a frame that is not for us";
    }
}

static void receive(struct server *s, struct hr_conn *c)
{
    struct hr_frame frame;
    const char *payload = NULL;
    hr_conn_read(c);
    while (hr_conn_next(c, &frame, &payload))
        handle(s, c, &frame, payload);
    if (!c->greeted && c->in.len > sizeof(frame) + HR_HELLO_MAX)
        c->broken = "its first frame is not a HELLO";
}

/* Close what has to be closed, and nothing in the middle of something else. */
static void sweep(struct server *s, int64_t now)
{
    for (size_t i = 0; i < HR_CONNS_MAX; i++) {
        struct hr_conn *c = &s->conns[i];
        if (c->fd < 0)
            continue;
        if (!c->greeted && !c->broken && now - c->accepted_ms >= HR_HELLO_MS)
            c->broken = "it did not say HELLO in time";
        if (!c->broken && hr_conn_has_output(c) && now - c->progress_ms >= HR_STALL_MS)
            c->broken = "it does not read its answers";
        if (!c->broken)
            continue;
        if (*c->broken)
            hr_warn("plugin %s: connection closed: %s", s->plugin->id, c->broken);
        uint64_t serial = c->serial;
        hr_conn_close(c);
        hr_dispatch_drop(&s->dispatch, serial);
    }
}

static int earlier(int a, int64_t b)
{
    if (b < 0)
        b = 0;
    return a < 0 || b < a ? (int)b : a;
}

/* Wait for something to do, at most `timeout` ms, and do what comes over sockets. */
static int poll_once(struct server *s, int timeout)
{
    struct pollfd fds[HR_CONNS_MAX + 2];
    int64_t now = hr_now_ms();
    bool listening = !s->stop_by_ms && now >= s->accept_after_ms && free_conn(s);
    fds[0] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = listening ? s->listener : -1, .events = POLLIN};
    if (!s->stop_by_ms && now < s->accept_after_ms)
        timeout = earlier(timeout, s->accept_after_ms - now);
    for (size_t i = 0; i < HR_CONNS_MAX; i++) {
        const struct hr_conn *c = &s->conns[i];
        short events = POLLIN;
        if (hr_conn_has_output(c)) {
            events |= POLLOUT;
            timeout = earlier(timeout, c->progress_ms + HR_STALL_MS - now);
        }
        fds[i + 2] = (struct pollfd){.fd = c->fd, .events = events};
        if (c->fd >= 0 && !c->greeted)
            timeout = earlier(timeout, c->accepted_ms + HR_HELLO_MS - now);
    }
    if (poll(fds, HR_CONNS_MAX + 2, timeout) < 0)
        return errno == EINTR ? 0 : -errno;
    for (size_t i = 0; i < HR_CONNS_MAX + 2; i++)
        if (fds[i].revents & POLLNVAL)
            return -EBADF; /* we never ask for what we have closed */
    if (fds[0].revents) {
        uint64_t count = 0;
        ssize_t ignored = read(wake_fd, &count, sizeof(count)); /* only to make it quiet again */
        (void)ignored;
    }
    for (size_t i = 0; i < HR_CONNS_MAX; i++) {
        if (fds[i + 2].revents & POLLOUT)
            hr_conn_flush(&s->conns[i]);
        if (fds[i + 2].revents & ~POLLOUT)
            receive(s, &s->conns[i]);
    }
    if (fds[1].revents)
        accept_all(s, hr_now_ms());
    return 0;
}

static void begin_stop(struct server *s)
{
    hr_info("plugin %s: stopping", s->plugin->id);
    s->stop_by_ms = hr_now_ms() + HR_GRACE_MS;
    hr_dispatch_stop(&s->dispatch);
}

/* Nothing runs and nothing waits to be sent. */
static bool all_done(const struct server *s)
{
    for (size_t i = 0; i < HR_CONNS_MAX; i++)
        if (s->conns[i].fd >= 0 && hr_conn_has_output(&s->conns[i]))
            return false;
    return hr_dispatch_idle();
}

/* Say what ends this process, in the log and to the supervisor, which shows it. */
static int stuck(const struct server *s, const struct hr_call *c)
{
    static const char label[] = "STATUS=";
    char status[200];
    (void)snprintf(status, sizeof(status),
                   "%sits %s%s did not return within %d ms after its call had been given up", label,
                   c->tool ? "tool " : "", hr_call_name(c), HR_GRACE_MS);
    hr_error("plugin %s: %s: ending this process, which is the only way to get its thread back",
             s->plugin->id, status + sizeof(label) - 1);
    hr_notify(status);
    return -ETIMEDOUT;
}

/* Say that this loop turns, if that is due.  What `timeout` becomes by the next time. */
static int beat(struct server *s, int timeout, int64_t now)
{
    if (s->beat_at_ms == INT64_MAX)
        return timeout;
    if (now >= s->beat_at_ms) {
        s->beat_at_ms = now + s->beat_every_ms;
        hr_notify("WATCHDOG=1");
    }
    return earlier(timeout, s->beat_at_ms - now);
}

static int loop(struct server *s)
{
    for (;;) {
        struct hr_call *c = NULL;
        int64_t now = hr_now_ms();
        hr_dispatch_collect(&s->dispatch);
        sweep(s, now);
        int timeout = hr_dispatch_expire(&s->dispatch, now, &c);
        tell_health_news(s);
        if (c && !s->stop_by_ms)
            return stuck(s, c);
        if (atomic_load(&stop_asked) && !s->stop_by_ms)
            begin_stop(s);
        if (s->stop_by_ms) {
            if (all_done(s))
                return 0;
            if (now >= s->stop_by_ms)
                return hr_dispatch_idle() ? 0 : -EBUSY;
            timeout = earlier(timeout, s->stop_by_ms - now);
        }
        int err = poll_once(s, beat(s, timeout, now));
        if (err)
            return err;
    }
}

int hr_serve(struct hr_plugin *plugin, int listener, const char *key, int64_t watchdog_ms)
{
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    (void)sigemptyset(&stop.sa_mask);
    struct server *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->plugin = plugin;
    s->key = key;
    s->listener = listener;
    s->beat_every_ms = watchdog_ms / BEATS_PER_LIMIT;
    s->beat_at_ms = watchdog_ms ? 0 : INT64_MAX;
    for (size_t i = 0; i < HR_CONNS_MAX; i++)
        s->conns[i].fd = -1;
    int flags = fcntl(listener, F_GETFL);
    int err = hr_dispatch_init(&s->dispatch, plugin, send_frame, full, s);
    if (!err && (flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) < 0))
        err = -errno;
    if (!err && (sigaction(SIGTERM, &stop, NULL) < 0 || sigaction(SIGINT, &stop, NULL) < 0))
        err = -errno;
    if (!err) {
        hr_info("plugin %s %s: ready, %zu tools", plugin->id, plugin->api.version, plugin->ntools);
        hr_notify("READY=1"); /* not before the plugin was asked for its extensions, too */
        err = loop(s);
    }
    for (size_t i = 0; i < HR_CONNS_MAX; i++)
        if (s->conns[i].fd >= 0)
            hr_conn_close(&s->conns[i]);
    free(s); /* the pools and the calls stay: plugin threads may still look at them */
    return err;
}
