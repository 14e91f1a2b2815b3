/* SPDX-License-Identifier: MIT
 * A bad line between the sidecar and a toolhost.  See mcp_relay.h. */
#include "mcp_relay.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_FD = 3, NFDS = 3, OUT_OF_THE_WAY = 100, READY_MS = 20 * 1000 };

/* --- the toolhost --- */

static socklen_t fill(struct sockaddr_un *addr, const char *name)
{
    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(addr->sun_path + 1, name, strlen(name));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static void start_toolhost(struct relay *r, const char *plugin_id, const char *path)
{
    struct sockaddr_un addr;
    int notify[2];
    char line[64] = "";
    assert_int_equal(hr_random_hex(r->address, 8), 0);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = fill(&addr, r->address);
    assert_int_equal(bind(listener, (const struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, notify), 0);
    int settings = memfd_create("settings", MFD_CLOEXEC);
    json_t *json = json_pack("{s:s, s:s, s:s}", "id", plugin_id, "path", path, "ipc_key", KEY);
    assert_int_equal(json_dumpfd(json, settings, 0), 0);
    json_decref(json);
    const int fds[NFDS] = {settings, notify[1], listener};
    r->toolhost = fork();
    if (r->toolhost == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* a test that fails leaves nothing */
        for (int i = 0; i < NFDS; i++)
            (void)dup2(fds[i], OUT_OF_THE_WAY + i);
        for (int i = 0; i < NFDS; i++)
            (void)dup2(OUT_OF_THE_WAY + i, FIRST_FD + i);
        for (int i = 0; i < NFDS; i++)
            (void)close(OUT_OF_THE_WAY + i);
        (void)setenv("HANDRAIL_LOG_LEVEL", "error", 1);
        (void)execl(TOOLHOST_PROGRAM, TOOLHOST_PROGRAM, (char *)NULL);
        _exit(127);
    }
    struct pollfd p = {.fd = notify[0], .events = POLLIN};
    assert_int_equal(poll(&p, 1, READY_MS), 1);
    assert_true(read(notify[0], line, sizeof(line) - 1) > 0);
    assert_string_equal(line, "READY=1\n");
    (void)close(notify[0]);
    for (int i = 0; i < NFDS; i++)
        (void)close(fds[i]);
}

/* --- the line --- */

static enum side other(enum side s)
{
    return s == SIDECAR ? TOOLHOST : SIDECAR;
}

static void hang_up(struct relay *r)
{
    r->closing = 0;
    for (int s = 0; s < SIDES; s++) {
        ev_io_stop(r->f->loop, &r->side[s].readable);
        ev_io_stop(r->f->loop, &r->side[s].writable);
        hr_close(&r->side[s].fd);
        hr_buf_reset(&r->side[s].in);
        hr_buf_reset(&r->side[s].out);
        hr_buf_reset(&r->side[s].held);
        memset(r->side[s].seen, 0, sizeof(r->side[s].seen));
        r->side[s].drips = 0;
        r->side[s].wait_until_ms = 0;
    }
    ev_io_start(r->f->loop, &r->accepting);
}

static void add(struct relay *r, enum side to, const void *data, size_t n)
{
    assert_int_equal(hr_buf_add(&r->side[to].out, data, n), 0);
    if (!r->side[to].wait_until_ms)
        ev_io_start(r->f->loop, &r->side[to].writable);
}

static void close_when_sent(struct relay *r)
{
    r->closing = 1;
    if (!r->side[SIDECAR].out.len && !r->side[TOOLHOST].out.len)
        hang_up(r);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)revents;
    struct relay *r = w->data;
    enum side to = w == &r->side[SIDECAR].writable ? SIDECAR : TOOLHOST;
    struct hr_buf *out = &r->side[to].out;
    size_t n = r->side[to].drips && out->len ? 1 : out->len;
    ssize_t sent = n ? send(w->fd, out->data, n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (sent < 0 && errno != EAGAIN) {
        hang_up(r);
        return;
    }
    if (sent > 0)
        hr_buf_consume(out, (size_t)sent);
    if (!out->len)
        ev_io_stop(loop, w);
    if (r->closing)
        close_when_sent(r);
}

/* Do to this frame, n bytes in all, what the plan says. */
static void spoil(struct relay *r, enum side from, const char *data, size_t n)
{
    const struct plan *p = &r->plan;
    enum side to = other(from);
    struct hr_frame h;
    char *copy = malloc(n);
    assert_non_null(copy);
    memcpy(copy, data, n);
    memcpy(&h, data, sizeof(h));
    switch (p->fault) {
    case LENGTH: h.len = (uint32_t)p->value; break;
    case TYPE: h.type = (uint32_t)p->value; break;
    case ID: h.id = p->value; break;
    case ID_OTHER: h.id = r->side[from].last_id; break;
    case FLIP: copy[sizeof(h) + p->value % (n - sizeof(h))] ^= 0x55; break;
    case DRIP: r->side[to].drips = 1; break;
    case DELAY: r->side[to].wait_until_ms = hr_now_ms() + (int64_t)p->value; break;
    case DUPLICATE: add(r, to, copy, n); break;
    default: break;
    }
    memcpy(copy, &h, sizeof(h));
    if (p->fault == SWAP)
        assert_int_equal(hr_buf_add(&r->side[from].held, copy, n), 0);
    else if (p->fault == CUT)
        add(r, to, copy, p->value);
    else if (p->fault != DROP)
        add(r, to, copy, n);
    free(copy);
    if (p->fault == CUT)
        close_when_sent(r);
}

static void pass(struct relay *r, enum side from, const char *data, size_t n)
{
    struct hr_buf *held = &r->side[from].held;
    struct hr_frame h;
    memcpy(&h, data, sizeof(h));
    const struct plan *p = &r->plan;
    if (!r->fired && p->fault != NOTHING && from == p->from && h.type == p->type &&
        r->side[from].seen[h.type % 16] == p->nth) {
        r->fired = 1;
        spoil(r, from, data, n);
    } else {
        add(r, other(from), data, n);
        if (held->len) {
            add(r, other(from), held->data, held->len);
            hr_buf_reset(held);
        }
    }
    r->side[from].seen[h.type % 16]++;
    r->side[from].last_id = h.id;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    struct relay *r = w->data;
    enum side from = w == &r->side[SIDECAR].readable ? SIDECAR : TOOLHOST;
    struct hr_buf *in = &r->side[from].in;
    char chunk[65536];
    struct hr_frame h;
    const char *payload = NULL;
    ssize_t n = recv(w->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        ev_io_stop(loop, w);
        close_when_sent(r);
        return;
    }
    if (r->closing)
        return;
    assert_int_equal(hr_buf_add(in, chunk, (size_t)n), 0);
    /* the ends themselves are good: what comes from them is frames */
    while (r->side[from].fd >= 0 && !r->closing && in->len &&
           hr_frame_peek(in->data, in->len, &h, &payload) == 1) {
        size_t whole = sizeof(h) + h.len;
        char *frame = malloc(whole);
        assert_non_null(frame);
        memcpy(frame, in->data, whole);
        hr_buf_consume(in, whole);
        pass(r, from, frame, whole);
        free(frame);
    }
}

static void open_side(struct relay *r, enum side s, int fd)
{
    r->side[s].fd = fd;
    ev_io_set(&r->side[s].readable, fd, EV_READ);
    ev_io_set(&r->side[s].writable, fd, EV_WRITE);
    ev_io_start(r->f->loop, &r->side[s].readable);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)revents;
    struct relay *r = w->data;
    struct sockaddr_un addr;
    int near = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (near < 0)
        return;
    int far = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = fill(&addr, r->address);
    assert_int_equal(connect(far, (const struct sockaddr *)&addr, len), 0);
    ev_io_stop(loop, w); /* one line at a time */
    r->lines++;
    open_side(r, SIDECAR, near);
    open_side(r, TOOLHOST, far);
}

static void on_clock(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)revents;
    struct relay *r = w->data;
    for (int s = 0; s < SIDES; s++) {
        int64_t until = r->side[s].wait_until_ms;
        if (!until || hr_now_ms() < until)
            continue;
        r->side[s].wait_until_ms = 0;
        if (r->side[s].fd >= 0)
            ev_io_start(loop, &r->side[s].writable);
    }
}

