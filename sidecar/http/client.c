/* SPDX-License-Identifier: MIT
 * HTTP requests on libcurl and libev.  See client.h.
 *
 * libcurl says which sockets it waits for and when its next timeout is; the loop tells it when
 * either happens.  Only from there are requests completed. */
#include "client.h"

#include "common/buf.h"
#include "common/log.h"
#include "wiping.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    BODY_MAX = 256 * 1024, /* bytes of an answer */
};

struct hr_client {
    struct ev_loop *loop;
    CURLM *multi;
    ev_timer timer;
    struct hr_client_req *running;
};

struct hr_client_req {
    struct hr_client *client;
    CURL *easy;
    struct hr_client_req *prev;
    struct hr_client_req *next;
    struct curl_slist *headers;
    struct hr_buf body;
    bool secret; /* a POST: what was sent, and the answer, which may repeat it, are wiped */
    int own_err; /* what it has failed by on our side: no socket, a body that was not taken */
    hr_client_done *done;
    void *arg;
};

/* One socket libcurl waits for; made and freed in on_socket(). */
struct watch {
    ev_io io;
    struct hr_client *client;
};

/* Take the answer out of memory.  That of a POST lies where it was put first: see start_post(). */
static void drop_body(struct hr_buf *body, bool secret)
{
    if (secret && body->data)
        explicit_bzero(body->data, body->len);
    hr_buf_free(body);
}

static void req_free(struct hr_client_req *req)
{
    struct hr_client *c = req->client;
    if (req->prev)
        req->prev->next = req->next;
    else
        c->running = req->next;
    if (req->next)
        req->next->prev = req->prev;
    (void)curl_multi_remove_handle(c->multi, req->easy);
    curl_easy_cleanup(req->easy);
    curl_slist_free_all(req->headers);
    drop_body(&req->body, req->secret);
    free(req);
}

static int connect_error(CURL *easy)
{
    long err = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &err);
    return err > 0 ? (int)-err : -ECONNREFUSED;
}

static int result_of(const struct hr_client_req *req, CURLcode code)
{
    long status = 0;
    if (req->own_err)
        return req->own_err;
    switch (code) {
    case CURLE_OK:
        (void)curl_easy_getinfo(req->easy, CURLINFO_RESPONSE_CODE, &status);
        return status >= 100 && status <= 999 ? (int)status : -EPROTO;
    case CURLE_COULDNT_CONNECT: return connect_error(req->easy);
    case CURLE_OPERATION_TIMEDOUT: return -ETIMEDOUT;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE: return -ECONNRESET;
    case CURLE_OUT_OF_MEMORY: return -ENOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_HOST: return -EINVAL;
    default: return -EPROTO;
    }
}

static void finish(struct hr_client_req *req, CURLcode code)
{
    int status = result_of(req, code);
    hr_client_done *done = req->done;
    void *arg = req->arg;
    struct hr_buf body = req->body;
    bool secret = req->secret;
    hr_buf_init(&req->body, 0); /* the answer outlives the request, which is over for everyone */
    req_free(req);
    done(status, hr_buf_str(&body), status > 0 ? body.len : 0, arg);
    drop_body(&body, secret);
}

static void act(struct hr_client *c, curl_socket_t fd, int mask)
{
    int running = 0;
    int left = 0;
    CURLMsg *msg = NULL;
    (void)curl_multi_socket_action(c->multi, fd, mask, &running);
    while ((msg = curl_multi_info_read(c->multi, &left))) {
        void *req = NULL;
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode code = msg->data.result;
        if (curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &req) == CURLE_OK && req)
            finish(req, code);
    }
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    act(w->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    struct watch *watch = w->data;
    int mask =
        (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
    act(watch->client, w->fd, mask); /* watch may be gone now */
}

static int on_timeout_change(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct hr_client *c = arg;
    ev_timer_stop(c->loop, &c->timer);
    if (ms >= 0) {
        ev_timer_set(&c->timer, (double)ms / 1000, 0.);
        ev_timer_start(c->loop, &c->timer);
    }
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    (void)easy;
    struct hr_client *c = arg;
    struct watch *watch = socket_arg;
    if (watch)
        ev_io_stop(c->loop, &watch->io);
    if (what == CURL_POLL_REMOVE) {
        (void)curl_multi_assign(c->multi, fd, NULL);
        free(watch);
        return 0;
    }
    if (!watch) {
        watch = calloc(1, sizeof(*watch));
        if (!watch)
            return -1;
        watch->client = c;
        (void)curl_multi_assign(c->multi, fd, watch);
    }
    int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);
    ev_io_init(&watch->io, on_io, fd, events);
    watch->io.data = watch;
    ev_io_start(c->loop, &watch->io);
    return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct hr_client_req *req = arg;
    req->own_err = hr_buf_add(&req->body, data, size * n);
    return req->own_err ? 0 : n; /* size is 1 */
}

