/* SPDX-License-Identifier: MIT
 * What a handler reads of a request, and its answer, whole or as a stream.  See server.h. */
#include "common/log.h"
#include "internal.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdint.h>
#include <string.h>

enum {
    STREAM_BLOCK = 8 * 1024, /* bytes that libmicrohttpd takes of a stream at once */
    SMALL_ANSWER = 4 * 1024, /* bytes that do not count for the limit of answers */
};

/* ---- the request ---- */

const char *hr_http_method(const struct hr_http_req *req)
{
    return req->method;
}

const char *hr_http_path(const struct hr_http_req *req)
{
    return req->path;
}

const char *hr_http_header(const struct hr_http_req *req, const char *name)
{
    return MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name);
}

struct query {
    const char *name;
    void (*fn)(const char *value, void *arg);
    void *arg;
    int count;
};

static enum MHD_Result on_argument(void *arg, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    struct query *q = arg;
    if (strcmp(name, q->name) == 0) {
        q->count++;
        if (q->fn)
            q->fn(value ? value : "", q->arg);
    }
    return MHD_YES;
}

int hr_http_query(const struct hr_http_req *req, const char *name,
                  void (*fn)(const char *value, void *arg), void *arg)
{
    struct query q = {.name = name, .fn = fn, .arg = arg};
    (void)MHD_get_connection_values(req->connection, MHD_GET_ARGUMENT_KIND, on_argument, &q);
    return q.count;
}

bool hr_http_crowded(const struct hr_http_req *req)
{
    return req->h->crowded;
}

const char *hr_http_body(const struct hr_http_req *req, size_t *ret_len)
{
    *ret_len = req->body.len;
    return hr_buf_str(&req->body);
}

void hr_http_on_gone(struct hr_http_req *req, void (*fn)(void *arg), void *arg)
{
    req->gone = fn;
    req->gone_arg = arg;
    if (req->state == REQ_WAITING)
        hr_http_watch_soon(req->h);
}

/* ---- the answer ---- */

static void add_headers(struct MHD_Response *response, const struct hr_buf *headers)
{
    for (size_t at = 0; at < headers->len;) {
        const char *name = headers->data + at;
        const char *value = name + strlen(name) + 1;
        if (MHD_add_response_header(response, name, value) != MHD_YES)
            hr_warn("http: the answer's header %s could not be set", name);
        at += strlen(name) + 1 + strlen(value) + 1;
    }
}

static void add_all_headers(const struct hr_http_req *req, struct MHD_Response *r,
                            const char *content_type)
{
    if (content_type)
        (void)MHD_add_response_header(r, "Content-Type", content_type);
    (void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    add_headers(r, &req->headers);
}

/* It is answered, and the answer is not sent yet. */
static void owe(struct hr_http_req *req)
{
    req->late = true;
    req->h->late++;
}

void hr_http_add_header(struct hr_http_req *req, const char *name, const char *value)
{
    size_t before = req->headers.len;
    int err = hr_buf_add(&req->headers, name, strlen(name) + 1);
    if (!err)
        err = hr_buf_add(&req->headers, value, strlen(value) + 1);
    if (err) {
        req->headers.len = before;
        hr_warn("http: the answer's header %s could not be set: %s", name, strerror(-err));
    }
}

/* Many who ask for much and read nothing must not fill our memory.  False if there is no room. */
static bool take_room(struct hr_http_req *req, size_t len)
{
    struct hr_http *h = req->h;
    if (!h->answers_max || len <= SMALL_ANSWER)
        return true;
    if (h->answers && (h->answers > h->answers_max || len > h->answers_max - h->answers))
        return false; /* a single one has room always */
    req->answer = len;
    h->answers += len;
    return true;
}

void hr_http_reply(struct hr_http_req *req, unsigned status, const char *content_type,
                   const void *body, size_t len)
{
    static const char crowded[] = "busy: too many answers have not been read yet\n";
    assert(req->state == REQ_HANDLING || req->state == REQ_WAITING);
    if (!take_room(req, len)) {
        status = MHD_HTTP_SERVICE_UNAVAILABLE;
        content_type = "text/plain; charset=utf-8";
        body = crowded;
        len = sizeof(crowded) - 1;
        req->headers.len = 0; /* they are about the other body */
        hr_http_add_header(req, "Connection", "close");
    }
    req->status = status;
    /* MUST_COPY: it is not written to. */
    req->response =
        MHD_create_response_from_buffer(len, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    if (req->response)
        add_all_headers(req, req->response, content_type);
    else
        hr_warn("http: no memory for an answer of %zu bytes: closing the connection", len);
    if (req->state == REQ_HANDLING) {
        req->state = REQ_ANSWERED;
        return;
    }
    owe(req);
    hr_http_resume(req, REQ_ANSWERED);
}

/* ---- a stream ---- */

/* libmicrohttpd has room for more. */
static ssize_t on_read(void *arg, uint64_t at, char *block, size_t size)
{
    struct hr_http_req *req = arg;
    (void)at;
    if (req->state == REQ_DEAD)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = req->out.len - req->out_at;
    if (n) {
        if (n > size)
            n = size;
        memcpy(block, req->out.data + req->out_at, n);
        req->out_at += n;
        if (req->out_at == req->out.len) {
            hr_buf_free(&req->out); /* most of its life a stream is silent */
            req->out_at = 0;
        }
        return (ssize_t)n;
    }
    if (req->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (req->h->stopping)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    hr_http_suspend(req);
    return 0;
}

void hr_http_stream(struct hr_http_req *req, const char *content_type)
{
    assert(req->state == REQ_HANDLING || req->state == REQ_WAITING);
    req->streaming = true;
    req->status = MHD_HTTP_OK;
    req->response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_read, req, NULL);
    if (req->response)
        add_all_headers(req, req->response, content_type);
    else
        hr_warn("http: no memory for a stream: closing the connection");
    if (req->state == REQ_WAITING)
        hr_http_resume(req, REQ_ANSWERED);
    else
        req->state = REQ_ANSWERED;
}

size_t hr_http_stream_backlog(const struct hr_http_req *req)
{
    return req->out.len - req->out_at;
}

int hr_http_stream_add(struct hr_http_req *req, const void *data, size_t len)
{
    assert(req->streaming && !req->ended);
    int err = hr_buf_add(&req->out, data, len);
    if (!err && req->state == REQ_WAITING)
        hr_http_resume(req, REQ_STREAMING);
    return err;
}

void hr_http_stream_end(struct hr_http_req *req)
{
    assert(req->streaming && !req->ended);
    req->ended = true;
    req->gone = NULL;
    owe(req);
    if (req->state == REQ_WAITING)
        hr_http_resume(req, REQ_STREAMING);
}
