/* SPDX-License-Identifier: MIT
 * The control socket.  See control.h. */
#include "control.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/json_escape.h"
#include "common/log.h"
#include "common/packet.h"
#include "control_parse.h"
#include "foreign_fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_EVENT = HR_CONTROL_CONNS / 2, /* so that each is heard before it has to make way */
    STEPS_PER_EVENT = 4, /* of one connection: to read, to carry out, to answer, to read again */
    PIECE = 64 * 1024,   /* bytes of a long answer in one step */
};

/* ---- our log ------------------------------------------------------------------------------- */

/* May one more line of this kind be written? */
static bool may_log(struct hr_control_limit *limit)
{
    int64_t now = hr_now_ms();
    if (now - limit->since_ms >= HR_CONTROL_LOG_MS) {
        if (limit->left_out)
            hr_warn("control socket: %u more lines like this were left out", limit->left_out);
        *limit = (struct hr_control_limit){.since_ms = now};
    }
    if (limit->said < HR_CONTROL_LOG_LINES) {
        limit->said++;
        return true;
    }
    limit->left_out++;
    return false;
}

/* ---- connections --------------------------------------------------------------------------- */

static void drop(struct hr_control_conn *conn)
{
    ev_io_stop(conn->control->loop, &conn->io);
    hr_close(&conn->answer_fd);
    if (conn->fd >= 0)
        hr_close_peer(&conn->fd);
}

