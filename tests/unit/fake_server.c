/* SPDX-License-Identifier: MIT
 * See fake_server.h. */
#include "fake_server.h"

#include "check.h"
#include "common/fd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const struct hr_http_limits limits = {.body_max = (size_t)512 * 1024,
                                             .connections = 64,
                                             .connections_per_ip = 64,
                                             .idle_timeout_s = 60};

static void answer(struct hr_http_req *req, int status, const char *body)
{
    if (status == FAKE_SILENT)
        return; /* freed with the listener */
    hr_http_reply(req, (unsigned)status, "application/json", body, strlen(body));
}

static const char *or_none(const char *s)
{
    return s ? s : "-";
}

static void record(struct fake_server *s, const struct hr_http_req *req)
{
    size_t len = 0;
    const char *body = hr_http_body(req, &len);
    const char *key = hr_http_header(req, "X-Init-API-Key");
    if (!key)
        key = hr_http_header(req, "X-Session-API-Key");
    assert_int_equal(hr_buf_addf(&s->seen, "%s %s [%s] {%s} ", hr_http_method(req),
                                 hr_http_path(req), or_none(key),
                                 or_none(hr_http_header(req, "Content-Type"))),
                     0);
    assert_int_equal(hr_buf_add(&s->seen, body, len), 0);
    assert_int_equal(hr_buf_addc(&s->seen, '\n'), 0);
}

/* The next of a list of statuses. */
static int next(const int *list, int *at, int otherwise)
{
    int n = (*at)++;
    return n < FAKE_ANSWERS && list[n] ? list[n] : otherwise;
}

static void handle(struct hr_http_req *req, void *arg)
{
    struct fake_server *s = arg;
    char state[100];
    const char *path = hr_http_path(req);
    bool get = strcmp(hr_http_method(req), "GET") == 0;
    if (strcmp(path, "/ready") == 0) {
        answer(req, s->ready, "{}");
        return;
    }
    if (strcmp(path, "/alive") == 0) {
        answer(req, 200, "{}");
        return;
    }
    if (strcmp(path, "/server_info") == 0) {
        s->ninfo++;
        answer(req, s->info ? 200 : 404, or_none(s->info));
        return;
    }
    if (strcmp(path, "/api/conversations/count") == 0) {
        const char *key = hr_http_header(req, "X-Session-API-Key");
        bool known = !s->key || (key && strcmp(key, s->key) == 0);
        s->ncount++;
        answer(req, !known ? 401 : s->count ? 200 : 404, or_none(s->count));
        return;
    }
    record(s, req);
    if (strcmp(path, "/api/init") == 0 && get) {
        (void)snprintf(state, sizeof(state), "{\"state\":\"%s\",\"error\":null}", s->state);
        answer(req, s->state ? 200 : 404, state);
    } else if (strcmp(path, "/api/init") == 0) {
        int status = next(s->init, &s->ninit, 200);
        if (status == FAKE_LAST_401) {
            (void)shutdown(s->listen_fd, SHUT_RD);
            status = 401;
        }
        answer(req, status,
               status == 200 ? "{\"state\":\"ready\",\"error\":null}" : or_none(s->init_text));
    } else if (strcmp(path, "/api/conversations/prepare-for-sandbox-pause") == 0) {
        answer(req, next(s->pause, &s->npause, 204), "");
    } else {
        answer(req, 404, "{}");
    }
}

int fake_server_return(struct fake_server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)s->port)};
    socklen_t len = sizeof(a);
    int on = 1;
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(s->listen_fd, 64), 0);
    assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    return hr_http_new(s->loop, s->listen_fd, &limits, NULL, handle, s, &s->http);
}

int fake_server_open(struct fake_server *s, struct ev_loop *loop)
{
    *s = (struct fake_server){.loop = loop, .ready = 200, .state = "dormant"};
    hr_buf_init(&s->seen, (size_t)1024 * 1024);
    return fake_server_return(s);
}

void fake_server_die(struct fake_server *s)
{
    hr_http_free(s->http);
    s->http = NULL;
    hr_close(&s->listen_fd);
}

void fake_server_close(struct fake_server *s)
{
    fake_server_die(s);
    hr_buf_free(&s->seen);
}
