/* SPDX-License-Identifier: MIT
 * The webhook.  See webhook.h. */
#include "webhook.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/json_text.h"
#include "common/log.h"
#include "common/wall_text.h"
#include "delivery.h"
#include "pod.h"
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCHEMA_VERSION = 1,
    LIFE_BYTES = 8,  /* random ones, before the sequence in an event's id */
    SHOWN_MAX = 300, /* bytes of a scheme, a host and a port */
    END_MS = 1000,   /* less than the sidecar has until it is killed, --sidecar-stop-timeout */
};

struct hr_webhook {
    struct hr_delivery delivery;
    struct hr_watch watch;
    json_t *pod;
    char *authorization; /* NULL: none */
    bool begun;          /* the board has been looked at */
    bool off;            /* the URL cannot be asked */
    uint64_t sequence;
    char life[2 * LIFE_BYTES + 1];
    char shown[SHOWN_MAX];
};

/* ---- events ---- */

static void tell(const char *type, json_t *data, void *arg)
{
    struct hr_webhook *w = arg;
    char id[sizeof(w->life) + 24];
    char now[HR_WALL_TEXT];
    if (w->off) {
        json_decref(data);
        return;
    }
    w->sequence++;
    hr_wall_text(hr_wall_ms(), now);
    (void)snprintf(id, sizeof(id), "%s-%llu", w->life, (unsigned long long)w->sequence);
    json_t *event = json_pack("{s:i, s:s, s:I, s:s, s:s, s:O, s:o}", "schema_version",
                              SCHEMA_VERSION, "id", id, "sequence", (json_int_t)w->sequence, "time",
                              now, "type", type, "pod", w->pod, "data", data);
    char *body = event ? json_dumps(event, JSON_COMPACT) : NULL;
    json_decref(event);
    if (body)
        hr_delivery_add(&w->delivery, body, strlen(body));
    else
        w->delivery.count[HR_DROPPED]++; /* no memory: the gap in the sequence says so too */
}

void hr_webhook_board_changed(struct hr_webhook *w)
{
    if (w && w->begun)
        hr_watch_look(&w->watch);
    else if (w)
        hr_watch_begin(&w->watch);
    if (w)
        w->begun = true;
}

bool hr_webhook_end(struct hr_webhook *w, void (*on_end)(void *arg), void *arg)
{
    struct hr_board_head head;
    if (!w || w->delivery.ending)
        return false;
    hr_webhook_board_changed(w);
    if (!hr_board_get_head(w->watch.board, &head) && head.draining == HR_DRAINING_STOP)
        tell("pod.stopped", json_object(), w);
    return hr_delivery_end(&w->delivery, END_MS, on_end, arg);
}

/* ---- what is said of it ---- */

static json_t *last_success(const struct hr_delivery *d)
{
    char text[HR_WALL_TEXT];
    hr_wall_text(d->success_wall_ms, text);
    return d->success_wall_ms ? json_string(text) : json_null();
}

static const char *state(const struct hr_webhook *w)
{
    if (w->off)
        return "off";
    if (w->delivery.sending)
        return "sending";
    return w->delivery.queue.n ? "waiting" : "idle";
}

json_t *hr_webhook_status(const struct hr_webhook *w)
{
    if (!w)
        return json_null();
    const struct hr_delivery *d = &w->delivery;
    bool waits = ev_is_active(&d->retry);
    int64_t left = d->retry_at_ms - hr_now_ms();
    return json_pack(
        "{s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "receiver",
        hr_json_field(w->shown, sizeof(w->shown)), "state", state(w), "queued",
        (json_int_t)d->queue.n, "queued_bytes", (json_int_t)d->queue.bytes, "delivered",
        (json_int_t)d->count[HR_DELIVERED], "failed", (json_int_t)d->count[HR_UNDELIVERABLE],
        "dropped", (json_int_t)d->count[HR_DROPPED], "tries", (json_int_t)d->tries, "last_success",
        last_success(d), "error", hr_json_field(d->error, sizeof(d->error)), "retry_in_ms",
        waits ? json_integer(left > 0 ? left : 0) : json_null());
}

void hr_webhook_collect(struct hr_expo *e, void *arg)
{
    static const char *const results[HR_NRESULTS] = {"delivered", "failed", "dropped"};
    const struct hr_webhook *w = arg;
    hr_expo_family(
        e, "handrail_webhook_events_total", "counter",
        "Events by what became of them: taken by the receiver, refused by it, or dropped "
        "because too many waited.");
    for (int i = 0; i < HR_NRESULTS; i++)
        hr_expo_sample(e, "handrail_webhook_events_total", (double)w->delivery.count[i], "result",
                       results[i], NULL);
    hr_expo_family(e, "handrail_webhook_queue_length", "gauge", "Events that wait to be told.");
    hr_expo_sample(e, "handrail_webhook_queue_length", (double)w->delivery.queue.n, NULL);
    if (!w->delivery.success_wall_ms)
        return;
    hr_expo_family(e, "handrail_webhook_last_success_timestamp_seconds", "gauge",
                   "When the receiver last took an event, seconds since 1970.");
    hr_expo_sample(e, "handrail_webhook_last_success_timestamp_seconds",
                   (double)w->delivery.success_wall_ms / 1000, NULL);
}

/* ---- its life ---- */

/* The receiver without what may be a secret: of some services that is the path. */
static void show(char *out, size_t size, const char *url)
{
    const char *host = strstr(url, "://");
    size_t n = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
    (void)snprintf(out, size, "%.*s", (int)n, url);
}

int hr_webhook_new(const struct hr_webhook_config *cfg, struct hr_webhook **ret)
{
    struct hr_webhook *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    show(w->shown, sizeof(w->shown), cfg->url);
    w->authorization = cfg->authorization ? strdup(cfg->authorization) : NULL;
    w->watch = (struct hr_watch){.board = cfg->board, .crash = cfg->crash, .tell = tell, .arg = w};
    struct hr_delivery_config delivery = {
        .loop = cfg->loop,
        .shown = w->shown,
        .target = {.url = cfg->url, .authorization = w->authorization},
        .work = cfg->work,
        .work_arg = cfg->work_arg,
        .first_ms = cfg->first_ms};
    w->pod = hr_webhook_pod(cfg->podinfo_dir);
    int err = w->pod && (w->authorization || !cfg->authorization)
                  ? hr_random_hex(w->life, LIFE_BYTES)
                  : -ENOMEM;
    if (!err)
        err = hr_delivery_init(&w->delivery, &delivery);
    if (err) {
        hr_webhook_free(w);
        return err;
    }
    w->off = !hr_post_can(cfg->url);
    if (w->off) {
        (void)snprintf(w->delivery.error, sizeof(w->delivery.error),
                       "this handrail's libcurl cannot do %.*s", (int)strcspn(cfg->url, ":"),
                       cfg->url);
        hr_error("webhook: nothing is told to %s: %s: give it an http:// address, such as that of "
                 "a proxy beside it",
                 w->shown, w->delivery.error);
    }
    *ret = w;
    return 0;
}

static void wipe(struct hr_webhook *w)
{
    if (w->authorization)
        explicit_bzero(w->authorization, strlen(w->authorization));
}

void hr_webhook_forget_keys(struct hr_webhook *w, const char *aside)
{
    if (w && strcmp(aside, HR_DELIVERY_ASIDE) != 0)
        wipe(w);
}

void hr_webhook_free(struct hr_webhook *w)
{
    if (!w)
        return;
    hr_delivery_free(&w->delivery);
    json_decref(w->pod);
    wipe(w);
    free(w->authorization);
    free(w);
}
