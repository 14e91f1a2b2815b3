/* SPDX-License-Identifier: MIT
 * Orders of the supervisor.  See orders.h. */
#include "orders.h"

#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "parse.h"
#include "replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_MAX_BYTES = 64, /* of a notification */
};

/* A pause is asked for once a life, with nothing to try again. */
struct pause {
    uint32_t life; /* 0: none under way */
    struct hr_client_req *req;
    char url[HR_REPLAY_URL_MAX];
};

struct hr_orders {
    struct hr_orders_config cfg;
    ev_io io;
    int place; /* hr_order_place() */
    struct hr_replay replay;
    struct pause pause;
    uint32_t ready;     /* the life that has answered /ready; 0: none */
    uint32_t announced; /* the life that SERVER= was said of; 0: none */
};

/* The server's life as the board has it; 0: it has no process.  0 or -errno. */
static int present_life(const struct hr_orders *o, uint32_t *ret)
{
    struct hr_board_service s;
    int err = hr_board_get_service(o->cfg.board, 0, &s);
    if (!err)
        *ret = s.pid > 0 ? s.starts : 0;
    return err;
}

static void tell(const struct hr_orders *o, const char *what, uint32_t life, int status)
{
    char line[LINE_MAX_BYTES];
    (void)snprintf(line, sizeof(line), "%s=%u %d", what, life, status);
    o->cfg.notify(line, o->cfg.arg);
}

/* ---- the pause ---- */

static void end_pause(struct hr_orders *o, uint32_t life, int status)
{
    o->pause.life = 0;
    o->pause.req = NULL;
    hr_debug("server: prepare-for-sandbox-pause: %d", status);
    tell(o, "PAUSED", life, status);
}

static void on_paused(int status, const char *body, size_t len, void *arg)
{
    struct hr_orders *o = arg;
    (void)body;
    (void)len;
    end_pause(o, o->pause.life, status);
}

/* 0 or -errno: -ENOKEY, or why the request cannot be made. */
static int ask_for_pause(struct hr_orders *o, const struct hr_body *body)
{
    static const char name[] = "X-Session-API-Key: ";
    char key[HR_SESSION_KEY_MAX + 1] = "";
    char header[sizeof(name) + HR_SESSION_KEY_MAX];
    const char *const headers[] = {header, NULL};
    const char *own = o->cfg.session_key;
    int err = hr_order_session_key(body->data, body->len, key);
    if (err && own && *own && strlen(own) <= HR_SESSION_KEY_MAX) {
        memcpy(key, own, strlen(own) + 1);
        err = 0;
    }
    (void)snprintf(header, sizeof(header), "%s%s", name, key);
    if (!err)
        err = hr_client_post(o->cfg.client, o->pause.url, headers, NULL, 0, o->cfg.pause_timeout_ms,
                             on_paused, o, &o->pause.req);
    explicit_bzero(key, sizeof(key));
    explicit_bzero(header, sizeof(header));
    return err;
}

static void drop_pause(struct hr_orders *o)
{
    if (o->pause.req)
        hr_client_cancel(o->pause.req);
    o->pause.req = NULL;
    o->pause.life = 0;
}

/* ---- the server, announced ---- */

/* Does the board allow it?  One that cannot be read says no, and has changed when it can be. */
static bool may_announce(const struct hr_orders *o)
{
    struct hr_board_server s;
    if (hr_replay_busy(&o->replay) || hr_board_get_server(o->cfg.board, &s))
        return false;
    bool initialised = o->replay.life == o->ready && o->replay.state == HR_REPLAY_DONE;
    return s.replay_life != o->ready || initialised;
}

/* Drop what belongs to a life that is over; do for the present one what can be done by now. */
static void advance(struct hr_orders *o)
{
    uint32_t life = 0;
    if (present_life(o, &life))
        return;
    if (o->replay.life && o->replay.life != life)
        hr_replay_drop(&o->replay);
    if (o->pause.life && o->pause.life != life)
        drop_pause(o);
    if (!life || o->ready != life)
        return;
    hr_replay_ready(&o->replay);
    if (o->announced == life || !may_announce(o))
        return;
    o->announced = life;
    char line[LINE_MAX_BYTES];
    (void)snprintf(line, sizeof(line), "SERVER=%u", life);
    o->cfg.notify(line, o->cfg.arg);
}

static void on_replay_end(struct hr_replay *r, int status, void *arg)
{
    struct hr_orders *o = arg;
    tell(o, "INIT", r->life, status);
    if (status == 200)
        advance(o);
}

/* ---- taking orders ---- */

static void order_init(struct hr_orders *o, uint32_t life, struct hr_body *body, int err)
{
    if (err) {
        hr_replay_refuse(&o->replay, life, err);
        return;
    }
    hr_replay_order(&o->replay, life, body);
    advance(o);
}

static void order_pause(struct hr_orders *o, uint32_t life, const struct hr_body *body)
{
    if (o->pause.life)
        return; /* the answer to the first will be one to this, too */
    int err = ask_for_pause(o, body);
    if (err)
        end_pause(o, life, err);
    else
        o->pause.life = life;
}