void relay_start(struct relay *r, struct fixture *f, const char *plugin_id, const char *path)
{
    *r = (struct relay){.f = f};
    start_toolhost(r, plugin_id, path);
    for (int s = 0; s < SIDES; s++) {
        r->side[s].fd = -1;
        hr_buf_init(&r->side[s].in, 2 * (size_t)HR_FRAME_MAX);
        hr_buf_init(&r->side[s].out, 2 * (size_t)HR_FRAME_MAX);
        hr_buf_init(&r->side[s].held, 2 * (size_t)HR_FRAME_MAX);
        ev_io_init(&r->side[s].readable, on_readable, -1, EV_READ);
        ev_io_init(&r->side[s].writable, on_writable, -1, EV_WRITE);
        r->side[s].readable.data = r->side[s].writable.data = r;
    }
    ev_timer_init(&r->clock, on_clock, 0.001, 0.001);
    r->clock.data = r;
    ev_timer_start(f->loop, &r->clock);
    ev_io_stop(f->loop, &f->hosts[0].accepting); /* it does not answer; we do */
    ev_io_init(&r->accepting, on_accept, f->hosts[0].listen_fd, EV_READ);
    r->accepting.data = r;
    ev_io_start(f->loop, &r->accepting);
}

void relay_stop(struct relay *r)
{
    int status = -1;
    hang_up(r);
    ev_io_stop(r->f->loop, &r->accepting);
    ev_timer_stop(r->f->loop, &r->clock);
    for (int s = 0; s < SIDES; s++) {
        hr_buf_free(&r->side[s].in);
        hr_buf_free(&r->side[s].out);
        hr_buf_free(&r->side[s].held);
    }
    assert_int_equal(waitpid(r->toolhost, &status, WNOHANG), 0);
    assert_int_equal(kill(r->toolhost, SIGTERM), 0);
    assert_int_equal(waitpid(r->toolhost, &status, 0), r->toolhost);
    assert_int_equal(status, 0);
}

void relay_cut(struct relay *r)
{
    hang_up(r);
}

void relay_plan(struct relay *r, struct plan plan)
{
    r->plan = plan;
    r->fired = 0;
    for (int s = 0; s < SIDES; s++)
        memset(r->side[s].seen, 0, sizeof(r->side[s].seen));
}