int hr_client_url(char *out, size_t size, const char *host, int port, const char *path)
{
    const char *open = strchr(host, ':') ? "[" : "";
    const char *close = *open ? "]" : "";
    int n = snprintf(out, size, "http://%s%s%s:%d%s", open, host, close, port, path);
    return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int hr_client_new(struct ev_loop *loop, struct hr_client **ret)
{
    if (curl_global_init_mem(CURL_GLOBAL_NOTHING, hr_wiping_malloc, hr_wiping_free,
                             hr_wiping_realloc, hr_wiping_strdup, hr_wiping_calloc))
        return -ENOMEM;
    struct hr_client *c = calloc(1, sizeof(*c));
    CURLM *multi = curl_multi_init();
    if (!c || !multi) {
        (void)curl_multi_cleanup(multi);
        free(c);
        curl_global_cleanup();
        return -ENOMEM;
    }
    c->loop = loop;
    c->multi = multi;
    ev_timer_init(&c->timer, on_timer, 0., 0.);
    c->timer.data = c;
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, c);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, c);
    *ret = c;
    return 0;
}

void hr_client_free(struct hr_client *c)
{
    if (!c)
        return;
    for (struct hr_client_req *req = c->running, *next = NULL; req; req = next) {
        next = req->next;
        req_free(req);
    }
    (void)curl_multi_cleanup(c->multi);
    ev_timer_stop(c->loop, &c->timer);
    free(c);
    curl_global_cleanup();
}

enum {
    SOURCE_FIRST = 61000,
    SOURCE_OTHER = 28000, /* for a server whose own port is among the former */
};

int hr_source_port_first(int port)
{
    bool ours = port >= SOURCE_FIRST && port < SOURCE_FIRST + HR_SOURCE_PORTS;
    return ours ? SOURCE_OTHER : SOURCE_FIRST;
}

/* The port of "http://HOST:PORT/...". */
static int port_of(const char *url)
{
    const char *path = strchr(url + strlen("http://"), '/');
    const char *end = path ? path : url + strlen(url);
    int port = 0;
    for (int digit = 1; end > url && isdigit((unsigned char)end[-1]) && digit < 100000; digit *= 10)
        port += digit * (*--end - '0');
    return port;
}

/* libcurl takes every failure here for a refused connection. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    static const struct linger none = {.l_onoff = 1, .l_linger = 0};
    struct hr_client_req *req = arg;
    (void)purpose;
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    if (fd < 0)
        req->own_err = -errno;
    else
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    return fd;
}

static CURLcode only_http(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTP);
#endif
}

/* Every option matters: one that is refused means a request we did not want. */
static int set_up(struct hr_client_req *req, const char *url, unsigned timeout_ms)
{
    CURL *e = req->easy;
    bool bad = only_http(e);
    bad |= curl_easy_setopt(e, CURLOPT_URL, url) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, req) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, req) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, req) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_LOCALPORT, (long)hr_source_port_first(port_of(url))) !=
           CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_LOCALPORTRANGE, (long)HR_SOURCE_PORTS) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, "handrail/" HR_VERSION) != CURLE_OK;
    /* A libcurl built without proxies does not know the option, and needs no telling: "" is to
     * keep http_proxy in the image's environment from taking the probes elsewhere. */
    CURLcode proxy = curl_easy_setopt(e, CURLOPT_PROXY, "");
    bad |= proxy != CURLE_OK && proxy != CURLE_UNKNOWN_OPTION;
    return bad ? -EINVAL : 0;
}

