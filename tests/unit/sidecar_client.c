/* SPDX-License-Identifier: MIT
 * The HTTP client in one loop with our own listener, and with sockets that misbehave. */
#include "sidecar/http/client.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "http_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct answer {
    int calls;
    int status;
    size_t len;
    char body[64];
};

static struct hr_client *client;

static void on_done(int status, const char *body, size_t len, void *arg)
{
    struct answer *a = arg;
    a->calls++;
    a->status = status;
    a->len = len;
    (void)snprintf(a->body, sizeof(a->body), "%.*s", (int)(len < 63 ? len : 63), body);
}

static int set_up(void **state)
{
    static struct fixture f;
    *state = &f;
    return fixture_open(&f, &fixture_limits) || hr_client_new(f.loop, &client);
}

static int tear_down(void **state)
{
    hr_client_free(client);
    fixture_close(*state);
    return 0;
}

static void get(int port, const char *path, unsigned timeout_ms, struct answer *a,
                struct hr_client_req **ret_req)
{
    char url[100];
    *a = (struct answer){.status = 0};
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    assert_int_equal(hr_client_get(client, url, timeout_ms, on_done, a, ret_req), 0);
    assert_int_equal(a->calls, 0);
}

static void wait_for(const struct fixture *f, const struct answer *a)
{
    int64_t end = hr_now_ms() + 5000;
    while (!a->calls && hr_now_ms() < end)
        pump(f->loop, 5);
    assert_int_equal(a->calls, 1);
}

static void answers_arrive(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct answer b;
    get(f->port, "/", 2000, &a, NULL);
    get(f->port, "/missing", 2000, &b, NULL);
    wait_for(f, &a);
    wait_for(f, &b);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "hello\n");
    assert_int_equal(b.status, 404);
}

/* The server must be able to accept, each time anew. */
static void every_request_has_its_own_connection(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    hr_http_free(f->http);
    f->http = NULL;
    for (int i = 0; i < 2; i++) {
        static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        char request[2000];
        get(f->port, "/", 2000, &a, NULL);
        assert_true(pump_readable(f->loop, f->listen_fd, 1000));
        int fd = accept4(f->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        assert_true(fd >= 0);
        assert_true(pump_readable(f->loop, fd, 1000));
        assert_true(read(fd, request, sizeof(request)) > 0);
        assert_int_equal(send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL), sizeof(text) - 1);
        wait_for(f, &a);
        assert_int_equal(a.status, 200);
        assert_true(client_closed(f, fd, 500));
        hr_close(&fd);
    }
}

static void the_environment_has_no_say(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    get(f->port, "/", 2000, &a, NULL);
    wait_for(f, &a);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(a.status, 200);
}

/* The kernel, and we, choose source ports; one that is the target's makes a connection to itself.
 */
static void a_closed_port_is_never_connected_to_itself(void **state)
{
    static const int ports[] = {60000, 61000, 61001, 64999, 65000, 28000};
    struct fixture *f = *state;
    for (int i = 0; i < 6; i++) {
        for (int turn = 0; turn < 50; turn++) {
            struct answer a;
            get(ports[i], "/", 2000, &a, NULL);
            wait_for(f, &a);
            assert_int_equal(a.status, -ECONNREFUSED);
        }
    }
}

static void a_closed_port_refuses(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int port = f->port;
    hr_http_free(f->http);
    f->http = NULL;
    hr_close(&f->listen_fd);
    get(port, "/", 2000, &a, NULL);
    wait_for(f, &a);
    assert_int_equal(a.status, -ECONNREFUSED);
}

static void silence_is_a_timeout(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t start = hr_now_ms();
    get(f->port, "/later", 100, &a, NULL);
    wait_for(f, &a);
    assert_int_equal(a.status, -ETIMEDOUT);
    assert_in_range(hr_now_ms() - start, 90, 1500);
    pump(f->loop, 30);
    assert_int_equal(f->gone, 1);
}

