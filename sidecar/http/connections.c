/* SPDX-License-Identifier: MIT
 * Connections that must not keep others out.  See connections.h. */
#include "connections.h"

#include "common/clock.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

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

static void append(struct hr_http_conn *head, struct hr_http_conn *conn)
{
    conn->prev = head->prev;
    conn->next = head;
    head->prev->next = conn;
    head->prev = conn;
}

static void end(struct hr_http_conn *conn)
{
    unlist(conn);
    (void)shutdown(conn->fd, SHUT_RDWR);
    conn->fd = -1;
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
                        unsigned per_ip, int64_t idle_max_ms)
{
    unsigned spare = limit / SPARE_FRACTION + 1;
    *c = (struct hr_http_conns){.loop = loop,
                                .idle_max_ms = idle_max_ms,
                                .per_ip = per_ip,
                                .full = limit > spare ? limit - spare : limit};
    c->idle.prev = c->idle.next = &c->idle;
    c->busy.prev = c->busy.next = &c->busy;
    ev_timer_init(&c->sweep, on_sweep, 0., 0.);
    c->sweep.data = c;
}

void hr_http_conns_stop(struct hr_http_conns *c)
{
    ev_timer_stop(c->loop, &c->sweep);
}

static void take_ip(struct hr_http_conn *conn, const struct sockaddr *peer)
{
    if (peer && peer->sa_family == AF_INET)
        memcpy(conn->ip, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
    else if (peer && peer->sa_family == AF_INET6)
        memcpy(conn->ip, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, 16);
}

/* How many of a ring have this address; *ret_first is the first of them, if there is one. */
static unsigned count_ip(struct hr_http_conn *head, const unsigned char *ip,
                         struct hr_http_conn **ret_first)
{
    unsigned n = 0;
    for (struct hr_http_conn *conn = head->next; conn != head; conn = conn->next)
        if (memcmp(conn->ip, ip, sizeof(conn->ip)) == 0 && n++ == 0)
            *ret_first = conn;
    return n;
}

struct hr_http_conn *hr_http_conn_opened(struct hr_http_conns *c, int fd,
                                         const struct sockaddr *peer)
{
    struct hr_http_conn *ignored = NULL;
    struct hr_http_conn *oldest = NULL;
    struct hr_http_conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        return NULL;
    conn->fd = fd;
    take_ip(conn, peer);
    c->count++;
    hr_http_conn_idle(c, conn);
    unsigned n = count_ip(&c->busy, conn->ip, &ignored) + count_ip(&c->idle, conn->ip, &oldest);
    if (oldest && n > c->per_ip)
        end(oldest); /* itself, if all the others are busy */
    else if (c->count > c->full && c->idle.next != conn)
        end(c->idle.next);
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

void hr_http_conn_busy(struct hr_http_conns *c, struct hr_http_conn *conn)
{
    if (!conn || conn->fd < 0)
        return;
    unlist(conn);
    append(&c->busy, conn);
}

void hr_http_conn_idle(struct hr_http_conns *c, struct hr_http_conn *conn)
{
    if (!conn || conn->fd < 0)
        return;
    unlist(conn);
    conn->since_ms = hr_now_ms();
    append(&c->idle, conn);
    arm(c, conn->since_ms);
}
