/* SPDX-License-Identifier: MIT
 * Requests to the health listener.  See health.h. */
#include "health.h"

#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char text_type[] = "text/plain; charset=utf-8";
static const char not_found[] =
    "not found: there are /startupz, /livez, /readyz, /metrics, /status, /plugins and /crashes\n";
static const char not_allowed[] = "method not allowed: use GET or HEAD\n";
static const char failed[] = "internal server error: see the sidecar's log\n";

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

/* "/readyz" and everything below it is one endpoint; the others are single paths. */
static enum hr_endpoint endpoint_of(const char *path)
{
    static const struct {
        const char *path;
        enum hr_endpoint endpoint;
        int tree;
    } known[] = {{"/startupz", HR_EP_STARTUPZ, 1}, {"/livez", HR_EP_LIVEZ, 1},
                 {"/readyz", HR_EP_READYZ, 1},     {"/metrics", HR_EP_METRICS, 0},
                 {"/status", HR_EP_STATUS, 0},     {"/plugins", HR_EP_PLUGINS, 0},
                 {"/crashes", HR_EP_CRASHES, 0}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t n = strlen(known[i].path);
        if (strncmp(path, known[i].path, n) == 0 &&
            (path[n] == '\0' || (known[i].tree && path[n] == '/')))
            return known[i].endpoint;
    }
    return HR_EP_OTHER;
}

static void add_exclude(const char *value, void *arg)
{
    struct hr_checks_query *q = arg;
    if (q->nexclude < HR_EXCLUDES_MAX)
        q->exclude[q->nexclude++] = value;
}

static void answer_checks(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint)
{
    struct hr_checks_query q = {.verbose = hr_http_query(req, "verbose", NULL, NULL) > 0};
    struct hr_buf out;
    hr_buf_init(&out, HR_METRICS_MAX);
    (void)hr_http_query(req, "exclude", add_exclude, &q);
    unsigned status = hr_checks_answer(h->checks, hr_http_path(req), &q, &out);
    if (status == 404)
        reply_text(h, req, endpoint, 404, not_found);
    else
        reply(h, req, endpoint, status, text_type, hr_buf_str(&out), out.len);
    hr_buf_free(&out);
}

static void answer_metrics(struct hr_health *h, struct hr_http_req *req)
{
    struct hr_buf out;
    hr_buf_init(&out, HR_METRICS_MAX);
    int err = hr_metrics_render(&h->metrics, &out);
    if (err) {
        hr_error("metrics: the page could not be made: %s", strerror(-err));
        reply_text(h, req, HR_EP_METRICS, 500, failed);
    } else {
        reply(h, req, HR_EP_METRICS, 200, HR_METRICS_TYPE, hr_buf_str(&out), out.len);
    }
    hr_buf_free(&out);
}

/* Of numbers of seconds: 30 years to the millisecond, and no 9.0039999999999996. */
enum { REAL_DIGITS = 12 };

/* Steals page. */
static void answer_json(struct hr_health *h, struct hr_http_req *req, enum hr_endpoint endpoint,
                        json_t *page)
{
    const size_t flags = JSON_ENSURE_ASCII | JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS);
    char *text = page ? json_dumps(page, flags) : NULL;
    if (text) {
        reply(h, req, endpoint, 200, "application/json", text, strlen(text));
    } else {
        hr_error("%s: the page could not be made: %s", hr_http_path(req), strerror(ENOMEM));
        reply_text(h, req, endpoint, 500, failed);
    }
    free(text);
    json_decref(page);
}

void hr_health_handle(struct hr_http_req *req, void *arg)
{
    struct hr_health *h = arg;
    const char *method = hr_http_method(req);
    enum hr_endpoint endpoint = endpoint_of(hr_http_path(req));
    if (endpoint == HR_EP_OTHER) {
        reply_text(h, req, endpoint, 404, not_found);
    } else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        hr_http_add_header(req, "Allow", "GET, HEAD");
        reply_text(h, req, endpoint, 405, not_allowed);
    } else if (endpoint == HR_EP_METRICS) {
        answer_metrics(h, req);
    } else if (endpoint == HR_EP_STATUS) {
        answer_json(h, req, endpoint, hr_status(h));
    } else if (endpoint == HR_EP_PLUGINS) {
        answer_json(h, req, endpoint, hr_mcp_plugins(h->mcp));
    } else if (endpoint == HR_EP_CRASHES) {
        answer_json(h, req, endpoint, hr_crashes(h));
    } else {
        answer_checks(h, req, endpoint);
    }
}
