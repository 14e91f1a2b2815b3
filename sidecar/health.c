/* SPDX-License-Identifier: MIT
 * Requests to the health listener.  See health.h.
 *
 * What there is to ask for is the table at the end of this file: one row a path. */
#include "health.h"

#include "common/clock.h"
#include "common/log.h"
#include "sidecar/metrics/accept.h"
#include "sidecar/page/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char text_type[] = "text/plain; charset=utf-8";
static const char plain_json[] = "application/json";
static const char not_allowed[] = "method not allowed: use GET or HEAD\n";
static const char busy[] = "busy: too many clients ask for pages at once\n";
static const char failed[] = "internal server error: see the sidecar's log\n";

enum {
    NOT_FOUND_MAX = 1024, /* bytes of the list of all paths */
    TURN_US_MAX = 3000,   /* of one turn of the loop for pages; who asks then is turned away */
    CROWD_US_MAX = 1000,  /* the same while more connections wait than one turn takes */
};

struct route {
    const char *path;
    bool tree; /* everything below the path is the same endpoint */
    bool page; /* not for probes: making it may take long, so probes come first */
    enum hr_endpoint endpoint;
    void (*answer)(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint);
};

static void list_routes(struct hr_buf *out);

static void reply(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint,
                  unsigned status, const char *type, const void *body, size_t len)
{
    hr_metrics_request(&h->requests, endpoint, status);
    hr_http_add_header(req, "Cache-Control", "no-store");
    hr_http_reply(req, status, type, body, len);
}

static void reply_text(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint,
                       unsigned status, const char *text)
{
    reply(h, req, endpoint, status, text_type, text, strlen(text));
}

static void reply_not_found(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint)
{
    struct hr_buf text;
    hr_buf_init(&text, NOT_FOUND_MAX);
    (void)hr_buf_adds(&text, "not found: there are ");
    list_routes(&text);
    (void)hr_buf_addc(&text, '\n');
    reply(h, req, endpoint, 404, text_type, hr_buf_str(&text), text.len);
    hr_buf_free(&text);
}

static void add_exclude(const char *value, void *arg)
{
    hr_checks_exclude(arg, value);
}

static void answer_checks(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint)
{
    struct hr_checks_query q = {.verbose = hr_http_query(req, "verbose", NULL, NULL) > 0};
    struct hr_buf out;
    const char *path = hr_http_path(req);
    hr_buf_init(&out, HR_METRICS_MAX);
    (void)hr_http_query(req, "exclude", add_exclude, &q);
    unsigned status = endpoint == HR_EP_WARMZ ? hr_pool_warm(h->pool, path, &q, &out)
                                              : hr_checks_answer(h->checks, path, &q, &out);
    if (status == 404)
        reply_not_found(h, req, endpoint);
    else
        reply(h, req, endpoint, status, text_type, hr_buf_str(&out), out.len);
    hr_buf_free(&out);
}

static void answer_metrics(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint)
{
    struct hr_metrics_page *page = &h->metrics_page;
    int err = hr_metrics_page(&h->metrics, hr_http_header(req, "Accept"),
                              hr_http_header(req, "Accept-Encoding"), page);
    if (err) {
        hr_error("metrics: the page could not be made: %s", strerror(-err));
        reply_text(h, req, endpoint, 500, failed);
    } else {
        hr_http_add_header(req, "Vary", HR_METRICS_VARY);
        if (page->encoding)
            hr_http_add_header(req, "Content-Encoding", page->encoding);
        reply(h, req, endpoint, 200, page->type, hr_buf_str(page->out), page->out->len);
    }
    hr_metrics_page_done(page);
}

/* Of numbers of seconds: 30 years to the millisecond, and no 9.0039999999999996. */
enum { REAL_DIGITS = 12 };

/* Steals page. */
static void reply_json(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint,
                       unsigned status, const char *type, json_t *page)
{
    const size_t flags = JSON_ENSURE_ASCII | JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS);
    char *text = page ? json_dumps(page, flags) : NULL;
    if (text) {
        reply(h, req, endpoint, status, type, text, strlen(text));
    } else {
        hr_error("%s: the page could not be made: %s", hr_http_path(req), strerror(ENOMEM));
        reply_text(h, req, endpoint, 500, failed);
    }
    free(text);
    json_decref(page);
}

/* For who knows /healthz from the API server it is that, if the client asks for text. */
static void answer_healthz(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint)
{
    unsigned status = 0;
    hr_http_add_header(req, "Vary", "Accept");
    if (strcmp(hr_http_path(req), "/healthz") != 0 ||
        hr_accept_text(hr_http_header(req, "Accept"))) {
        answer_checks(h, req, endpoint);
        return;
    }
    json_t *page = hr_healthz(h, &status);
    reply_json(h, req, endpoint, status, "application/health+json", page);
}

