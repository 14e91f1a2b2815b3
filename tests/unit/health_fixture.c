/* SPDX-License-Identifier: MIT
 * See health_fixture.h. */
#include "health_fixture.h"

#include "common/clock.h"
#include "common/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static const struct hr_http_limits limits = {
    .body_max = 4096, .connections = 64, .connections_per_ip = 64, .idle_timeout_s = 5};

static void must(int true_, const char *what)
{
    if (true_)
        return;
    (void)fprintf(stderr, "health_fixture: %s: %s\n", what, strerror(errno));
    abort();
}
#define MUST(true_) must((true_), #true_)

static void fill_board(struct health_fixture *f)
{
    struct hr_board_head head = {
        .supervisor_pid = getppid(), .nservices = 1, .started_ms = hr_now_ms()};
    struct hr_board_service server = {.name = "server",
                                      .state = HR_UP,
                                      .pid = getpid(),
                                      .starts = 1,
                                      .started_ms = hr_now_ms(),
                                      .last_status = -1};
    MUST(hr_board_create(&f->board, &f->board_fd) == 0);
    hr_board_put_service(f->board, 0, &server);
    hr_board_put_head(f->board, &head);
}

static void serve(struct hr_http_req *req, void *arg)
{
    const struct health_fixture *f = arg;
    hr_http_reply(req, f->server_status, "text/plain", "x", 1);
}

static void make_server(struct health_fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    f->server_status = 200;
    f->server_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(bind(f->server_fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    MUST(listen(f->server_fd, 16) == 0);
    MUST(getsockname(f->server_fd, (struct sockaddr *)&a, &len) == 0);
    f->server_port = ntohs(a.sin_port);
    MUST(hr_http_new(f->loop, f->server_fd, &limits, NULL, serve, f, &f->server) == 0);
}

static void on_ready(uint32_t starts, void *arg)
{
    (void)starts;
    (void)arg;
}

static void notify(const char *line, void *arg)
{
    (void)line;
    (void)arg;
}

static int ready_ok(char *reason, size_t size, void *arg)
{
    (void)reason;
    (void)size;
    (void)arg;
    return 0;
}

static void make_parts(struct health_fixture *f)
{
    json_t *settings =
        json_pack("{s:{s:s}, s:s, s:[]}", "mcp", "token", "t", "ipc_key",
                  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "plugins");
    struct hr_checks_config cfg = {.loop = f->loop,
                                   .board = f->board,
                                   .host = "127.0.0.1",
                                   .port = f->server_port,
                                   .on_ready = on_ready};
    MUST(hr_client_new(f->loop, &f->client) == 0);
    cfg.client = f->client;
    MUST(hr_mcp_new(f->loop, settings, f->board, &f->mcp) == 0);
    json_decref(settings);
    MUST(hr_checks_new(&cfg, &f->health.checks) == 0);
    const struct hr_pool_config pool = {.loop = f->loop,
                                        .board = f->board,
                                        .client = f->client,
                                        .host = "127.0.0.1",
                                        .port = f->server_port,
                                        .notify = notify,
                                        .ready_ok = ready_ok};
    MUST(hr_pool_new(&pool, &f->health.pool) == 0);
    f->health.loop = f->loop;
    f->health.board = f->board;
    f->health.mcp = f->mcp;
    f->health.agent_host = "127.0.0.1";
    f->health.agent_port = f->server_port;
    /* Without a /proc and a cgroup: what is in them is other tests' business. */
    const struct hr_resources_config resources = {
        .loop = f->loop, .board = f->board, .root = "/nonexistent"};
    MUST(hr_resources_new(&resources, &f->health.resources) == 0);
    f->board_source.board = f->board;
    hr_metrics_add(&f->health.metrics, hr_metrics_collect_board, &f->board_source);
    hr_metrics_add(&f->health.metrics, hr_checks_collect, f->health.checks);
    hr_metrics_add(&f->health.metrics, hr_metrics_collect_requests, &f->health.requests);
}

void health_fixture_open(struct health_fixture *f)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX}; /* the kernel chooses an abstract name */
    *f = (struct health_fixture){.board_fd = -1, .listen_fd = -1, .server_fd = -1};
    f->loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    fill_board(f);
    make_server(f);
    make_parts(f);
    f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(bind(f->listen_fd, (struct sockaddr *)&any, sizeof(any.sun_family)) == 0);
    MUST(listen(f->listen_fd, 16) == 0);
    MUST(hr_http_new(f->loop, f->listen_fd, &limits, NULL, hr_health_handle, &f->health,
                     &f->http) == 0);
}

void health_fixture_close(struct health_fixture *f)
{
    hr_http_free(f->http);
    hr_http_free(f->server);
    hr_pool_free(f->health.pool);
    hr_checks_free(f->health.checks);
    hr_resources_free(f->health.resources);
    hr_mcp_free(f->mcp);
    hr_client_free(f->client);
    hr_board_unmap(f->board);
    hr_close(&f->board_fd);
    hr_close(&f->listen_fd);
    hr_close(&f->server_fd);
    ev_loop_destroy(f->loop);
}

static int join(const struct health_fixture *f)
{
    struct sockaddr_un sa;
    socklen_t len = sizeof(sa);
    MUST(getsockname(f->listen_fd, (struct sockaddr *)&sa, &len) == 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    MUST(connect(fd, (struct sockaddr *)&sa, len) == 0);
    return fd;
}

/* Read what is there.  False once the other side has ended. */
static int take(int fd, struct hr_buf *out)
{
    char data[16 * 1024];
    ssize_t n = recv(fd, data, sizeof(data), 0);
    if (n > 0)
        MUST(hr_buf_add(out, data, (size_t)n) == 0);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

void health_fixture_say(struct health_fixture *f, const void *data, size_t n, struct hr_buf *out)
{
    const char *at = data;
    int fd = join(f);
    int64_t end = hr_now_ms() + PATIENCE_MS;
    int open = 1;
    while (open) {
        ssize_t sent = n ? send(fd, at, n, MSG_NOSIGNAL) : 0;
        if (sent > 0) {
            at += sent;
            n -= (size_t)sent;
        } else if (sent < 0 && errno != EAGAIN) {
            n = 0; /* refused half-way: read why */
        }
        if (!n)
            (void)shutdown(fd, SHUT_WR);
        (void)ev_run(f->loop, EVRUN_NOWAIT);
        open = take(fd, out);
        MUST(hr_now_ms() < end);
    }
    hr_close(&fd);
}

void health_fixture_measure(struct health_fixture *f, unsigned status)
{
    static const struct hr_checks_query all = {.verbose = false};
    int64_t end = hr_now_ms() + PATIENCE_MS;
    unsigned got = 0;
    hr_checks_start(f->health.checks);
    while (got != status) {
        struct hr_buf out;
        hr_buf_init(&out, 65536);
        (void)ev_run(f->loop, EVRUN_ONCE);
        got = hr_checks_answer(f->health.checks, "/healthz", &all, &out);
        hr_buf_free(&out);
        MUST(hr_now_ms() < end);
    }
}
