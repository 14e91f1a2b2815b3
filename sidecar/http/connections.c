/* SPDX-License-Identifier: MIT
 * Connections that must not keep others out.  See connections.h. */
#include "connections.h"

#include "common/clock.h"

#include <stdlib.h>
#include <sys/socket.h>

/* One place in so many is kept free, because a connection that is being ended still counts. */
enum { SPARE_FRACTION = 16 };

static void unlist(struct hr_http_conn *conn)
{
    if (!conn->next)
        return;
    conn->prev->next = conn->next;
    conn->next->prev = conn->prev;
    conn->prev = NULL;
    conn->next = NULL;
}

static void end(struct hr_http_conn *conn)
{
    unlist(conn);
    (void)shutdown(conn->fd, SHUT_RDWR);
}

static void arm(struct hr_http_conns *c, int64_t now)
{
    if (ev_is_active(&c->sweep) || c->idle.next == &c->idle)
        return;
    int64_t left = c->idle.next->since_ms + c->idle_max_ms - now;
    ev_timer_set(&c->sweep, left > 0 ? (double)left / 1000 : 0., 0.);
    ev_timer_start(c->loop, &c->sweep);
}

static void on_sweep(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    struct hr_http_conns *c = w->data;
    int64_t now = hr_now_ms();
    while (c->idle.next != &c->idle && now - c->idle.next->since_ms >= c->idle_max_ms)
        end(c->idle.next);
    arm(c, now);
}

void hr_http_conns_init(struct hr_http_conns *c, struct ev_loop *loop, unsigned limit,
                        int64_t idle_max_ms)
{
    unsigned spare = limit / SPARE_FRACTION + 1;
    *c = (struct hr_http_conns){
        .loop = loop, .idle_max_ms = idle_max_ms, .full = limit > spare ? limit - spare : limit};
    c->idle.prev = &c->idle;
    c->idle.next = &c->idle;
    ev_timer_init(&c->sweep, on_sweep, 0., 0.);
    c->sweep.data = c;
}

void hr_http_conns_stop(struct hr_http_conns *c)
{
    ev_timer_stop(c->loop, &c->sweep);
}

struct hr_http_conn *hr_http_conn_opened(struct hr_http_conns *c, int fd)
{
    struct hr_http_conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        return NULL;
    conn->fd = fd;
    if (++c->count > c->full && c->idle.next != &c->idle)
        end(c->idle.next);
    hr_http_conn_idle(c, conn);
    return conn;
}

void hr_http_conn_closed(struct hr_http_conns *c, struct hr_http_conn *conn)
{
    if (!conn)
        return;
    unlist(conn);
    c->count--;
    free(conn);
}

void hr_http_conn_busy(struct hr_http_conn *conn)
{
    if (conn)
        unlist(conn);
}

void hr_http_conn_idle(struct hr_http_conns *c, struct hr_http_conn *conn)
{
    if (!conn)
        return;
    unlist(conn);
    conn->since_ms = hr_now_ms();
    conn->prev = c->idle.prev;
    conn->next = &c->idle;
    c->idle.prev->next = conn;
    c->idle.prev = conn;
    arm(c, conn->since_ms);
}
