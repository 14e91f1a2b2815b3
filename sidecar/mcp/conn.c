/* SPDX-License-Identifier: MIT
 * The connection to one toolhost.  See conn.h. */
#include "conn.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/passing.h"

#include <errno.h>
#include <string.h>

enum {
    READ_CHUNK = 16 * 1024,   /* bytes read at least at once */
    KEEP_BUFFER = 256 * 1024, /* an empty buffer larger than that is given back */
    SEND_AGAIN_MS = 10,       /* after an error that passes */
};

static void give_back(struct hr_buf *b)
{
    if (b->len == 0 && b->cap > KEEP_BUFFER)
        hr_buf_free(b);
}

static void close_now(struct hr_mcp_conn *c)
{
    ev_io_stop(c->loop, &c->readable);
    ev_io_stop(c->loop, &c->writable);
    hr_close(&c->fd);
    hr_buf_free(&c->in);
    hr_buf_free(&c->out);
    c->sent = 0;
    c->is_up = c->silent = 0;
}

/* A connection that served for a while is made again at once; one that did not, or that broke the
 * rules, waits, and longer each time: whatever is wrong with it, it must not cost a busy loop. */
static void schedule(struct hr_mcp_conn *c, int steady)
{
    if (steady)
        c->retry_ms = 0;
    ev_timer_stop(c->loop, &c->retry);
    ev_timer_set(&c->retry, (double)c->retry_ms / 1000, 0.);
    ev_timer_start(c->loop, &c->retry);
    c->retry_ms = c->retry_ms ? 2 * c->retry_ms : HR_MCP_RETRY_MIN_MS;
    if (c->retry_ms > HR_MCP_RETRY_MAX_MS)
        c->retry_ms = HR_MCP_RETRY_MAX_MS;
}

/* err: of the last recv().  The kernel says ECONNRESET, and not just the end, if the peer left
 * something unread, and what is unread is always the last. */
static void lose(struct hr_mcp_conn *c, const char *fault, int err)
{
    int steady = !fault && c->is_up && hr_now_ms() - c->up_since_ms >= HR_MCP_RETRY_MIN_MS;
    c->unread = !fault && (c->silent || err == ECONNRESET || c->out.len > c->sent);
    close_now(c);
    schedule(c, steady);
    c->on_lost(c->arg, fault);
    c->unread = 0;
}

static void connect_now(struct hr_mcp_conn *c)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&c->addr, c->addr_len) < 0) {
        /* A full queue (EAGAIN) is a toolhost that is down for long; no listener, one whose
         * supervisor is going.  Neither is news. */
        hr_debug("plugin %s: connecting to its toolhost: %s", c->name, strerror(errno));
        hr_close(&fd);
        schedule(c, 0);
        return;
    }
    c->fd = fd;
    ev_io_set(&c->readable, fd, EV_READ);
    ev_io_set(&c->writable, fd, EV_WRITE);
    ev_io_start(c->loop, &c->readable);
    if (hr_frame_add(&c->out, HR_FRAME_HELLO, 0, c->key, strlen(c->key)) < 0) {
        close_now(c);
        schedule(c, 0);
        return;
    }
    hr_mcp_conn_flush(c);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    struct hr_mcp_conn *c = w->data;
    hr_mcp_conn_flush(c);
    if (c->out.len > c->sent)
        return;
    ev_io_stop(c->loop, &c->writable);
    if (hr_mcp_conn_usable(c))
        c->on_sent(c->arg);
}

/* To connect again, or to send again what could not be sent for a moment. */
static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_mcp_conn *c = w->data;
    if (c->fd < 0)
        connect_now(c);
    else
        on_writable(loop, &c->writable, revents);
}

/* Hand on every whole frame that is there. */
static const char *take_frames(struct hr_mcp_conn *c)
{
    const char *fault = NULL;
    size_t at = 0;
    while (!fault) {
        struct hr_frame h;
        const char *payload;
        int rc = hr_frame_peek(c->in.data + at, c->in.len - at, &h, &payload);
        if (rc < 0)
            fault = "sent bytes that are no frame";
        if (rc <= 0)
            break;
        fault = c->on_frame(c->arg, &h, payload);
        at += sizeof(h) + h.len;
    }
    hr_buf_consume(&c->in, at);
    give_back(&c->in);
    return fault;
}

