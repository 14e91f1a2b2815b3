/* SPDX-License-Identifier: MIT
 * POST requests of the HTTP client: what is on the wire, and what is in memory afterwards. */
#include "sidecar/http/client.h"

#include "check.h"
#include "client_fixture.h"
#include "common/clock.h"
#include "common/fd.h"
#include "http_fixture.h"
#include "sanitizer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WIRE_MAX = 512 * 1024 };

/* A peer that takes one connection and keeps what it reads, in memory that no search of ours sees.
 */
struct peer {
    const struct fixture *f;
    int listen_fd;
    int fd;
    int port;
    char *wire; /* NUL-terminated */
    size_t len;
};

static void peer_open(struct peer *p, const struct fixture *f)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof(at);
    *p = (struct peer){.f = f, .fd = -1};
    p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(p->listen_fd, 1), 0);
    assert_int_equal(getsockname(p->listen_fd, (struct sockaddr *)&at, &at_len), 0);
    p->port = ntohs(at.sin_port);
    p->wire = mmap(NULL, WIRE_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(p->wire != MAP_FAILED);
}

static void peer_close(struct peer *p)
{
    hr_close(&p->fd);
    hr_close(&p->listen_fd);
    (void)munmap(p->wire, WIRE_MAX);
}

/* Until `body` bytes have come after the head. */
static void peer_read(struct peer *p, size_t body)
{
    const char *end = NULL;
    assert_true(pump_readable(p->f->loop, p->listen_fd, 1000));
    p->fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (!(end = strstr(p->wire, "\r\n\r\n")) || p->len < (size_t)(end - p->wire) + 4 + body) {
        assert_true(pump_readable(p->f->loop, p->fd, 1000));
        ssize_t n = read(p->fd, p->wire + p->len, WIRE_MAX - 1 - p->len);
        assert_true(n > 0);
        p->len += (size_t)n;
    }
}

