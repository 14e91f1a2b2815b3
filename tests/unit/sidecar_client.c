/* SPDX-License-Identifier: MIT
 * The HTTP client in one loop with our own listener, and with sockets that misbehave. */
#include "sidecar/http/client.h"

#include "check.h"
#include "client_fixture.h"
#include "common/clock.h"
#include "common/fd.h"
#include "http_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void get(int port, const char *path, unsigned timeout_ms, struct answer *a,
                struct hr_client_req **ret_req)
{
    char url[100];
    *a = (struct answer){.status = 0};
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    assert_int_equal(hr_client_get(client, url, timeout_ms, on_done, a, ret_req), 0);
    assert_int_equal(a->calls, 0);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
