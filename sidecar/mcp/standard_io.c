/* SPDX-License-Identifier: MIT
 * Standard streams.  See standard_io.h. */
#include "standard_io.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/outlet.h"
#include "internal.h"
#include "lines.h"
#include "listen.h"
#include "methods.h"
#include "reply.h"
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOOK_MS = 200,    /* at the end: is anybody there to read the answers? */
    SMALL = 4 * 1024, /* bytes of a line ... */
    RESERVE = (HR_MCP_STDIO_OPEN_MAX + 1) * SMALL, /* ... for which there is still this room */
};

/* Two of the largest answers. */
#define OUT_MAX ((size_t)2 * HR_MCP_ANSWER_MAX)

struct hr_mcp_stdio {
    struct ev_loop *loop;
    struct hr_mcp *m;
    struct hr_mcp_session *session; /* held, as long as m lives */
    void (*on_end)(void *arg);
    void *arg;
    int in; /* -1: it has ended */
    struct hr_outlet outlet;
    struct hr_lines lines;
    struct hr_buf out;
    size_t out_at;  /* what is before it is sent */
    unsigned open;  /* requests that wait for an answer */
    bool greeted;   /* by `initialize` */
    bool holding;   /* more is about to be added to out */
    bool gone;      /* nothing can be written any more */
    bool told;      /* on_end has been called */
    int64_t end_ms; /* when it is, once the input has ended */
    ev_io readable, writable;
    ev_timer look;
};

/* --- the end --- */

static void end(struct hr_mcp_stdio *s)
{
    if (s->told)
        return;
    s->told = true;
    s->on_end(s->arg);
}

static size_t backlog(const struct hr_mcp_stdio *s)
{
    return s->out.len - s->out_at;
}

static void end_if_done(struct hr_mcp_stdio *s)
{
    if (s->in < 0 && !s->open && !backlog(s))
        end(s);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct hr_mcp_stdio *s = timer->data;
    (void)loop;
    (void)revents;
    if (hr_now_ms() >= s->end_ms) {
        hr_warn("mcp: ending %d s after the end of the input, with %u requests open and %zu bytes "
                "of answers that were not read",
                HR_MCP_STDIO_FINISH_MS / 1000, s->open, backlog(s));
        end(s);
    } else if (hr_outlet_ask(&s->outlet) & (POLLERR | POLLHUP | POLLNVAL)) {
        end(s);
    }
}

/* --- out --- */

/* Nothing can be written any more.  That its client has gone is no news to a server. */
static void give_up(struct hr_mcp_stdio *s, int err)
{
    if (err == -EPIPE || err == -ECONNRESET)
        hr_debug("mcp: the client does not read any more");
    else
        hr_error("mcp: cannot write to the client: %s", strerror(-err));
    s->gone = true;
    s->out_at = 0;
    hr_buf_free(&s->out);
    ev_io_stop(s->loop, &s->readable);
    end(s);
}

/* Send what there is room for. */
static void flush(struct hr_mcp_stdio *s)
{
    while (backlog(s)) {
        ssize_t n = hr_outlet_write(&s->outlet, s->out.data + s->out_at, backlog(s));
        if (n == -EINTR)
            continue;
        if (n == -EAGAIN || n == 0)
            return;
        if (n < 0) {
            give_up(s, (int)n);
            return;
        }
        s->out_at += (size_t)n;
    }
    s->out_at = 0;
    hr_buf_free(&s->out);
}

static void watch(struct ev_loop *loop, ev_io *w, bool wanted)
{
    if (wanted && !ev_is_active(w))
        ev_io_start(loop, w);
    else if (!wanted && ev_is_active(w))
        ev_io_stop(loop, w);
}

static bool is_full(const struct hr_mcp_stdio *s)
{
    return backlog(s) > HR_MCP_BACKLOG_MAX;
}

static void flush_and_watch(struct hr_mcp_stdio *s)
{
    flush(s);
    watch(s->loop, &s->writable, backlog(s) > 0);
    watch(s->loop, &s->readable, s->in >= 0 && !s->gone && !is_full(s));
    end_if_done(s);
}