static void answer_status(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint)
{
    reply_json(h, req, endpoint, 200, plain_json, hr_status(h));
}

static void answer_plugins(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint)
{
    reply_json(h, req, endpoint, 200, plain_json, hr_mcp_plugins(h->mcp, SIZE_MAX));
}

static void answer_crashes(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint)
{
    reply_json(h, req, endpoint, 200, plain_json, hr_crashes(h));
}

static void answer_page(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint)
{
    struct hr_buf out;
    json_t *status = hr_status_of_pod(h);
    json_t *plugins = hr_mcp_plugins(h->mcp, HR_PAGE_TOOLS_MAX);
    json_t *crashes = hr_crashes(h);
    hr_buf_init(&out, HR_PAGE_MAX);
    int err = hr_page_render(status, plugins, crashes, &out);
    if (err) {
        hr_error("/: the page could not be made: %s", strerror(-err));
        reply_text(h, req, endpoint, 500, failed);
    } else {
        hr_http_add_header(req, "Content-Security-Policy", hr_page_policy);
        hr_http_add_header(req, "Referrer-Policy", "no-referrer");
        hr_http_add_header(req, "X-Frame-Options", "DENY");
        reply(h, req, endpoint, 200, HR_PAGE_TYPE, hr_buf_str(&out), out.len);
    }
    hr_buf_free(&out);
    json_decref(status);
    json_decref(plugins);
    json_decref(crashes);
}

/* ---- what there is ---- */

static const struct route routes[] = {
    {"/", false, true, HR_EP_PAGE, answer_page},
    {"/startupz", true, false, HR_EP_STARTUPZ, answer_checks},
    {"/livez", true, false, HR_EP_LIVEZ, answer_checks},
    {"/readyz", true, false, HR_EP_READYZ, answer_checks},
    {"/warmz", true, false, HR_EP_WARMZ, answer_checks},
    {"/healthz", true, true, HR_EP_HEALTHZ, answer_healthz},
    {"/metrics", false, true, HR_EP_METRICS, answer_metrics},
    {"/status", false, true, HR_EP_STATUS, answer_status},
    {"/plugins", false, true, HR_EP_PLUGINS, answer_plugins},
    {"/crashes", false, true, HR_EP_CRASHES, answer_crashes},
};
enum { NROUTES = sizeof(routes) / sizeof(routes[0]) };

/* "/a, /b and /c". */
static void list_routes(struct hr_buf *out)
{
    for (int i = 0; i < NROUTES; i++) {
        (void)hr_buf_adds(out, i == 0 ? "" : i == NROUTES - 1 ? " and " : ", ");
        (void)hr_buf_adds(out, routes[i].path);
    }
}

/* Hundreds of clients that ask for pages in the same turn of the loop, again and again, must not
 * make probes late.  A client that waits for one page before it asks for the next is never among
 * them.  It is the processor's time: while others have it we are late, but pages are not why. */
static bool has_time(struct hr_health *h, bool crowded)
{
    unsigned turn = ev_iteration(h->loop);
    if (turn != h->turn)
        h->spent_us = 0;
    h->turn = turn;
    return h->spent_us < (crowded ? CROWD_US_MAX : TURN_US_MAX);
}

static void answer(struct hr_health *h, struct hr_http_req *req, const struct route *route)
{
    bool crowded = route->page && hr_http_crowded(req);
    if (!route->page) {
        route->answer(h, req, route->endpoint);
    } else if (has_time(h, crowded)) {
        int64_t start = hr_cpu_us();
        if (crowded) /* one for each who waits, not all that one has asked for */
            hr_http_add_header(req, "Connection", "close");
        route->answer(h, req, route->endpoint);
        h->spent_us += hr_cpu_us() - start;
    } else {
        hr_http_add_header(req, "Retry-After", "1");
        hr_http_add_header(req, "Connection", "close"); /* whatever else it has sent already */
        reply_text(h, req, route->endpoint, 503, busy);
    }
}

static const struct route *find_route(const char *path)
{
    for (int i = 0; i < NROUTES; i++) {
        size_t n = strlen(routes[i].path);
        if (strncmp(path, routes[i].path, n) == 0 &&
            (path[n] == '\0' || (routes[i].tree && path[n] == '/')))
            return &routes[i];
    }
    return NULL;
}

void hr_health_handle(struct hr_http_req *req, void *arg)
{
    struct hr_health *h = arg;
    const char *method = hr_http_method(req);
    const struct route *route = find_route(hr_http_path(req));
    if (!route) {
        reply_not_found(h, req, HR_EP_OTHER);
    } else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        hr_http_add_header(req, "Allow", "GET, HEAD");
        reply_text(h, req, route->endpoint, 405, not_allowed);
    } else {
        answer(h, req, route);
    }
}