/* To whoever wants the session key of the body. */
static void show_key(const struct hr_orders *o, const struct hr_body *body)
{
    char key[HR_SESSION_KEY_MAX + 1] = "";
    if (o->cfg.session_key_seen && !hr_order_session_key(body->data, body->len, key))
        o->cfg.session_key_seen(key, o->cfg.arg);
    explicit_bzero(key, sizeof(key));
}

static void obey(const char *text, int *fd, void *arg)
{
    struct hr_orders *o = arg;
    struct hr_order order;
    struct hr_body body = {.data = NULL};
    uint32_t life = 0;
    if (strcmp(text, "PLUGINS") == 0) {
        o->cfg.plugins(fd, o->cfg.arg);
        return;
    }
    if (hr_order_parse(text, &order)) {
        hr_warn("an order of the supervisor is not understood: is it of another version?");
        return;
    }
    bool stale = !present_life(o, &life) && life != order.starts;
    int err = *fd >= 0 ? hr_body_read(*fd, &body) : -EBADF;
    if (!stale && !err)
        show_key(o, &body);
    if (order.kind == HR_ORDER_KEY)
        ; /* that was all */
    else if (stale)
        tell(o, order.kind == HR_ORDER_INIT ? "INIT" : "PAUSED", order.starts, -ESTALE);
    else if (order.kind == HR_ORDER_INIT)
        order_init(o, order.starts, &body, err);
    else
        order_pause(o, order.starts, &body);
    hr_body_wipe(&body);
}

static void on_order(struct ev_loop *loop, ev_io *w, int events)
{
    struct hr_orders *o = w->data;
    (void)events;
    int err = hr_orders_take(o->cfg.socket, &o->place, obey, o);
    if (err && err != -EPIPE) /* the supervisor's end is noticed elsewhere */
        hr_error("no more orders of the supervisor can be taken: %s", strerror(-err));
    if (err)
        ev_io_stop(loop, w);
}

/* ---- */

int hr_orders_new(const struct hr_orders_config *config, struct hr_orders **ret)
{
    static const char pause_path[] = "/api/conversations/prepare-for-sandbox-pause";
    struct hr_orders *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->cfg = *config;
    if (!o->cfg.pause_timeout_ms)
        o->cfg.pause_timeout_ms = HR_PAUSE_TIMEOUT_MS;
    o->replay.loop = config->loop;
    o->replay.client = config->client;
    o->replay.key = config->init_key;
    o->replay.timeout_ms = config->init_timeout_ms ? config->init_timeout_ms : HR_INIT_TIMEOUT_MS;
    o->replay.retry_ms = config->init_retry_ms ? config->init_retry_ms : HR_INIT_RETRY_MS;
    o->replay.on_end = on_replay_end;
    o->replay.arg = o;
    ev_io_init(&o->io, on_order, config->socket, EV_READ);
    o->io.data = o;
    int err = hr_replay_init(&o->replay, config->host, config->port);
    if (!err)
        err = hr_client_url(o->pause.url, sizeof(o->pause.url), config->host, config->port,
                            pause_path);
    if (err) {
        free(o);
        return err;
    }
    o->place = hr_order_place(o->cfg.socket);
    *ret = o;
    return 0;
}

void hr_orders_free(struct hr_orders *o)
{
    if (!o)
        return;
    ev_io_stop(o->cfg.loop, &o->io);
    hr_replay_drop(&o->replay);
    drop_pause(o);
    hr_close(&o->place);
    free(o);
}

void hr_orders_start(struct hr_orders *o)
{
    ev_io_start(o->cfg.loop, &o->io);
}

/* Has the supervisor not heard of it?  What was told can be lost where the kernel has no memory for
 * it. */
static bool is_unheard(const struct hr_orders *o, uint32_t life)
{
    struct hr_board_service s;
    return o->announced == life && !hr_board_get_service(o->cfg.board, 0, &s) && s.starts == life &&
           s.state == HR_STARTING;
}

void hr_orders_server_ready(struct hr_orders *o, uint32_t starts)
{
    o->ready = starts;
    if (is_unheard(o, starts)) {
        o->announced = 0;
        if (o->replay.life == starts && o->replay.state == HR_REPLAY_DONE)
            tell(o, "INIT", starts, 200);
    }
    advance(o);
}

void hr_orders_board_changed(struct hr_orders *o)
{
    advance(o);
}

int hr_orders_init_ok(const struct hr_orders *o, uint32_t starts, char *reason, size_t size)
{
    const struct hr_replay *r = &o->replay;
    bool ours = r->life == starts;
    if (ours && r->state == HR_REPLAY_DONE)
        return 0;
    if (ours && r->state == HR_REPLAY_FAILED) {
        (void)snprintf(reason, size, "initialisation could not be replayed: %s", r->reason);
        return -EIO;
    }
    (void)snprintf(reason, size, "initialisation not replayed yet%s%s",
                   ours && r->reason[0] ? ": " : "", ours ? r->reason : "");
    return -EAGAIN;
}