/* 0, -E2BIG or -ENOMEM. */
static int add_line(struct hr_mcp_stdio *s, const char *text, size_t len)
{
    if (s->gone)
        return 0; /* it will never know */
    size_t n = len + 1;
    if (s->out_at > backlog(s) || s->out.len + n > OUT_MAX) {
        hr_buf_consume(&s->out, s->out_at);
        s->out_at = 0;
    }
    if (n > SMALL && backlog(s) + n > OUT_MAX)
        return -E2BIG;
    int err = hr_buf_reserve(&s->out, n);
    if (err)
        return err;
    (void)hr_buf_add(&s->out, text, len);
    (void)hr_buf_addc(&s->out, '\n');
    if (!s->holding)
        flush_and_watch(s);
    return 0;
}

/* --- what peers can do --- */

static struct hr_mcp_session *op_session(const struct hr_mcp_peer *p, int modern)
{
    const struct hr_mcp_stdio *s = p->of;
    (void)modern;
    return s->session;
}

static void op_begin_session(const struct hr_mcp_peer *p)
{
    struct hr_mcp_stdio *s = p->of;
    s->greeted = true;
    s->session->severity = HR_MCP_SEVERITY_DEFAULT;
    s->session->catalogue = 0;
    hr_mcp_session_end_stream(s->session);
}

static int op_keep(struct hr_mcp_peer *p, const struct hr_mcp_message *msg)
{
    struct hr_mcp_stdio *s = p->of;
    (void)msg;
    if (s->open >= HR_MCP_STDIO_OPEN_MAX)
        return -EAGAIN;
    s->open++;
    return 0;
}

static int op_wants_news(const struct hr_mcp_peer *p)
{
    return !is_full(p->of);
}

static int op_send(struct hr_mcp_peer *p, const char *text, size_t len)
{
    return is_full(p->of) ? -EAGAIN : add_line(p->of, text, len);
}

static void op_drop(struct hr_mcp_peer *p)
{
    struct hr_mcp_stdio *s = p->of;
    s->open--;
    end_if_done(s);
}

static void hear_of_changes(struct hr_mcp_stdio *s);

static int op_answer(struct hr_mcp_peer *p, unsigned status, const char *text, size_t len)
{
    struct hr_mcp_stdio *s = p->of;
    (void)status;
    int err = text ? add_line(s, text, len) : 0;
    if (err)
        return err;
    if (p->gone)
        op_drop(p);
    if (text)
        hear_of_changes(s);
    return 0;
}

static const struct hr_mcp_transport transport = {
    .session = op_session,
    .begin_session = op_begin_session,
    .keep = op_keep,
    .wants_news = op_wants_news,
    .send = op_send,
    .answer = op_answer,
    .drop = op_drop,
};

static struct hr_mcp_peer peer_of(struct hr_mcp_stdio *s)
{
    return (struct hr_mcp_peer){.transport = &transport, .m = s->m, .of = s};
}

/* From the first list of tools on, and again after it has not read for a while. */
static void hear_of_changes(struct hr_mcp_stdio *s)
{
    if (!s->greeted || !s->session->catalogue || s->session->stream.transport || is_full(s))
        return;
    s->session->stream = peer_of(s);
    hr_mcp_session_stream_begun(s->session);
}

/* --- in --- */

static void take_line(struct hr_mcp_stdio *s, const char *line, size_t len)
{
    struct hr_mcp_peer peer = peer_of(s);
    size_t blank = 0;
    while (blank < len && strchr(" \t\r", line[blank]) && line[blank])
        blank++;
    if (blank < len)
        hr_mcp_receive(&peer, line, len);
}

static void refuse_line(struct hr_mcp_stdio *s)
{
    struct hr_mcp_peer peer = peer_of(s);
    char why[80];
    (void)snprintf(why, sizeof(why), "the message is longer than %zu bytes", s->lines.max);
    hr_mcp_reply_error(&peer, 413, NULL, HR_RPC_INVALID_REQUEST, why);
}

