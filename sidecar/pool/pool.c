/* SPDX-License-Identifier: MIT
 * The pod between a pool and its user.  See pool.h. */
#include "pool.h"

#include "claim.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/log.h"
#include "internal.h"
#include "phases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- evidence ------------------------------------------------------------------------------ */

double hr_pool_last_use_s(const struct hr_pool *p)
{
    const struct hr_server_info *i = &p->server;
    /* Both are whole seconds, counted from the start until there was an event. */
    if (!p->informed || i->uptime_s < 0 || i->idle_s < 0 || i->idle_s + 1 >= i->uptime_s)
        return -1;
    return i->idle_s + (double)(p->cfg.now_ms() - p->informed_ms) / 1000;
}

/* In a pool a server is warmed up and tried out: only what comes after the claim is its use. */
static bool is_used(const struct hr_pool *p, const struct hr_board_phase *b)
{
    double ago_s = hr_pool_last_use_s(p);
    bool pooled = p->standing == HR_STANDING_POOLED || (b->seen & HR_SEEN_POOLED);
    if (ago_s < 0)
        return false;
    if (!pooled)
        return true;
    return b->claimed_ms &&
           p->cfg.now_ms() - (int64_t)(ago_s * 1000) >= b->claimed_ms - HR_POOL_USE_SLACK_MS;
}

static uint32_t what_is_seen(const struct hr_pool *p, const struct hr_board_phase *b)
{
    uint32_t seen = b->seen;
    if (p->standing == HR_STANDING_POOLED)
        seen |= HR_SEEN_POOLED;
    if (p->standing == HR_STANDING_CLAIMED || p->init_state >= HR_INIT_RUNNING)
        seen |= HR_SEEN_CLAIMED;
    if (is_used(p, b))
        seen |= HR_SEEN_USED;
    return seen;
}

static unsigned evidence(const struct hr_pool *p, const struct hr_board_service *server,
                         uint32_t seen)
{
    bool up = server->state == HR_UP;
    bool settled = !p->cfg.deferred || p->init_state != HR_INIT_UNKNOWN;
    unsigned e = 0;
    if (server->starts)
        e |= 1U << HR_EVIDENCE_PROCESS;
    if (!up)
        e |= 1U << HR_EVIDENCE_DOWN;
    if (up && settled)
        e |= 1U << HR_EVIDENCE_READY;
    if (seen & HR_SEEN_CLAIMED)
        e |= 1U << HR_EVIDENCE_CLAIM;
    if (seen & HR_SEEN_USED)
        e |= 1U << HR_EVIDENCE_USE;
    return e;
}

static void take_uid(const struct hr_pool *p, const struct hr_board_phase *b,
                     char out[HR_CLAIM_UID_MAX + 1])
{
    const char *uid = hr_podinfo_claim_uid(p->labels, p->annotations);
    (void)snprintf(out, HR_CLAIM_UID_MAX + 1, "%s", uid ? uid : b->claim_uid);
}

static void tell(struct hr_pool *p, const struct hr_phase_word *word)
{
    char line[HR_NOTIFICATION_MAX] = "PHASE=";
    size_t n = strlen(line);
    if (memcmp(word, &p->told, sizeof(*word)) == 0)
        return;
    p->told = *word;
    hr_phase_word_format(word, line + n, sizeof(line) - n);
    p->cfg.notify(line, p->cfg.arg);
}

/* ---- the hook ------------------------------------------------------------------------------ */

bool hr_pool_find_hook(const struct hr_pool *p, struct hr_board_service *ret)
{
    struct hr_board_head head;
    if (hr_board_get_head(p->cfg.board, &head))
        return false;
    for (uint32_t i = 0; i < head.nservices; i++)
        if (!hr_board_get_service(p->cfg.board, i, ret) && ret->kind == HR_HOOK)
            return true;
    return false;
}

static void look_again(struct hr_pool *p, int64_t ms)
{
    ev_timer_stop(p->cfg.loop, &p->again);
    ev_now_update(p->cfg.loop);
    ev_timer_set(&p->again, (double)ms / 1000, 0.);
    ev_timer_start(p->cfg.loop, &p->again);
}

static int hand_over(struct hr_pool *p)
{
    int fd = -1;
    int err = hr_claim_seal(p->labels, p->annotations, &fd);
    if (!err)
        err = p->cfg.hand_over("CLAIM=1", fd, p->cfg.arg);
    hr_close(&fd);
    return err;
}

/* Give PID 1 the claim, until the board shows that the hook has been started: so it is not lost
 * with this process, and PID 1 takes only one. */
static void care_for_hook(struct hr_pool *p, const struct hr_board_phase *b)
{
    struct hr_board_service hook;
    int64_t now = p->cfg.now_ms();
    bool usable = p->told.phase >= HR_POD_CLAIMED && (b->seen & HR_SEEN_CLAIMED);
    if (!usable || !hr_pool_find_hook(p, &hook) || hook.starts || hook.state != HR_DOWN)
        return;
    /* A client is faster than the labels, which are what the hook is for. */
    int64_t wait =
        p->standing == HR_STANDING_POOLED ? b->claimed_ms + HR_POOL_CLAIM_WAIT_MS - now : 0;
    if (wait <= 0 && p->handed_ms)
        wait = p->handed_ms + HR_POOL_HAND_AGAIN_MS - now;
    if (wait > 0) {
        look_again(p, wait);
        return;
    }
    p->handed_ms = now;
    int err = hand_over(p);
    if (err)
        hr_warn("the claim cannot be handed over for the hook: %s: trying again", strerror(-err));
    look_again(p, HR_POOL_HAND_AGAIN_MS);
}