/* Wait for these events. */
static void watch(struct hr_control_conn *conn, int events)
{
    struct ev_loop *loop = conn->control->loop;
    if (ev_is_active(&conn->io) && (conn->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(loop, &conn->io);
    ev_io_set(&conn->io, conn->fd, events);
    ev_io_start(loop, &conn->io);
}

/* ---- answers ------------------------------------------------------------------------------- */

/* "{"ok":false,"error":"..."}\n"; its length.  A reason that is too long is cut. */
static size_t format_refusal(char out[HR_CONTROL_ANSWER], const char *reason)
{
    static const char head[] = "{\"ok\":false,\"error\":\"";
    static const char tail[] = "\"}\n";
    size_t taken = 0;
    size_t n = sizeof(head) - 1;
    memcpy(out, head, n);
    n += hr_json_escape(out + n, HR_CONTROL_ANSWER - n - (sizeof(tail) - 1), reason, strlen(reason),
                        &taken);
    memcpy(out + n, tail, sizeof(tail) - 1);
    return n + sizeof(tail) - 1;
}

static void answer_no(struct hr_control_conn *conn, const char *reason)
{
    conn->answer_at = 0;
    conn->answer_len = format_refusal(conn->answer, reason);
}

static void answer_ok(struct hr_control_conn *conn)
{
    static const char ok[] = "{\"ok\":true}\n";
    memcpy(conn->answer, ok, sizeof(ok) - 1);
    conn->answer_at = 0;
    conn->answer_len = sizeof(ok) - 1;
}

/* Send what the socket takes of the next piece.  0 or -errno. */
static int send_piece(struct hr_control_conn *conn)
{
    size_t n = conn->answer_len - conn->answer_at;
    ssize_t sent = 0;
    if (conn->answer_fd >= 0) {
        off_t at = (off_t)conn->answer_at;
        sent = sendfile(conn->fd, conn->answer_fd, &at, n < PIECE ? n : PIECE);
        if (sent == 0)
            return -EIO; /* the file has become shorter */
    } else {
        sent = send(conn->fd, conn->answer + conn->answer_at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (sent < 0)
        return -errno;
    conn->since_us = hr_now_us();
    conn->answer_at += (size_t)sent;
    if (conn->answer_at < conn->answer_len)
        return 0;
    hr_close(&conn->answer_fd);
    conn->answer_at = conn->answer_len = 0;
    return 0;
}

/* ---- orders -------------------------------------------------------------------------------- */

/* The length of a document, which must end in a newline.  0 or -errno. */
static int end_document(int fd, size_t *ret_len)
{
    char last = 0;
    off_t n = lseek(fd, 0, SEEK_END);
    ssize_t did = n > 0 ? pread(fd, &last, 1, n - 1) : 1;
    if (n < 0 || did != 1)
        return n < 0 || did < 0 ? -errno : -EIO;
    if (n == 0)
        return -ENODATA;
    if (last != '\n') {
        did = pwrite(fd, "\n", 1, n);
        if (did != 1)
            return did < 0 ? -errno : -EIO;
        n++;
    }
    *ret_len = (size_t)n;
    return 0;
}

static int write_document(struct hr_control *c, const struct hr_control_order *o, int fd)
{
    const struct hr_control_ops *ops = c->ops;
    switch (o->order) {
    case HR_ORDER_STATUS: return ops->status ? ops->status(c->ctx, fd) : -ENOSYS;
    case HR_ORDER_CRASHES: return ops->crashes ? ops->crashes(c->ctx, fd) : -ENOSYS;
    case HR_ORDER_CRASH: return ops->crash ? ops->crash(c->ctx, o->number, fd) : -ENOSYS;
    default: return -ENOSYS;
    }
}

static int carry_out(struct hr_control *c, const struct hr_control_order *o, const char **ret_error)
{
    const struct hr_control_ops *ops = c->ops;
    switch (o->order) {
    case HR_ORDER_RESTART:
        return ops->restart ? ops->restart(c->ctx, o->service, ret_error) : -ENOSYS;
    case HR_ORDER_STOP: return ops->stop ? ops->stop(c->ctx, ret_error) : -ENOSYS;
    case HR_ORDER_RELOAD: return ops->reload ? ops->reload(c->ctx, ret_error) : -ENOSYS;
    case HR_ORDER_DRAIN: return ops->drain ? ops->drain(c->ctx, o->on, ret_error) : -ENOSYS;
    default: return -ENOSYS;
    }
}

/* An order was not carried out: why, in the operation's own words if it has any. */
static void answer_failure(struct hr_control_conn *conn, const struct hr_control_order *o, int err,
                           const char *reason)
{
    char text[HR_ORDER_ERROR];
    if (!reason && err == -ENOSYS)
        (void)snprintf(text, sizeof(text), "this handrail does not take the order %s",
                       hr_order_name(o->order));
    else if (!reason && err == -ENOENT && o->order == HR_ORDER_CRASH)
        (void)snprintf(text, sizeof(text), "there is no crash report %llu: crashes lists them",
                       (unsigned long long)o->number);
    else if (!reason)
        (void)snprintf(text, sizeof(text), "%s: %s", hr_order_name(o->order), strerror(-err));
    answer_no(conn, reason ? reason : text);
}

/* An order that is answered by a document, which goes through a file. */
static void query(struct hr_control_conn *conn, const struct hr_control_order *o)
{
    size_t len = 0;
    int fd = memfd_create("handrail-answer", MFD_CLOEXEC);
    int err = fd < 0 ? -errno : write_document(conn->control, o, fd);
    if (!err)
        err = end_document(fd, &len);
    if (err || conn->fd < 0) {
        hr_close(&fd);
        if (conn->fd >= 0)
            answer_failure(conn, o, err, NULL);
        return;
    }
    conn->answer_fd = fd;
    conn->answer_at = 0;
    conn->answer_len = len;
}

/* An order that changes something. */
static void command(struct hr_control_conn *conn, const struct hr_control_order *o)
{
    struct hr_control *c = conn->control;
    const char *reason = NULL;
    bool told = may_log(&c->orders);
    if (told) /* first: what the log has next comes of it */
        hr_info("control socket: %s%s%s%s, ordered by pid %d of uid %u", hr_order_name(o->order),
                o->order == HR_ORDER_RESTART ? " " : "", o->service,
                o->order == HR_ORDER_DRAIN && !o->on ? " undone" : "", (int)conn->pid,
                (unsigned)conn->uid);
    int err = carry_out(c, o, &reason);
    if (err && told)
        hr_info("control socket: refused: %s", reason ? reason : strerror(-err));
    if (conn->fd < 0)
        return; /* the operation has closed the socket */
    if (err)
        answer_failure(conn, o, err, reason);
    else
        answer_ok(conn);
}

/* One line, without its newline. */
static void obey(struct hr_control_conn *conn, const char *line, size_t n)
{
    struct hr_control_order o;
    char error[HR_ORDER_ERROR];
    if (hr_control_parse(line, n, &o, error))
        answer_no(conn, error);
    else if (o.order == HR_ORDER_STATUS || o.order == HR_ORDER_CRASHES || o.order == HR_ORDER_CRASH)
        query(conn, &o);
    else
        command(conn, &o);
}

/* ---- input --------------------------------------------------------------------------------- */

static const char *line_end(const struct hr_control_conn *conn)
{
    return memchr(conn->input, '\n', conn->len);
}

/* Carry out the first order that has come whole. */
static void take_line(struct hr_control_conn *conn, const char *end)
{
    size_t n = (size_t)(end - conn->input);
    conn->since_us = hr_now_us();
    obey(conn, conn->input, n);
    conn->len -= n + 1;
    memmove(conn->input, conn->input + n + 1, conn->len);
}

/* Read once.  0, or -errno: -EPIPE at the end. */
static int fill(struct hr_control_conn *conn)
{
    struct hr_packet p;
    if (conn->len == sizeof(conn->input) - 1) {
        char text[80];
        (void)snprintf(text, sizeof(text), "an order is a line of at most %d bytes",
                       HR_CONTROL_INPUT);
        answer_no(conn, text);
        conn->ending = true; /* where the next line begins is not known */
        return 0;
    }
    int err =
        hr_packet_read(conn->fd, conn->input + conn->len, sizeof(conn->input) - conn->len, &p);
    hr_close_foreign(p.fds, p.nfds); /* nobody asked for them */
    conn->len += err ? 0 : p.len;
    return err;
}

/* The next thing this connection has to do.  0, or -errno: -EAGAIN when it has to wait. */
static int step(struct hr_control_conn *conn)
{
    const char *end = NULL;
    if (conn->answer_len)
        return send_piece(conn);
    if (conn->ending)
        return -EPIPE;
    end = line_end(conn);
    if (!end)
        return fill(conn);
    take_line(conn, end);
    return 0;
}

static void on_conn(struct ev_loop *loop, ev_io *w, int revents)
{
    struct hr_control_conn *conn = w->data;
    int err = 0;
    (void)loop;
    (void)revents;
    for (int i = 0; i < STEPS_PER_EVENT && !err && conn->fd >= 0; i++)
        err = step(conn);
    if (conn->fd < 0)
        return;
    if (err && err != -EAGAIN && err != -EINTR)
        drop(conn);
    else /* what is left to do without new input is done as soon as the peer takes an answer */
        watch(conn, conn->answer_len || conn->ending || line_end(conn) ? EV_WRITE : EV_READ);
}

/* ---- accepting ----------------------------------------------------------------------------- */

/* May this peer give orders?  If not, reason says why. */
static bool may_order(int fd, struct ucred *ret_peer, char reason[HR_ORDER_ERROR])
{
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        (void)snprintf(reason, HR_ORDER_ERROR, "cannot tell who you are: %s", strerror(errno));
    else if (peer.pid == 0)
        (void)snprintf(reason, HR_ORDER_ERROR,
                       "orders are taken from this container only, and you are in another one");
    else if (peer.uid != 0 && peer.uid != geteuid())
        (void)snprintf(reason, HR_ORDER_ERROR,
                       "orders are taken from uid %u and from root, and you have uid %u",
                       (unsigned)geteuid(), (unsigned)peer.uid);
    else {
        *ret_peer = peer;
        return true;
    }
    return false;
}

/* A free place; if there is none, that of the connection that has got nowhere for longest. */
static struct hr_control_conn *find_place(struct hr_control *c)
{
    struct hr_control_conn *oldest = &c->conns[0];
    for (int i = 0; i < HR_CONTROL_CONNS; i++) {
        struct hr_control_conn *conn = &c->conns[i];
        if (conn->fd < 0)
            return conn;
        if (conn->since_us < oldest->since_us)
            oldest = conn;
    }
    drop(oldest);
    return oldest;
}

static void take_peer(struct hr_control *c, int fd)
{
    char reason[HR_ORDER_ERROR];
    char answer[HR_CONTROL_ANSWER];
    struct ucred peer;
    if (!may_order(fd, &peer, reason)) {
        size_t n = format_refusal(answer, reason);
        (void)send(fd, answer, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        hr_close_peer(&fd);
        if (may_log(&c->refusals))
            hr_warn("control socket: a peer was refused: %s", reason);
        return;
    }
    struct hr_control_conn *conn = find_place(c);
    conn->fd = fd;
    conn->pid = peer.pid;
    conn->uid = peer.uid;
    conn->since_us = hr_now_us();
    conn->ending = false;
    conn->answer_at = conn->answer_len = conn->len = 0;
    watch(conn, EV_READ);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
    struct hr_control *c = w->data;
    (void)revents;
    if (!ev_is_active(&c->tick))
        ev_timer_again(loop, &c->tick);
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        if (c->accepted == HR_CONTROL_ACCEPTS) { /* a flood is not to use up our time */
            ev_io_stop(loop, w);
            return;
        }
        int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            c->accepted++;
            take_peer(c, fd);
            continue;
        }
        if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
            return;
        /* No descriptors, no memory: the peer stays queued, so the loop would come back at once. */
        if (may_log(&c->refusals))
            hr_warn("control socket: cannot accept: %s: trying again in %d ms", strerror(errno),
                    HR_CONTROL_TICK_MS);
        ev_io_stop(loop, w);
        return;
    }
}

/* Whoever has got nowhere for too long goes; the brakes on accepting come off. */
static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hr_control *c = w->data;
    int64_t now = hr_now_us();
    bool any = false;
    (void)revents;
    c->accepted = 0;
    for (int i = 0; i < HR_CONTROL_CONNS; i++) {
        struct hr_control_conn *conn = &c->conns[i];
        if (conn->fd >= 0 && now - conn->since_us >= (int64_t)HR_CONTROL_IDLE_MS * 1000)
            drop(conn);
        any = any || conn->fd >= 0;
    }
    if (!ev_is_active(&c->accept_io))
        ev_io_start(loop, &c->accept_io);
    if (!any)
        ev_timer_stop(loop, w);
}

/* ---- starting and stopping ----------------------------------------------------------------- */

bool hr_control_start(struct hr_control *c, struct ev_loop *loop, const struct hr_control_ops *ops,
                      void *ctx)
{
    c->loop = loop;
    c->ops = ops;
    c->ctx = ctx;
    c->fd = -1;
    c->refusals = c->orders = (struct hr_control_limit){0};
    c->accepted = 0;
    ev_init(&c->accept_io, on_accept);
    ev_set_priority(&c->accept_io, EV_MINPRI); /* those who are here come first, and all else */
    ev_timer_init(&c->tick, on_tick, 0., HR_CONTROL_TICK_MS / 1000.);
    c->accept_io.data = c->tick.data = c;
    for (int i = 0; i < HR_CONTROL_CONNS; i++) {
        struct hr_control_conn *conn = &c->conns[i];
        conn->control = c;
        conn->fd = conn->answer_fd = -1;
        ev_init(&conn->io, on_conn);
        conn->io.data = conn;
    }
    int err = hr_control_listen(c->name, &c->fd);
    if (err) {
        hr_warn("cannot listen on the control socket %s: %s: running without it, so handrail "
                "status, restart and the like will not work",
                c->name, strerror(-err));
        return false;
    }
    ev_io_set(&c->accept_io, c->fd, EV_READ);
    ev_io_start(loop, &c->accept_io);
    return true;
}

void hr_control_stop(struct hr_control *c)
{
    if (!c->loop)
        return;
    for (int i = 0; i < HR_CONTROL_CONNS; i++)
        if (c->conns[i].fd >= 0)
            drop(&c->conns[i]);
    ev_io_stop(c->loop, &c->accept_io);
    ev_timer_stop(c->loop, &c->tick);
    if (c->fd >= 0 && c->name[0] == '/')
        (void)unlink(c->name);
    hr_close(&c->fd);
}
