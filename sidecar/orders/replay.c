/* SPDX-License-Identifier: MIT
 * See replay.h.  No answer of the server is logged: one that refuses a body quotes it. */
#include "replay.h"

#include "common/log.h"
#include "common/passing.h"
#include "orders.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char path[] = "/api/init";

/* ---- what an answer means ---- */

/* `state` of the answer to GET /api/init; false also if it is none. */
static bool state_is(const char *body, size_t len, const char *state)
{
    json_t *root = json_loadb(body, len, 0, NULL);
    const char *found = json_string_value(json_object_get(root, "state"));
    bool is = found && strcmp(found, state) == 0;
    json_decref(root);
    return is;
}

/* The words of a 400.  One that is still being initialised says "initializing" there. */
static bool says_ready_already(const char *body, size_t len)
{
    static const char words[] = "already in state: ready";
    return memmem(body, len, words, sizeof(words) - 1) != NULL;
}

/* Trying again cannot help. */
static bool is_final(int status)
{
    return status == 401 || status == 404 || status == 422 || status == -EINVAL;
}

/* The server has not been asked: what is in the way is ours, or it does not listen for now. */
static bool has_not_arrived(int status)
{
    return status == -ECONNREFUSED || hr_error_passes(-status);
}

/* What it is about, and what to do. */
static const char *advice(int status)
{
    switch (status) {
    case 401: return "OH_SECRET_KEY is not what the server takes for X-Init-API-Key";
    case 404: return "the server was started without OH_DEFERRED_INIT";
    case 422: return "the server does not accept any more what it accepted before";
    case -EINVAL: return "OH_SECRET_KEY is longer than a header may be, or not of one line";
    default: return "the server's log may say why";
    }
}

static void describe(struct hr_replay *r, int status)
{
    if (status > 0)
        (void)snprintf(r->reason, sizeof(r->reason), "POST %s answered %d", path, status);
    else if (status == -ETIMEDOUT)
        (void)snprintf(r->reason, sizeof(r->reason), "POST %s: no answer within %u ms", path,
                       r->timeout_ms);
    else
        (void)snprintf(r->reason, sizeof(r->reason), "POST %s: %s", path, strerror(-status));
}

/* ---- the ends ---- */

/* The request that is under way, the timer and the body are of no more use. */
static void let_go(struct hr_replay *r)
{
    ev_timer_stop(r->loop, &r->timer);
    if (r->req)
        hr_client_cancel(r->req);
    r->req = NULL;
    hr_body_wipe(&r->body);
}

static void succeed(struct hr_replay *r)
{
    hr_debug("server: initialised again, as it was before it died");
    let_go(r);
    r->state = HR_REPLAY_DONE;
    r->reason[0] = '\0';
    r->on_end(r, 200, r->arg);
}

/* With the reason set. */
static void give_up(struct hr_replay *r, int status)
{
    hr_error("server: cannot be initialised again: %s; the pod is dormant, its session keys do not "
             "work, and nothing here will try again: POST %s to it, or delete the pod",
             r->reason, path);
    let_go(r);
    r->state = HR_REPLAY_FAILED;
    r->on_end(r, status, r->arg);
}

static void fail(struct hr_replay *r, int status)
{
    describe(r, status);
    size_t n = strlen(r->reason);
    (void)snprintf(r->reason + n, sizeof(r->reason) - n, ": %s", advice(status));
    give_up(r, status);
}

/* ---- trying ---- */

/* What has not arrived is no try, and told once as long as it is the same. */
static void rest(struct hr_replay *r, int status)
{
    bool counts = !has_not_arrived(status);
    r->tries += counts;
    if (r->tries >= HR_INIT_TRIES) {
        fail(r, status);
        return;
    }
    unsigned ms = r->retry_ms << r->doublings;
    r->doublings += r->doublings + 1 < HR_INIT_TRIES;
    describe(r, status);
    if (counts)
        hr_warn("server: not initialised again yet: %s; again in %u ms (try %u of %d)", r->reason,
                ms, r->tries + 1, HR_INIT_TRIES);
    else if (status != r->obstacle)
        hr_warn("server: not initialised again yet: %s; it has not been asked, and will be as soon "
                "as that has passed",
                r->reason);
    r->obstacle = status;
    r->state = HR_REPLAY_RESTING;
    ev_now_update(r->loop);
    ev_timer_set(&r->timer, (double)ms / 1000, 0.);
    ev_timer_start(r->loop, &r->timer);
}

