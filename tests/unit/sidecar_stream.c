/* SPDX-License-Identifier: MIT
 * Answers that are streams: pieces that arrive when they are added, peers that go away or do not
 * read, and the end. */
#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "http_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CRLF "\r\n"
#define HOST "Host: t" CRLF CRLF

enum { NSTREAMS = 8 };

static int set_up(void **state)
{
    static struct fixture f;
    *state = &f;
    return fixture_open(&f, &fixture_limits);
}

static int tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

static void add(struct hr_http_req *req, const char *text)
{
    assert_int_equal(hr_http_stream_add(req, text, strlen(text)), 0);
}

/* A client that has asked for `path`; its number. */
static int ask(struct fixture *f, const char *path, int *ret_fd)
{
    char text[128];
    *ret_fd = client_open(f, 1);
    (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1" CRLF HOST, path);
    client_send(*ret_fd, text);
    pump(f->loop, 30);
    assert_non_null(f->kept[f->nkept - 1]);
    return f->nkept - 1;
}

static void pieces_arrive_as_they_are_added(void **state)
{
    static const char *const paths[] = {"/later/one", "/later/now"};
    struct fixture *f = *state;
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    for (size_t i = 0; i < 2; i++) {
        int fd = -1;
        struct hr_http_req *req = f->kept[ask(f, paths[i], &fd)];
        if (i == 0)
            hr_http_stream(req, "text/plain");
        hr_buf_reset(&in);
        add(req, "one.");
        assert_true(client_expect(f, fd, &in, "one."));
        assert_non_null(strstr(in.data, "HTTP/1.1 200 OK" CRLF));
        assert_non_null(strstr(in.data, "Content-Type: text/plain" CRLF));
        assert_false(pump_readable(f->loop, fd, 50));
        assert_int_equal(hr_http_stream_backlog(req), 0);
        add(req, "two.");
        add(req, "three.");
        assert_true(client_expect(f, fd, &in, "two.three."));
        add(req, "four.");
        hr_http_stream_end(req);
        assert_true(client_expect(f, fd, &in, CRLF "0" CRLF CRLF));
        assert_non_null(strstr(in.data, "four."));
        hr_buf_reset(&in);
        client_send(fd, "GET / HTTP/1.1" CRLF HOST); /* the connection is of use again */
        assert_true(client_expect(f, fd, &in, "hello\n"));
        hr_close(&fd);
    }
    hr_buf_free(&in);
}

static void an_empty_stream_ends(void **state)
{
    struct fixture *f = *state;
    struct hr_buf in;
    int fd = -1;
    hr_buf_init(&in, 65536);
    struct hr_http_req *req = f->kept[ask(f, "/later/one", &fd)];
    hr_http_stream(req, "text/plain");
    hr_http_stream_end(req);
    assert_true(client_expect(f, fd, &in, CRLF CRLF "0" CRLF CRLF));
    hr_buf_free(&in);
    hr_close(&fd);
}

static void a_large_piece_arrives_whole(void **state)
{
    enum { LARGE = 3000000 };
    struct fixture *f = *state;
    struct hr_buf in;
    int fd = -1;
    hr_buf_init(&in, 2 * (size_t)LARGE);
    char *large = malloc(LARGE);
    assert_non_null(large);
    memset(large, 'x', LARGE);
    struct hr_http_req *req = f->kept[ask(f, "/later/one", &fd)];
    hr_http_stream(req, "text/plain");
    assert_int_equal(hr_http_stream_add(req, large, LARGE), 0);
    hr_http_stream_end(req);
    assert_true(client_expect(f, fd, &in, CRLF "0" CRLF CRLF));
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++)
        n += in.data[i] == 'x';
    assert_in_range(n, LARGE, LARGE + 64); /* some in the headers */
    free(large);
    hr_buf_free(&in);
    hr_close(&fd);
}

static void a_silent_streams_peer_that_goes_away_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct hr_buf in;
    int fd = -1;
    hr_buf_init(&in, 65536);
    int n = ask(f, "/later/one", &fd);
    hr_http_stream(f->kept[n], "text/plain");
    add(f->kept[n], "one.");
    assert_true(client_expect(f, fd, &in, "one."));
    hr_close(&fd);
    pump(f->loop, 50);
    assert_null(f->kept[n]);
    hr_buf_free(&in);
}

/* libmicrohttpd finds out itself, when it writes or when its time is over. */
static void a_peer_that_does_not_read_is_given_up(void **state)
{
    enum { PIECE = 1024 * 1024 };
    const struct hr_http_limits limits = {
        .body_max = 0, .connections = 64, .connections_per_ip = 64, .idle_timeout_s = 1};
    struct fixture *f = *state;
    int fd = -1;
    assert_int_equal(fixture_reopen(f, &limits), 0);
    char *piece = calloc(1, PIECE);
    assert_non_null(piece);
    int n = ask(f, "/later/one", &fd);
    hr_http_stream(f->kept[n], "text/plain");
    for (int i = 0; i < 16; i++)
        assert_int_equal(hr_http_stream_add(f->kept[n], piece, PIECE), 0);
    pump(f->loop, 100);
    assert_true(hr_http_stream_backlog(f->kept[n]) > PIECE);
    int64_t end = hr_now_ms() + 8000;
    while (f->kept[n] && hr_now_ms() < end)
        pump(f->loop, 100);
    assert_null(f->kept[n]);
    free(piece);
    hr_close(&fd);
}

static void a_silent_stream_is_not_idle(void **state)
{
    const struct hr_http_limits limits = {
        .body_max = 0, .connections = 64, .connections_per_ip = 64, .idle_timeout_s = 1};
    struct fixture *f = *state;
    struct hr_buf in;
    int fd = -1;
    hr_buf_init(&in, 65536);
    assert_int_equal(fixture_reopen(f, &limits), 0);
    int n = ask(f, "/later/one", &fd);
    hr_http_stream(f->kept[n], "text/plain");
    add(f->kept[n], "one.");
    pump(f->loop, 3000);
    add(f->kept[n], "two.");
    assert_true(client_expect(f, fd, &in, "two."));
    hr_buf_free(&in);
    hr_close(&fd);
}

/* Open ones get their "gone" call; what was added to an ended one is sent. */
static void freeing_the_listener_ends_streams(void **state)
{
    struct fixture *f = *state;
    struct hr_buf in;
    int fds[NSTREAMS];
    hr_buf_init(&in, 65536);
    for (int i = 0; i < NSTREAMS; i++)
        assert_int_equal(ask(f, i % 2 ? "/later/one" : "/later/now", &fds[i]), i);
    for (int i = 1; i < NSTREAMS; i += 2)
        hr_http_stream(f->kept[i], "text/plain");
    add(f->kept[0], "last words");
    hr_http_stream_end(f->kept[0]);
    f->kept[0] = NULL;
    add(f->kept[1], "more last words"); /* not suspended when the listener goes */
    hr_http_free(f->http);
    f->http = NULL;
    for (int i = 0; i < NSTREAMS; i++)
        assert_null(f->kept[i]);
    assert_true(client_expect(f, fds[0], &in, "last words"));
    hr_buf_free(&in);
    for (int i = 0; i < NSTREAMS; i++)
        hr_close(&fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_arrive_as_they_are_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_stream_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_piece_arrives_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_streams_peer_that_goes_away_is_noticed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_peer_that_does_not_read_is_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silent_stream_is_not_idle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freeing_the_listener_ends_streams, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