static void peer_answer(const struct peer *p, const char *head, const char *body)
{
    assert_int_equal(send(p->fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
    assert_int_equal(send(p->fd, body, strlen(body), MSG_NOSIGNAL), strlen(body));
}

static int post(int port, const char *const *headers, const char *body, size_t len,
                unsigned timeout_ms, struct answer *a, struct hr_client_req **ret_req)
{
    char url[100];
    *a = (struct answer){.status = 0};
    assert_int_equal(hr_client_url(url, sizeof(url), "127.0.0.1", port, "/api"), 0);
    return hr_client_post(client, url, headers, body, len, timeout_ms, on_done, a, ret_req);
}

static void a_post_is_what_it_was_asked_to_be(void **state)
{
    static const char *const headers[] = {"X-Key: s e;cret", "content-type: application/json",
                                          NULL};
    struct fixture *f = *state;
    struct answer a;
    struct peer p;
    peer_open(&p, f);
    assert_int_equal(post(p.port, headers, "{\"a\":1}", 7, 1000, &a, NULL), 0);
    assert_int_equal(a.calls, 0);
    peer_read(&p, 7);
    assert_memory_equal(p.wire, "POST /api HTTP/1.1\r\n", 20);
    assert_non_null(strstr(p.wire, "\r\nX-Key: s e;cret\r\n"));
    assert_non_null(strstr(p.wire, "\r\ncontent-type: application/json\r\n"));
    assert_null(strstr(p.wire, "form-urlencoded"));
    assert_null(strstr(p.wire, "Expect"));
    assert_non_null(strstr(p.wire, "\r\nContent-Length: 7\r\n"));
    assert_string_equal(strstr(p.wire, "\r\n\r\n"), "\r\n\r\n{\"a\":1}");
    peer_answer(&p, "HTTP/1.1 422 No\r\nContent-Length: 3\r\n\r\n", "no!");
    wait_for(f, &a);
    assert_int_equal(a.status, 422);
    assert_string_equal(a.body, "no!");
    peer_close(&p);
}

static void a_post_without_a_body_has_none(void **state)
{
    static const char *const none[] = {NULL};
    struct fixture *f = *state;
    struct answer a;
    struct peer p;
    peer_open(&p, f);
    assert_int_equal(post(p.port, none, NULL, 0, 1000, &a, NULL), 0);
    peer_read(&p, 0);
    assert_non_null(strstr(p.wire, "\r\nContent-Length: 0\r\n"));
    assert_null(strcasestr(p.wire, "content-type"));
    assert_string_equal(strstr(p.wire, "\r\n\r\n"), "\r\n\r\n");
    peer_answer(&p, "HTTP/1.1 204 No Content\r\n\r\n", "");
    wait_for(f, &a);
    assert_int_equal(a.status, 204);
    assert_int_equal(a.len, 0);
    peer_close(&p);
}

static void headers_that_would_be_two_are_refused(void **state)
{
    static const char *const bad[] = {"X-Key: a\r\nX-Other: b", "X-Key: a\n", "X-Key: \x7f",
                                      "X-Key a", ""};
    struct fixture *f = *state;
    struct answer a;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *const headers[] = {"X-Fine: yes", bad[i], NULL};
        assert_int_equal(post(f->port, headers, "x", 1, 500, &a, NULL), -EINVAL);
    }
    pump(f->loop, 30);
    assert_int_equal(a.calls, 0);
    assert_int_equal(f->seen.len, 0);
}

static void a_post_fails_as_a_get_does(void **state)
{
    static const char *const none[] = {NULL};
    struct fixture *f = *state;
    struct hr_client_req *req = NULL;
    struct answer a;
    struct peer p;
    char *big = calloc(1, 8 * WIRE_MAX);
    assert_non_null(big);
    assert_int_equal(post(1, none, "x", 1, 500, &a, NULL), 0);
    wait_for(f, &a);
    assert_int_equal(a.status, -ECONNREFUSED);
    peer_open(&p, f); /* which does not read, so most of it is still to be sent */
    assert_int_equal(post(p.port, none, big, 8 * WIRE_MAX, 100, &a, NULL), 0);
    wait_for(f, &a);
    assert_int_equal(a.status, -ETIMEDOUT);
    assert_int_equal(post(p.port, none, big, 8 * WIRE_MAX, 100, &a, &req), 0);
    pump(f->loop, 30);
    hr_client_cancel(req);
    free(big); /* borrowed until then, and no longer */
    pump(f->loop, 150);
    assert_int_equal(a.calls, 0);
    peer_close(&p);
}

#if HR_SANITIZER
static void a_post_leaves_no_secret_behind(void **state)
{
    (void)state;
    skip(); /* the sanitizers' own memory is too large to search */
}
#else

enum { SECRET_LEN = 40 };

/* It is in memory only where we put it: what we search for is kept in another form. */
static void make_secret(char *out, char seed)
{
    for (int i = 0; i < SECRET_LEN; i++)
        out[i] = (char)('A' + (seed * 7 + i * 11) % 26);
}

static bool is_secret(const char *p, char seed)
{
    for (int i = 0; i < SECRET_LEN; i++)
        if (p[i] != (char)('A' + (seed * 7 + i * 11) % 26))
            return false;
    return true;
}

/* How often it is in our private writable memory, heap and stack. */
static int copies(char seed)
{
    char *line = NULL;
    size_t size = 0;
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_non_null(maps);
    while (getline(&line, &size, maps) > 0) {
        char *rest = NULL;
        unsigned long from = strtoul(line, &rest, 16);
        unsigned long to = strtoul(rest + 1, &rest, 16);
        if (strncmp(rest, " rw-p", 5) != 0)
            continue;
        char *copy =
            mmap(NULL, to - from, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(copy != MAP_FAILED);
        ssize_t n = pread(mem, copy, to - from, (off_t)from);
        for (ssize_t i = 0; i + SECRET_LEN <= n; i++)
            found += is_secret(copy + i, seed);
        (void)munmap(copy, to - from);
    }
    free(line);
    (void)fclose(maps);
    hr_close(&mem);
    return found;
}

static void a_post_leaves_no_secret_behind(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        char header[SECRET_LEN + 16] = "X-Key: ";
        char body[3 * SECRET_LEN] = "";
        const char *const headers[] = {header, NULL};
        struct hr_client_req *req = NULL;
        struct peer p;
        make_secret(header + strlen(header), 1);
        make_secret(body, 2);
        make_secret(body + SECRET_LEN, 2);
        peer_open(&p, f);
        assert_int_equal(post(p.port, headers, body, strlen(body), 1000, &a, &req), 0);
        explicit_bzero(header, sizeof(header));
        assert_int_equal(copies(1), 1); /* so the search finds it */
        assert_int_equal(copies(2), 2);
        peer_read(&p, 2 * (size_t)SECRET_LEN);
        if (cancelled) {
            hr_client_cancel(req);
        } else { /* an answer that quotes the body */
            peer_answer(&p, "HTTP/1.1 422 No\r\nContent-Length: 80\r\n\r\n",
                        strstr(p.wire, "\r\n\r\n") + 4);
            wait_for(f, &a);
            assert_int_equal(a.len, 2 * SECRET_LEN);
            assert_true(is_secret(a.body, 2));
        }
        explicit_bzero(&a, sizeof(a));
        explicit_bzero(body, sizeof(body));
        assert_int_equal(copies(1), 0);
        assert_int_equal(copies(2), 0);
        peer_close(&p);
    }
}
#endif

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_post_is_what_it_was_asked_to_be),     T(a_post_without_a_body_has_none),
        T(headers_that_would_be_two_are_refused), T(a_post_fails_as_a_get_does),
        T(a_post_leaves_no_secret_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
