/* SPDX-License-Identifier: MIT
 * Probes of the server over HTTP.  See probe.h. */
#include "probe.h"

#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The measurement's own time-out comes first; this is in case it did not. */
enum { CLIENT_EXTRA_MS = 5000 };

static struct hr_probe *probe_of(struct hr_measure *m)
{
    return (struct hr_probe *)(void *)m; /* its first member */
}

/* What went wrong, from the server's side where errno's own words are those of a program's. */
static const char *words(int status)
{
    switch (status) {
    case -ECONNRESET: return "the connection was closed before the answer was complete";
    case -EPROTO: return "what answers on the port does not speak HTTP";
    case -EADDRINUSE:
        return "the port is held by another program, which was there before the server";
    case -E2BIG: return "the answer is too large";
    default: return strerror(-status);
    }
}

static void tell(struct hr_probe *p, int status, const char *body, size_t len)
{
    const char *path = p->path[p->at];
    int shown = (int)strcspn(path, "?");
    enum hr_found found = status == 200             ? HR_FOUND_GOOD
                          : status == -ECONNREFUSED ? HR_FOUND_DOWN
                          : status > 0 && p->judge  ? p->judge(p, status, body, len)
                                                    : HR_FOUND_BAD;
    double seconds = (double)(hr_now_us() - p->asked_us) / 1e6;
    if (status != -ECONNREFUSED) /* a closed port is no latency */
        hr_histogram_observe(&p->latency, seconds);
    if (status > 0)
        hr_measure_value(&p->m, found, seconds, "GET %.*s answered %d", shown, path, status);
    else
        hr_measure_say(&p->m, found, "GET %.*s: %s", shown, path, words(status));
}

static int ask(struct hr_probe *p);
static void on_answer(int status, const char *body, size_t len, void *arg);

/* The first path was answered well: the second, or what it was answered in this life. */
static int ask_once(struct hr_probe *p)
{
    if (p->once_life != p->m.life) {
        p->once_life = p->m.life;
        p->once_tries = p->once_status = 0;
    }
    p->at = 1;
    if (p->once_status)
        return p->once_status;
    p->once_tries++;
    return ask(p);
}

static void on_answer(int status, const char *body, size_t len, void *arg)
{
    struct hr_probe *p = arg;
    p->req = NULL;
    if (p->at == 1) {
        p->once_status = status;
    } else if (status == 200 && p->path[1]) {
        status = ask_once(p);
        if (!status)
            return; /* under way */
        body = "";
        len = 0;
    }
    if (status == 200 && !p->m.succeeded && p->is_foreign && p->is_foreign(p->arg))
        status = -EADDRINUSE;
    tell(p, status, body, len);
}

/* 0 or -errno, and then on_answer() will not be called. */
static int ask(struct hr_probe *p)
{
    char header[HR_PROBE_HEADER_MAX] = "";
    const char *const headers[] = {header, NULL};
    if (p->header)
        p->header(p, header, sizeof(header));
    int err = hr_client_get_with(p->client, p->url[p->at], header[0] ? headers : NULL,
                                 (unsigned)p->m.policy.timeout_ms + CLIENT_EXTRA_MS, on_answer, p,
                                 &p->req);
    explicit_bzero(header, sizeof(header));
    return err;
}

static void start(struct hr_measure *m)
{
    struct hr_probe *p = probe_of(m);
    if (p->without && p->without(p))
        return;
    p->at = 0;
    p->asked_us = hr_now_us();
    int err = ask(p);
    if (err)
        hr_measure_say(m, HR_FOUND_BAD, "it cannot be asked: %s", strerror(-err));
}

static void cancel(struct hr_measure *m)
{
    struct hr_probe *p = probe_of(m);
    if (p->at == 1 && p->once_tries >= HR_PROBE_ONCE_TRIES)
        p->once_status = -ETIMEDOUT;
    if (p->req) {
        hr_client_cancel(p->req);
        hr_histogram_observe(&p->latency, (double)(hr_now_us() - p->asked_us) / 1e6);
    }
    p->req = NULL;
}

int hr_probe_init(struct hr_probe *p, const char *host, int port)
{
    static const struct hr_method method = {.start = start, .cancel = cancel};
    int err = 0;
    for (int i = 0; i < HR_PROBE_PATHS && p->path[i] && !err; i++)
        err = hr_client_url(p->url[i], sizeof(p->url[i]), host, port, p->path[i]);
    p->m.method = &method;
    hr_measure_init(&p->m);
    return err;
}