/* Whole lines, as long as their answers are read. */
static void take_lines(struct hr_mcp_stdio *s)
{
    const char *line = NULL;
    size_t len = 0;
    int r = 0;
    s->holding = true;
    while (!s->gone && !is_full(s) && (r = hr_lines_next(&s->lines, &line, &len)) != 0) {
        if (r > 0)
            take_line(s, line, len);
        else
            refuse_line(s);
        if (is_full(s))
            flush(s);
    }
    s->holding = false;
}

static void end_of_input(struct hr_mcp_stdio *s)
{
    const char *line = NULL;
    size_t len = 0;
    ev_io_stop(s->loop, &s->readable);
    s->in = -1;
    if (hr_lines_rest(&s->lines, &line, &len))
        take_line(s, line, len);
    hr_mcp_listen_end(s->m);
    s->end_ms = hr_now_ms() + HR_MCP_STDIO_FINISH_MS;
    ev_timer_start(s->loop, &s->look);
}

/* One read, which does not block although the descriptor may. */
static ssize_t read_some(int fd, char *piece, size_t size)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 0) != 1)
        return -EAGAIN;
    ssize_t n = read(fd, piece, size);
    return n < 0 ? -errno : n;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    static char piece[HR_LINES_PIECE_MAX];
    struct hr_mcp_stdio *s = w->data;
    (void)loop;
    (void)revents;
    ssize_t n = read_some(s->in, piece, sizeof(piece));
    if (n == -EAGAIN || n == -EINTR)
        return;
    int err = n < 0 ? (int)n : n > 0 ? hr_lines_add(&s->lines, piece, (size_t)n) : 0;
    if (err)
        hr_error("mcp: cannot read the client's messages: %s", strerror(-err));
    take_lines(s);
    if (n <= 0 || err)
        end_of_input(s);
    flush_and_watch(s);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct hr_mcp_stdio *s = w->data;
    (void)loop;
    (void)revents;
    flush(s);
    hear_of_changes(s);
    take_lines(s);
    flush_and_watch(s);
}

/* --- beginning and end --- */

int hr_mcp_stdio_new(struct hr_mcp *m, int in, int out, void (*on_end)(void *arg), void *arg,
                     struct hr_mcp_stdio **ret)
{
    struct hr_mcp_stdio *s = calloc(1, sizeof(*s));
    struct hr_mcp_session *session = s ? hr_mcp_session_new(m) : NULL;
    if (!session) {
        free(s);
        return -ENOMEM;
    }
    s->loop = m->loop;
    s->m = m;
    s->session = session;
    s->on_end = on_end;
    s->arg = arg;
    s->in = in;
    hr_mcp_session_hold(session);
    hr_outlet_init(&s->outlet, out);
    hr_lines_init(&s->lines, HR_MCP_MESSAGE_MAX);
    hr_buf_init(&s->out, OUT_MAX + RESERVE);
    ev_io_init(&s->readable, on_readable, in, EV_READ);
    ev_io_init(&s->writable, on_writable, s->outlet.fd, EV_WRITE);
    ev_timer_init(&s->look, on_look, 0., LOOK_MS / 1000.);
    s->readable.data = s->writable.data = s->look.data = s;
    ev_io_start(s->loop, &s->readable);
    *ret = s;
    return 0;
}

/* The last bytes, for a client that is still reading. */
static void flush_slowly(struct hr_mcp_stdio *s)
{
    int64_t until = hr_now_ms() + HR_MCP_STDIO_FLUSH_MS;
    for (;;) {
        size_t before = backlog(s);
        flush(s);
        int64_t left = until - hr_now_ms();
        if (s->gone || !backlog(s) || left <= 0)
            return;
        if (backlog(s) < before)
            continue;
        struct pollfd p = {.fd = s->outlet.fd, .events = POLLOUT};
        (void)poll(&p, 1, (int)left);
    }
}

void hr_mcp_stdio_free(struct hr_mcp_stdio *s)
{
    if (!s)
        return;
    s->told = true;
    flush_slowly(s);
    ev_io_stop(s->loop, &s->readable);
    ev_io_stop(s->loop, &s->writable);
    ev_timer_stop(s->loop, &s->look);
    hr_outlet_close(&s->outlet);
    hr_lines_free(&s->lines);
    hr_buf_free(&s->out);
    free(s);
}