/* ---- together ------------------------------------------------------------------------------ */

/* Look at everything, and tell what has come of it. */
static void evaluate(struct hr_pool *p)
{
    struct hr_board_service server;
    struct hr_board_phase b;
    struct hr_phase_word word = {.phase = p->told.phase};
    if (!p->started || hr_board_get_phase(p->cfg.board, &b) ||
        hr_board_get_service(p->cfg.board, 0, &server))
        return; /* it is being written: there will be an event */
    word.seen = what_is_seen(p, &b);
    word.phase = hr_phase_settle(p->told.phase, evidence(p, &server, word.seen));
    take_uid(p, &b, word.claim_uid);
    tell(p, &word);
    care_for_hook(p, &b);
}

/* ---- asking the server --------------------------------------------------------------------- */

/* Needs a key, and a server that is what it will be. */
static void ask_for_count(struct hr_pool *p)
{
    bool settled = p->init_state == HR_INIT_NONE || p->init_state == HR_INIT_DONE;
    if (p->key[0] && p->was_up && settled)
        hr_poll_now(&p->count);
}

static int on_init(int status, const char *body, size_t len, void *arg)
{
    struct hr_pool *p = arg;
    enum hr_init_state before = p->init_state;
    enum hr_init_state state = HR_INIT_NONE;
    if (status < 0)
        return HR_POOL_INIT_FAST_MS * 4; /* no answer: what was known holds on */
    if (status == 200 && hr_init_body(body, len, &state) && p->cfg.deferred)
        return HR_POOL_INIT_SLOW_MS; /* not an answer to this question */
    if (status != 200 && status != 404 && p->cfg.deferred)
        return HR_POOL_INIT_SLOW_MS;
    p->init_state = state;
    if (state != before) {
        evaluate(p);
        hr_poll_now(&p->info); /* whose pace depends on it */
        ask_for_count(p);
    }
    switch (state) {
    case HR_INIT_DORMANT: return HR_POOL_INIT_SLOW_MS;
    case HR_INIT_RUNNING: return HR_POOL_INIT_FAST_MS;
    default: return -1; /* for this life of the server */
    }
}

static void count_header(char out[HR_POLL_HEADER_MAX], void *arg)
{
    const struct hr_pool *p = arg;
    (void)snprintf(out, HR_POLL_HEADER_MAX, "X-Session-API-Key: %s", p->key);
}

static int on_count(int status, const char *body, size_t len, void *arg)
{
    struct hr_pool *p = arg;
    p->conversations = -1;
    if (status == 200)
        (void)hr_count_body(body, len, &p->conversations);
    if (status == 401 || status == 403 || status == 404)
        return -1; /* until there is another key, or another server */
    return HR_POOL_IDLE_MS;
}

static void stop_asking(struct hr_pool *p)
{
    hr_poll_stop(&p->init);
    hr_poll_stop(&p->info);
    hr_poll_stop(&p->count);
    p->conversations = -1;
}

/* May the pod be about to be used for the first time? */
static bool waits_for_use(const struct hr_pool *p)
{
    bool waiting = p->standing == HR_STANDING_POOLED && !(p->told.seen & HR_SEEN_CLAIMED);
    return !(p->told.seen & HR_SEEN_USED) && !waiting;
}

/* The first answer may have been on its way, or the use may not have begun, when we were told. */
static int next_info_ms(struct hr_pool *p)
{
    bool soon = p->may_be_used;
    p->may_be_used = false;
    if (!waits_for_use(p))
        return HR_POOL_IDLE_MS;
    return soon ? HR_POOL_USE_SOON_MS : p->helped ? HR_POOL_IDLE_MS : HR_POOL_USE_MS;
}

static int on_info(int status, const char *body, size_t len, void *arg)
{
    struct hr_pool *p = arg;
    struct hr_server_info info;
    if (status == 404)
        return -1; /* a server of another kind */
    if (status == 200 && hr_server_info_body(body, len, &info) == 0) {
        p->server = info;
        p->informed = true;
        p->informed_ms = p->cfg.now_ms();
        evaluate(p);
    }
    return next_info_ms(p);
}

/* Another life of the server: nothing is known of it yet. */
static void begin_life(struct hr_pool *p, uint32_t life)
{
    p->life = life;
    p->was_up = false;
    p->init_state = HR_INIT_UNKNOWN;
    p->informed = false;
    p->may_be_used = p->helped = false;
    p->activity = 0;
    stop_asking(p);
}