/* A request that is not running yet.  0 or -errno. */
static int req_new(struct hr_client *c, const char *url, unsigned timeout_ms, hr_client_done *done,
                   void *arg, struct hr_client_req **ret)
{
    struct hr_client_req *req = calloc(1, sizeof(*req));
    CURL *easy = curl_easy_init();
    int err = -ENOMEM;
    if (!req || !easy)
        goto fail;
    req->client = c;
    req->easy = easy;
    req->done = done;
    req->arg = arg;
    hr_buf_init(&req->body, BODY_MAX);
    err = set_up(req, url, timeout_ms);
    if (err)
        goto fail;
    *ret = req;
    return 0;
fail:
    curl_easy_cleanup(easy);
    free(req);
    return err;
}

/* Steals req.  0 or -ENOMEM. */
static int req_start(struct hr_client_req *req, struct hr_client_req **ret_req)
{
    struct hr_client *c = req->client;
    bool added = curl_multi_add_handle(c->multi, req->easy) == CURLM_OK;
    req->next = c->running;
    if (c->running)
        c->running->prev = req;
    c->running = req;
    if (!added) {
        req_free(req);
        return -ENOMEM;
    }
    if (ret_req)
        *ret_req = req;
    return 0;
}

/* libcurl sends a header as it is given: a line break in a key would begin another one. */
static bool is_header(const char *line)
{
    for (const char *p = line; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return false;
    return strchr(line, ':') != NULL;
}

static int add_header(struct hr_client_req *req, const char *line)
{
    struct curl_slist *longer = curl_slist_append(req->headers, line);
    if (!longer)
        return -ENOMEM;
    req->headers = longer;
    return 0;
}

static int add_headers(struct hr_client_req *req, const char *const headers[])
{
    static const char type[] = "Content-Type:";
    bool typed = false;
    int err = add_header(req, "Expect:"); /* the body is small: do not ask before sending it */
    for (int i = 0; !err && headers[i]; i++) {
        typed = typed || strncasecmp(headers[i], type, sizeof(type) - 1) == 0;
        err = is_header(headers[i]) ? add_header(req, headers[i]) : -EINVAL;
    }
    return !err && !typed ? add_header(req, type) : err; /* or libcurl names one of a form */
}

/* A request that has not been started. */
static void req_drop(struct hr_client_req *req)
{
    curl_easy_cleanup(req->easy);
    curl_slist_free_all(req->headers);
    drop_body(&req->body, req->secret);
    free(req);
}

int hr_client_get(struct hr_client *c, const char *url, unsigned timeout_ms, hr_client_done *done,
                  void *arg, struct hr_client_req **ret_req)
{
    return hr_client_get_with(c, url, NULL, timeout_ms, done, arg, ret_req);
}

int hr_client_get_with(struct hr_client *c, const char *url, const char *const headers[],
                       unsigned timeout_ms, hr_client_done *done, void *arg,
                       struct hr_client_req **ret_req)
{
    struct hr_client_req *req = NULL;
    int err = req_new(c, url, timeout_ms, done, arg, &req);
    if (err)
        return err;
    for (int i = 0; !err && headers && headers[i]; i++)
        err = is_header(headers[i]) ? add_header(req, headers[i]) : -EINVAL;
    if (!err && req->headers &&
        curl_easy_setopt(req->easy, CURLOPT_HTTPHEADER, req->headers) != CURLE_OK)
        err = -EINVAL;
    if (!err)
        return req_start(req, ret_req);
    req_drop(req);
    return err;
}

/* What makes it a POST.  The answer gets all the room it can ever take at once, so that it never
 * moves and leaves a copy behind; what is not used of it costs nothing. */
static int make_post(struct hr_client_req *req, const char *const headers[], const char *body,
                     size_t len)
{
    CURL *e = req->easy;
    req->secret = true;
    int err = add_headers(req, headers);
    if (!err)
        err = hr_buf_reserve(&req->body, BODY_MAX);
    if (err)
        return err;
    bool bad = curl_easy_setopt(e, CURLOPT_POST, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDS, len ? body : "") != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, req->headers) != CURLE_OK;
    return bad ? -EINVAL : 0;
}

int hr_client_post(struct hr_client *c, const char *url, const char *const headers[],
                   const char *body, size_t len, unsigned timeout_ms, hr_client_done *done,
                   void *arg, struct hr_client_req **ret_req)
{
    struct hr_client_req *req = NULL;
    int err = req_new(c, url, timeout_ms, done, arg, &req);
    if (err)
        return err;
    err = make_post(req, headers, body, len);
    if (!err)
        return req_start(req, ret_req);
    req_drop(req);
    return err;
}

void hr_client_cancel(struct hr_client_req *req)
{
    req_free(req);
}
