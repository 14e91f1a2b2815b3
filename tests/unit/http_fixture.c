/* SPDX-License-Identifier: MIT
 * See http_fixture.h. */
#include "http_fixture.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXPECT_MS = 5000, SLICE_MS = 5, INPUT_MAX = 1024 * 1024 };

const struct hr_http_limits fixture_limits = {
    .body_max = 1000, .connections = 64, .connections_per_ip = 64, .idle_timeout_s = 5};

static void on_peer_gone(void *arg)
{
    struct hr_http_req **slot = arg;
    *slot = NULL;
}

static void on_gone_counted(void *arg)
{
    struct fixture *f = arg;
    f->gone++;
    for (int i = 0; i < f->nkept; i++)
        f->kept[i] = NULL;
}

/* /later and /later/one are answered by the test; /unwatched too, without a "gone" call; /later/now
 * is a stream already. */
static void handle(struct hr_http_req *req, void *arg)
{
    struct fixture *f = arg;
    size_t len = 0;
    const char *body = hr_http_body(req, &len);
    const char *path = hr_http_path(req);
    assert_int_equal(strlen(body), len);
    assert_int_equal(hr_buf_addf(&f->seen, "%s %s %s\n", hr_http_method(req), path, body), 0);
    if (strncmp(path, "/later", 6) == 0 || strcmp(path, "/unwatched") == 0) {
        assert_true(f->nkept < 8);
        f->kept[f->nkept] = req;
        if (strcmp(path, "/later") == 0)
            hr_http_on_gone(req, on_gone_counted, f);
        else if (path[1] == 'l')
            hr_http_on_gone(req, on_peer_gone, &f->kept[f->nkept]);
        f->nkept++;
        if (strcmp(path, "/later/now") == 0)
            hr_http_stream(req, "text/plain");
    } else if (strcmp(path, "/missing") == 0) {
        hr_http_reply(req, 404, "text/plain", "nothing here\n", 13);
    } else {
        hr_http_add_header(req, "X-Test", "yes");
        hr_http_reply(req, 200, "text/plain", "hello\n", 6);
    }
}

/* Before the body is there.  /stranger is refused. */
static void on_head(struct hr_http_req *req, void *arg)
{
    size_t len = 0;
    (void)arg;
    assert_string_equal(hr_http_body(req, &len), "");
    if (strcmp(hr_http_path(req), "/stranger") == 0)
        hr_http_reply(req, 401, "text/plain", "who are you?\n", 13);
}

static int listener(int *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t len = sizeof(a);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1024), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

int fixture_open(struct fixture *f, const struct hr_http_limits *limits)
{
    *f = (struct fixture){.listen_fd = -1};
    f->loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    f->listen_fd = listener(&f->port);
    hr_buf_init(&f->seen, INPUT_MAX);
    return fixture_serve(f, limits);
}

int fixture_serve(struct fixture *f, const struct hr_http_limits *limits)
{
    return hr_http_new(f->loop, f->listen_fd, limits, on_head, handle, f, &f->http);
}

int fixture_reopen(struct fixture *f, const struct hr_http_limits *limits)
{
    fixture_close(f);
    return fixture_open(f, limits);
}

void fixture_close(struct fixture *f)
{
    hr_http_free(f->http);
    hr_close(&f->listen_fd);
    hr_buf_free(&f->seen);
    ev_loop_destroy(f->loop);
}

int client_open(const struct fixture *f, int host)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (unsigned)host)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)f->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

void client_send(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void on_time_up(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)w;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

void pump(struct ev_loop *loop, int ms)
{
    ev_timer t;
    ev_now_update(loop);
    ev_timer_init(&t, on_time_up, ms / 1000., 0.);
    ev_timer_start(loop, &t);
    ev_run(loop, 0);
    ev_timer_stop(loop, &t);
}

bool pump_readable(struct ev_loop *loop, int fd, int ms)
{
    int64_t end = hr_now_ms() + ms;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 0) == 0) {
        if (hr_now_ms() >= end)
            return false;
        pump(loop, SLICE_MS);
    }
    return true;
}

/* What can be read now; false once the peer has closed. */
static bool take(int fd, struct hr_buf *in)
{
    char data[4096];
    ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
    if (n > 0)
        assert_int_equal(hr_buf_add(in, data, (size_t)n), 0);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

bool client_expect(const struct fixture *f, int fd, struct hr_buf *in, const char *text)
{
    int64_t end = hr_now_ms() + EXPECT_MS;
    while (!strstr(hr_buf_str(in), text)) {
        if (hr_now_ms() > end || !pump_readable(f->loop, fd, EXPECT_MS) || !take(fd, in))
            return strstr(hr_buf_str(in), text) != NULL;
    }
    return true;
}

bool client_closed(const struct fixture *f, int fd, int ms)
{
    int64_t end = hr_now_ms() + ms;
    struct hr_buf in;
    bool open = true;
    hr_buf_init(&in, INPUT_MAX);
    while (open && hr_now_ms() < end)
        if (pump_readable(f->loop, fd, (int)(end - hr_now_ms())))
            open = take(fd, &in);
    hr_buf_free(&in);
    return !open;
}