static void on_looked(int status, const char *body, size_t len, void *arg)
{
    struct hr_replay *r = arg;
    r->req = NULL;
    if (status == 200 && state_is(body, len, "ready"))
        succeed(r);
    else if (has_not_arrived(status))
        rest(r, status);
    else if (status < 0 || (status == 200 && state_is(body, len, "initializing")))
        rest(r, r->refusal);
    else
        fail(r, r->refusal);
}

static void look(struct hr_replay *r, int refusal)
{
    r->refusal = refusal;
    r->state = HR_REPLAY_LOOKING;
    int err = hr_client_get(r->client, r->url, HR_INIT_LOOK_MS, on_looked, r, &r->req);
    if (err)
        rest(r, err);
}

static void on_posted(int status, const char *body, size_t len, void *arg)
{
    struct hr_replay *r = arg;
    r->req = NULL;
    if (status == 200 || (status == 400 && says_ready_already(body, len)))
        succeed(r);
    else if (status == 401)
        look(r, status);
    else if (is_final(status))
        fail(r, status);
    else
        rest(r, status);
}

static void post(struct hr_replay *r)
{
    char header[HR_REPLAY_HEADER_MAX] = "";
    const char *const with_key[] = {"Content-Type: application/json", header, NULL};
    const char *const without[] = {"Content-Type: application/json", NULL};
    bool has_key = r->key && *r->key;
    int n = has_key ? snprintf(header, sizeof(header), "X-Init-API-Key: %s", r->key) : 0;
    r->state = HR_REPLAY_POSTING;
    int err = n < 0 || (size_t)n >= sizeof(header)
                  ? -EINVAL
                  : hr_client_post(r->client, r->url, has_key ? with_key : without, r->body.data,
                                   r->body.len, r->timeout_ms, on_posted, r, &r->req);
    explicit_bzero(header, sizeof(header));
    if (!err)
        return;
    if (is_final(err))
        fail(r, err);
    else
        rest(r, err);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    post(w->data);
}

/* ---- what the owner says ---- */

int hr_replay_init(struct hr_replay *r, const char *host, int port)
{
    ev_timer_init(&r->timer, on_timer, 0., 0.);
    r->timer.data = r;
    return hr_client_url(r->url, sizeof(r->url), host, port, path);
}

void hr_replay_order(struct hr_replay *r, uint32_t life, struct hr_body *body)
{
    hr_replay_drop(r);
    r->state = HR_REPLAY_WAITING;
    r->life = life;
    r->body = *body;
    *body = (struct hr_body){.data = NULL};
}

void hr_replay_ready(struct hr_replay *r)
{
    if (r->state == HR_REPLAY_WAITING)
        post(r);
}

void hr_replay_drop(struct hr_replay *r)
{
    let_go(r);
    r->state = HR_REPLAY_NONE;
    r->life = 0;
    r->tries = r->doublings = 0;
    r->obstacle = 0;
    r->reason[0] = '\0';
}

void hr_replay_refuse(struct hr_replay *r, uint32_t life, int err)
{
    hr_replay_drop(r);
    r->life = life;
    (void)snprintf(r->reason, sizeof(r->reason), "the recorded body cannot be taken: %s",
                   err == -E2BIG   ? "it is too large"
                   : err == -EBADF ? "no pipe came with the order"
                                   : strerror(-err));
    give_up(r, err);
}

bool hr_replay_busy(const struct hr_replay *r)
{
    return r->state != HR_REPLAY_NONE && r->state != HR_REPLAY_DONE && r->state != HR_REPLAY_FAILED;
}