static void a_cancelled_request_never_calls_back(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct hr_client_req *req = NULL;
    get(f->port, "/later", 100, &a, &req);
    hr_client_cancel(req);
    get(f->port, "/later", 100, &a, &req);
    pump(f->loop, 30);
    assert_int_equal(f->nkept, 1);
    hr_client_cancel(req);
    pump(f->loop, 200);
    assert_int_equal(a.calls, 0);
    assert_int_equal(f->gone, 1);
    get(f->port, "/later", 100, &a, NULL); /* and one is left running for the teardown */
    pump(f->loop, 30);
}

static void on_done_again(int status, const char *body, size_t len, void *arg)
{
    const struct fixture *f = arg;
    static struct answer second;
    (void)body;
    (void)len;
    assert_int_equal(status, 200);
    get(f->port, "/missing", 2000, &second, NULL);
}

static void an_answer_may_start_the_next_request(void **state)
{
    struct fixture *f = *state;
    char url[100];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", f->port);
    assert_int_equal(hr_client_get(client, url, 1000, on_done_again, f, NULL), 0);
    pump(f->loop, 100);
    assert_string_equal(hr_buf_str(&f->seen), "GET / \nGET /missing \n");
}

static void bad_addresses_are_errors(void **state)
{
    struct fixture *f = *state;
    struct answer a = {.calls = 0};
    assert_int_equal(hr_client_get(client, "file:///etc/passwd", 500, on_done, &a, NULL), 0);
    wait_for(f, &a);
    assert_true(a.status < 0);
    get(f->port, " /", 500, &a, NULL);
    wait_for(f, &a);
    assert_int_equal(a.status, -EINVAL);
}

/* A peer that is not our listener: takes one connection, reads, writes what the test wants. */
static void peer_says(const struct fixture *f, const char *text, size_t len, struct answer *a)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof(at);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(peer, 1), 0);
    assert_int_equal(getsockname(peer, (struct sockaddr *)&at, &at_len), 0);
    get(ntohs(at.sin_port), "/", 1000, a, NULL);
    assert_true(pump_readable(f->loop, peer, 1000));
    int fd = accept4(peer, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(fd >= 0);
    char request[2000];
    assert_true(pump_readable(f->loop, fd, 1000));
    assert_true(read(fd, request, sizeof(request)) > 0);
    for (size_t at_byte = 0; at_byte < len;) {
        ssize_t n = send(fd, text + at_byte, len - at_byte, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            break;
        at_byte += n > 0 ? (size_t)n : 0;
        pump(f->loop, 1);
    }
    hr_close(&fd);
    hr_close(&peer);
    wait_for(f, a);
}

static void a_misbehaving_peer_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    peer_says(f, "", 0, &a);
    assert_int_equal(a.status, -ECONNRESET);
    peer_says(f, "SSH-2.0-x\r\n", 11, &a);
    assert_int_equal(a.status, -EPROTO);
    const char *cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    peer_says(f, cut, strlen(cut), &a);
    assert_int_equal(a.status, -ECONNRESET);
    const char *away = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                       "Content-Length: 0\r\n\r\n";
    peer_says(f, away, strlen(away), &a);
    assert_int_equal(a.status, 302); /* not followed */
}

static void an_endless_answer_is_cut_off(void **state)
{
    struct fixture *f = *state;
    enum { BIG = 1024 * 1024 };
    struct answer a;
    char *big = calloc(1, BIG);
    assert_non_null(big);
    memset(big, 'x', BIG);
    memcpy(big, "HTTP/1.1 200 OK\r\n\r\n", 19);
    peer_says(f, big, BIG, &a);
    assert_int_equal(a.status, -E2BIG);
    assert_int_equal(a.len, 0);
    free(big);
}

/* ---- POST ---- */

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

#ifdef __has_feature
#define HAS_SANITIZER __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#else
#define HAS_SANITIZER 0
#endif

#if HAS_SANITIZER
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_request_has_its_own_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_environment_has_no_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_port_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_port_is_never_connected_to_itself, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(silence_is_a_timeout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_request_never_calls_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_may_start_the_next_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_addresses_are_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_misbehaving_peer_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_endless_answer_is_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_post_is_what_it_was_asked_to_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_post_without_a_body_has_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headers_that_would_be_two_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_post_fails_as_a_get_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_post_leaves_no_secret_behind, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