/* How much to read: the rest of a frame that has begun, so that a large one is not read in small
 * pieces. */
static size_t appetite(const struct hr_mcp_conn *c)
{
    struct hr_frame h;
    if (c->in.len < sizeof(h))
        return READ_CHUNK;
    memcpy(&h, c->in.data, sizeof(h));
    size_t whole = sizeof(h) + (size_t)h.len;
    if (h.len > HR_FRAME_MAX || whole < c->in.len + READ_CHUNK)
        return READ_CHUNK;
    return whole - c->in.len;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    struct hr_mcp_conn *c = w->data;
    size_t want = appetite(c);
    if (hr_buf_reserve(&c->in, want) < 0) {
        lose(c, "sent more than there is memory for", 0);
        return;
    }
    ssize_t n = recv(c->fd, c->in.data + c->in.len, want, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        lose(c, NULL, n < 0 ? errno : 0);
        return;
    }
    c->bytes_in += (uint64_t)n;
    c->in.len += (size_t)n;
    c->in.data[c->in.len] = '\0';
    const char *fault = take_frames(c);
    if (fault)
        lose(c, fault, 0);
}

void hr_mcp_conn_start(struct hr_mcp_conn *c, const void *socket, size_t n)
{
    c->addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(c->addr.sun_path + 1, socket, n);
    c->addr_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
    c->fd = -1;
    hr_buf_init(&c->in, HR_FRAME_MAX + sizeof(struct hr_frame) + (size_t)READ_CHUNK * 2);
    hr_buf_init(&c->out, HR_MCP_OUT_MAX);
    ev_io_init(&c->readable, on_readable, -1, EV_READ);
    ev_io_init(&c->writable, on_writable, -1, EV_WRITE);
    ev_timer_init(&c->retry, on_retry, 0., 0.);
    c->readable.data = c->writable.data = c->retry.data = c;
    connect_now(c);
}

bool hr_mcp_conn_leads_to(const struct hr_mcp_conn *c, const void *socket, size_t n)
{
    return c->addr_len == offsetof(struct sockaddr_un, sun_path) + 1 + n &&
           memcmp(c->addr.sun_path + 1, socket, n) == 0;
}

void hr_mcp_conn_stop(struct hr_mcp_conn *c)
{
    if (!c->loop)
        return;
    ev_timer_stop(c->loop, &c->retry);
    close_now(c);
    c->loop = NULL;
}

void hr_mcp_conn_set_up(struct hr_mcp_conn *c)
{
    c->is_up = 1;
    c->up_since_ms = hr_now_ms();
}

int hr_mcp_conn_usable(const struct hr_mcp_conn *c)
{
    return c->is_up && !c->silent;
}

/* When sending fails the peer is dead or dying, and reading says so in a moment, after whatever
 * answers it still got out.  One that lives after all is told, and closes. */
static void fall_silent(struct hr_mcp_conn *c)
{
    (void)shutdown(c->fd, SHUT_WR);
    c->silent = 1;
    c->sent = 0;
    hr_buf_reset(&c->out);
}

void hr_mcp_conn_flush(struct hr_mcp_conn *c)
{
    bool full = true; /* there is no room, and the loop tells when there is */
    while (c->sent < c->out.len) {
        ssize_t n =
            send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            c->sent += (size_t)n;
            c->bytes_out += (uint64_t)n;
        } else if (errno != EINTR && hr_error_passes(errno)) {
            full = errno == EAGAIN;
            break;
        } else if (errno != EINTR) {
            fall_silent(c);
        }
    }
    /* Moving the rest to the front each time would cost the square of its size. */
    if (c->sent > c->out.len / 2) {
        hr_buf_consume(&c->out, c->sent);
        c->sent = 0;
        give_back(&c->out);
    }
    /* It is stopped from the loop only, which tells the owner that all is sent. */
    if (c->out.len > c->sent && full) {
        ev_io_start(c->loop, &c->writable);
    } else if (c->out.len > c->sent) {
        ev_io_stop(c->loop, &c->writable);
        ev_timer_stop(c->loop, &c->retry);
        ev_timer_set(&c->retry, SEND_AGAIN_MS / 1000.0, 0.);
        ev_timer_start(c->loop, &c->retry);
    }
}