void hr_pool_board_changed(struct hr_pool *p)
{
    struct hr_board_service server;
    struct hr_board_server own;
    if (!p->started || hr_board_get_service(p->cfg.board, 0, &server) ||
        hr_board_get_server(p->cfg.board, &own))
        return;
    if (server.starts != p->life)
        begin_life(p, server.starts);
    bool up = server.state == HR_UP;
    p->helped = own.lag_ms >= 0 && own.beat_ms; /* nobody else tells it */
    if (up && own.activity != p->activity && waits_for_use(p)) {
        p->may_be_used = true;
        hr_poll_now(&p->info);
    }
    if (up && !p->was_up) {
        hr_poll_now(&p->init);
        hr_poll_now(&p->info);
    } else if (up && own.recorded != p->recorded && p->init_state == HR_INIT_DORMANT) {
        hr_poll_now(&p->init); /* the helper has seen it being initialised */
    } else if (!up) {
        stop_asking(p);
    }
    p->was_up = up;
    p->recorded = own.recorded;
    p->activity = own.activity;
    evaluate(p);
}

static void on_podinfo(const json_t *labels, const json_t *annotations, void *arg)
{
    struct hr_pool *p = arg;
    enum hr_standing before = p->standing;
    bool first = !p->labels;
    bool others = first || !json_equal(p->labels, labels);
    json_decref(p->labels);
    json_decref(p->annotations);
    p->labels = json_incref((json_t *)(uintptr_t)labels);
    p->annotations = json_incref((json_t *)(uintptr_t)annotations);
    p->standing = hr_podinfo_standing(labels);
    if (first || p->standing != before)
        hr_info("the pod's labels: %s", p->standing == HR_STANDING_POOLED    ? "in a warm pool"
                                        : p->standing == HR_STANDING_CLAIMED ? "claimed"
                                                                             : "nothing of a pool");
    const struct hr_phase_word told = p->told;
    evaluate(p);
    if (others && p->cfg.on_labels)
        p->cfg.on_labels(memcmp(&told, &p->told, sizeof(told)) != 0, p->cfg.arg);
    if (p->was_up && p->standing != before)
        hr_poll_now(&p->info);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    evaluate(w->data);
}

/* ---- */

int hr_pool_new(const struct hr_pool_config *config, struct hr_pool **ret)
{
    struct hr_pool *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->cfg = *config;
    if (!p->cfg.now_ms)
        p->cfg.now_ms = hr_now_ms;
    p->watch.loop = p->init.loop = p->info.loop = p->count.loop = config->loop;
    p->init.client = p->info.client = p->count.client = config->client;
    p->watch.arg = p->init.arg = p->info.arg = p->count.arg = p;
    p->watch.on_read = on_podinfo;
    p->init.answer = on_init;
    p->info.answer = on_info;
    p->count.answer = on_count;
    p->count.header = count_header;
    p->conversations = -1;
    ev_init(&p->again, on_again);
    p->again.data = p;
    int err = hr_poll_init(&p->init, config->host, config->port, "/api/init?handrail");
    if (!err)
        err = hr_poll_init(&p->info, config->host, config->port, "/server_info?handrail");
    if (!err)
        err = hr_poll_init(&p->count, config->host, config->port,
                           "/api/conversations/count?handrail");
    if (err)
        free(p);
    else
        *ret = p;
    return err;
}

void hr_pool_free(struct hr_pool *p)
{
    if (!p)
        return;
    hr_podwatch_stop(&p->watch);
    stop_asking(p);
    ev_timer_stop(p->cfg.loop, &p->again);
    json_decref(p->labels);
    json_decref(p->annotations);
    hr_pool_forget_key(p);
    free(p);
}

void hr_pool_forget_key(struct hr_pool *p)
{
    explicit_bzero(p->key, sizeof(p->key));
}

void hr_pool_set_key(struct hr_pool *p, const char *key)
{
    hr_pool_forget_key(p);
    if (key && strlen(key) < sizeof(p->key))
        memcpy(p->key, key, strlen(key) + 1);
    p->conversations = -1;
    hr_poll_stop(&p->count);
    ask_for_count(p);
}

enum hr_init_state hr_pool_init_state(const struct hr_pool *p)
{
    return p->init_state;
}

const json_t *hr_pool_labels(const struct hr_pool *p)
{
    return p->labels;
}

const json_t *hr_pool_annotations(const struct hr_pool *p)
{
    return p->annotations;
}

void hr_pool_start(struct hr_pool *p)
{
    struct hr_board_phase b;
    const char *dir = p->cfg.podinfo_dir ? p->cfg.podinfo_dir : "";
    /* What an earlier sidecar has found; told again only if it is different now. */
    if (!hr_board_get_phase(p->cfg.board, &b)) {
        p->told.phase = b.told <= HR_POD_ACTIVE ? (enum hr_pod_phase)b.told : HR_POD_STARTING;
        p->told.seen = b.seen;
        memcpy(p->told.claim_uid, b.claim_uid, sizeof(p->told.claim_uid));
    }
    if (hr_podwatch_start(&p->watch, dir))
        hr_warn("pod info: the name of its folder is too long: doing without");
    p->started = true; /* only now: the volume is known before anything is told */
    hr_pool_board_changed(p);
}
