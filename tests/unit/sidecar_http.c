/* SPDX-License-Identifier: MIT
 * The HTTP listener against plain sockets: answers at once and later, peers that go away, input
 * that is too large or open to two readings, and clients that only hold connections. */
#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "http_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CRLF "\r\n"
#define HOST "Host: t" CRLF CRLF

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

/* Send, read until `want` is there, close. */
static void exchange(const struct fixture *f, const char *request, const char *want)
{
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    int fd = client_open(f, 1);
    client_send(fd, request);
    if (!client_expect(f, fd, &in, want))
        fail_msg("no \"%s\" in: %s", want, hr_buf_str(&in));
    hr_buf_free(&in);
    hr_close(&fd);
}

static void answers_at_once(void **state)
{
    struct fixture *f = *state;
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    int fd = client_open(f, 1);
    client_send(fd, "GET /a%20b?x=1 HTTP/1.1" CRLF HOST);
    assert_true(client_expect(f, fd, &in, CRLF CRLF "hello\n"));
    assert_non_null(strstr(in.data, "HTTP/1.1 200 "));
    assert_non_null(strstr(in.data, "X-Content-Type-Options: nosniff" CRLF));
    assert_non_null(strstr(in.data, "Content-Type: text/plain" CRLF));
    assert_non_null(strstr(in.data, "X-Test: yes" CRLF));
    assert_string_equal(hr_buf_str(&f->seen), "GET /a b \n");
    hr_buf_free(&in);
    hr_close(&fd);
    exchange(f, "GET /missing HTTP/1.1" CRLF HOST, "nothing here");
}

static void head_has_the_headers_and_no_body(void **state)
{
    struct fixture *f = *state;
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    int fd = client_open(f, 1);
    client_send(fd, "HEAD / HTTP/1.1" CRLF "Connection: close" CRLF HOST);
    assert_false(client_expect(f, fd, &in, "hello"));
    assert_non_null(strstr(hr_buf_str(&in), "Content-Length: 6" CRLF));
    hr_buf_free(&in);
    hr_close(&fd);
}

static void a_body_arrives_whole(void **state)
{
    struct fixture *f = *state;
    int fd = client_open(f, 1);
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    client_send(fd, "POST /p HTTP/1.1" CRLF "Content-Length: 6" CRLF HOST "abc");
    pump(f->loop, 20);
    assert_string_equal(hr_buf_str(&f->seen), "");
    client_send(fd, "def");
    assert_true(client_expect(f, fd, &in, "hello\n"));
    hr_buf_reset(&in);
    client_send(fd, "POST /c HTTP/1.1" CRLF "Transfer-Encoding: chunked" CRLF HOST "2" CRLF
                    "xy" CRLF "1" CRLF "z" CRLF "0" CRLF CRLF);
    assert_true(client_expect(f, fd, &in, "hello\n"));
    assert_string_equal(hr_buf_str(&f->seen), "POST /p abcdef\nPOST /c xyz\n");
    hr_buf_free(&in);
    hr_close(&fd);
}

static void an_answer_may_come_later(void **state)
{
    struct fixture *f = *state;
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    int fd = client_open(f, 1);
    client_send(fd, "GET /later HTTP/1.1" CRLF HOST);
    assert_false(pump_readable(f->loop, fd, 60));
    assert_int_equal(f->nkept, 1);
    int64_t before = hr_now_ms();
    hr_http_reply(f->kept[0], 201, NULL, "late", 4);
    assert_true(client_expect(f, fd, &in, CRLF CRLF "late"));
    assert_true(hr_now_ms() - before < 1000);
    assert_null(strstr(in.data, CRLF "Content-Type"));
    hr_buf_reset(&in);
    client_send(fd, "GET / HTTP/1.1" CRLF HOST); /* the connection is of use again */
    assert_true(client_expect(f, fd, &in, "hello\n"));
    assert_int_equal(f->gone, 0);
    hr_buf_free(&in);
    hr_close(&fd);
}

static void a_peer_that_goes_away_is_noticed(void **state)
{
    struct fixture *f = *state;
    int fd = client_open(f, 1);
    client_send(fd, "GET /later HTTP/1.1" CRLF HOST);
    pump(f->loop, 30);
    assert_int_equal(f->nkept, 1);
    hr_close(&fd);
    pump(f->loop, 30);
    assert_int_equal(f->gone, 1);
    exchange(f, "GET / HTTP/1.1" CRLF HOST, "hello\n");
}

static void a_reset_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = client_open(f, 1);
    client_send(fd, "GET /later HTTP/1.1" CRLF HOST);
    pump(f->loop, 30);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    hr_close(&fd);
    pump(f->loop, 30);
    assert_int_equal(f->gone, 1);
}

/* A client whose first request waits, and who has sent two more. */
static int pipeline(struct fixture *f)
{
    int fd = client_open(f, 1);
    client_send(fd, "GET /later HTTP/1.1" CRLF HOST "GET /missing HTTP/1.1" CRLF HOST);
    pump(f->loop, 30);
    client_send(fd, "GET / HTTP/1.1" CRLF HOST);
    pump(f->loop, 30);
    assert_int_equal(f->gone, 0);
    return fd;
}

static void pipelined_bytes_are_not_a_peer_gone(void **state)
{
    struct fixture *f = *state;
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    int fd = pipeline(f);
    assert_string_equal(hr_buf_str(&f->seen), "GET /later \n");
    hr_http_reply(f->kept[0], 200, NULL, "late", 4);
    assert_true(client_expect(f, fd, &in, "hello\n"));
    const char *late = strstr(in.data, "late");
    const char *missing = strstr(in.data, "nothing here");
    assert_true(late && missing && late < missing);
    hr_buf_free(&in);
    hr_close(&fd);
}

static void pipelined_bytes_hide_no_peer_gone(void **state)
{
    struct fixture *f = *state;
    int fd = pipeline(f);
    hr_close(&fd);
    pump(f->loop, 30);
    assert_int_equal(f->gone, 1);
}

static void an_unwatched_request_outlives_its_peer(void **state)
{
    struct fixture *f = *state;
    int fd = client_open(f, 1);
    client_send(fd, "GET /unwatched HTTP/1.1" CRLF HOST);
    pump(f->loop, 30);
    hr_close(&fd);
    pump(f->loop, 30);
    hr_http_reply(f->kept[0], 200, NULL, "late", 4);
    pump(f->loop, 30);
    exchange(f, "GET / HTTP/1.1" CRLF HOST, "hello\n");
}

static void answers_come_in_any_order(void **state)
{
    struct fixture *f = *state;
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = client_open(f, 1);
        client_send(fds[i], "GET /later/one HTTP/1.1" CRLF HOST);
        pump(f->loop, 10);
    }
    assert_int_equal(f->nkept, 4);
    hr_close(&fds[1]);
    pump(f->loop, 30);
    assert_null(f->kept[1]);
    hr_http_reply(f->kept[3], 200, NULL, "three", 5);
    hr_http_reply(f->kept[0], 200, NULL, "zero", 4);
    assert_true(client_expect(f, fds[0], &in, "zero"));
    assert_true(client_expect(f, fds[3], &in, "three"));
    hr_http_reply(f->kept[2], 200, NULL, "two", 3);
    assert_true(client_expect(f, fds[2], &in, "two"));
    hr_buf_free(&in);
    for (int i = 0; i < 4; i++)
        hr_close(&fds[i]);
}

static void freeing_the_listener_ends_waiting_requests(void **state)
{
    struct fixture *f = *state;
    int fd = client_open(f, 1);
    int queued = -1;
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    client_send(fd, "GET /later HTTP/1.1" CRLF HOST);
    pump(f->loop, 30);
    hr_http_free(f->http);
    f->http = NULL;
    assert_int_equal(f->gone, 1);
    assert_true(client_closed(f, fd, 1000));
    /* The socket outlives the listener: who comes now is served by the next one. */
    queued = client_open(f, 1);
    client_send(queued, "GET /missing HTTP/1.1" CRLF HOST);
    assert_false(pump_readable(f->loop, queued, 50));
    assert_int_equal(fixture_serve(f, &fixture_limits), 0);
    assert_true(client_expect(f, queued, &in, "nothing here"));
    hr_buf_free(&in);
    hr_close(&queued);
    hr_close(&fd);
}

static void freeing_the_listener_sends_what_was_answered(void **state)
{
    struct fixture *f = *state;
    enum { BIG = 1024 * 1024 - 1000 };
    static char big[BIG];
    struct hr_buf in;
    hr_buf_init(&in, 2 * BIG);
    int fds[2];
    for (int i = 0; i < 2; i++) {
        fds[i] = client_open(f, 1);
        client_send(fds[i], "GET /later HTTP/1.1" CRLF HOST);
        pump(f->loop, 20);
    }
    memset(big, 'x', sizeof(big));
    hr_http_reply(f->kept[0], 200, NULL, "at last", 7);
    hr_http_reply(f->kept[1], 200, NULL, big, sizeof(big));
    hr_http_free(f->http);
    f->http = NULL;
    assert_int_equal(f->gone, 0);
    assert_true(client_expect(f, fds[0], &in, "at last"));
    assert_non_null(strstr(in.data, "Connection: close" CRLF));
    hr_buf_reset(&in);
    assert_true(client_expect(f, fds[1], &in, "xxxxxxxx")); /* as much as there was time for */
    hr_buf_free(&in);
    hr_close(&fds[0]);
    hr_close(&fds[1]);
}

static void bodies_over_the_limit_are_refused(void **state)
{
    struct fixture *f = *state;
    char big[3000];
    char text[4096];
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    memset(big, 'x', sizeof(big));
    exchange(f, "POST / HTTP/1.1" CRLF "Content-Length: 1001" CRLF HOST, "HTTP/1.1 413 ");
    exchange(f, "POST / HTTP/1.1" CRLF "Content-Length: 99999999999999999999999" CRLF HOST,
             "HTTP/1.1 413 ");
    int n = snprintf(text, sizeof(text),
                     "POST / HTTP/1.1" CRLF "Transfer-Encoding: chunked" CRLF HOST "bb8" CRLF
                     "%.3000s" CRLF "0" CRLF CRLF,
                     big);
    assert_true(n > 3000 && (size_t)n < sizeof(text));
    int fd = client_open(f, 1);
    client_send(fd, text);
    assert_true(client_expect(f, fd, &in, "too large\n"));
    assert_non_null(strstr(in.data, "HTTP/1.1 413 "));
    assert_non_null(strstr(in.data, "Connection: close" CRLF));
    assert_true(client_closed(f, fd, 1000));
    assert_string_equal(hr_buf_str(&f->seen), "");
    hr_buf_free(&in);
    hr_close(&fd);
    n = snprintf(text, sizeof(text),
                 "POST / HTTP/1.1" CRLF "Content-Length: 1000" CRLF HOST "%.1000s", big);
    assert_true(n > 1000);
    exchange(f, text, "hello\n"); /* exactly the limit */
}

/* Who is refused from the head of its request is told so after the body, of which nothing is kept,
 * and may go on with another. */
static void a_strangers_body_is_not_kept(void **state)
{
    struct fixture *f = *state;
    char big[2000];
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    int fd = client_open(f, 1);
    client_send(fd, "POST /stranger HTTP/1.1" CRLF "Content-Length: 6" CRLF HOST "abc");
    assert_false(pump_readable(f->loop, fd, 30));
    client_send(fd, "def");
    assert_true(client_expect(f, fd, &in, "who are you?\n"));
    assert_non_null(strstr(in.data, "HTTP/1.1 401 "));
    hr_buf_reset(&in);
    /* More than a body may have, without its length being told. */
    client_send(fd,
                "POST /stranger HTTP/1.1" CRLF "Transfer-Encoding: chunked" CRLF HOST "7cf" CRLF);
    client_send(fd, big);
    client_send(fd, CRLF "0" CRLF CRLF "GET /missing HTTP/1.1" CRLF HOST);
    assert_true(client_expect(f, fd, &in, "nothing here"));
    assert_non_null(strstr(in.data, "who are you?\n"));
    assert_string_equal(hr_buf_str(&f->seen), "GET /missing \n");
    hr_buf_free(&in);
    hr_close(&fd);
}

static void requests_open_to_two_readings_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "POST / HTTP/1.1" CRLF "Content-Length: 2" CRLF "Content-Length: 3" CRLF HOST "abc",
        "POST / HTTP/1.1" CRLF "Content-Length: 2" CRLF "Content-Length: 2" CRLF HOST "ab",
        "POST / HTTP/1.1" CRLF "Content-Length: 5" CRLF "Transfer-Encoding: chunked" CRLF HOST
        "0" CRLF CRLF,
        "GET / HTTP/1.1" CRLF "Host: a" CRLF HOST,
        "GET / HTTP/1.1" CRLF CRLF,
        "GET / HTTP/1.1" CRLF "Host : a" CRLF CRLF,
        "POST / HTTP/1.1" CRLF "Content-Length : 2" CRLF HOST "ab",
        "GET / HTTP/1.1" CRLF "X\t: a" CRLF HOST,
        "POST / HTTP/1.1" CRLF "Content-Length: 2x" CRLF HOST "ab",
        "POST / HTTP/1.1" CRLF "Content-Length: -1" CRLF HOST,
        "POST / HTTP/1.1" CRLF "Transfer-Encoding: gzip" CRLF HOST,
        "POST / HTTP/1.1" CRLF "Transfer-Encoding: gzip, chunked" CRLF HOST "0" CRLF CRLF,
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        exchange(f, bad[i], "HTTP/1.1 400 ");
    assert_string_equal(hr_buf_str(&f->seen), "");
}

static void huge_headers_and_rubbish_are_refused(void **state)
{
    struct fixture *f = *state;
    static char text[40000];
    int fd = client_open(f, 1);
    struct hr_buf in;
    hr_buf_init(&in, 65536);
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, "GET / HTTP/1.1" CRLF "X: ", 19);
    (void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
    assert_true(client_expect(f, fd, &in, "HTTP/1.1 431 "));
    hr_close(&fd);
    hr_buf_reset(&in);
    memcpy(text, "GET /aaaaaaaaaaaaaaaaa", 22);
    fd = client_open(f, 1);
    (void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
    assert_true(client_expect(f, fd, &in, "HTTP/1.1 414 "));
    hr_close(&fd);
    fd = client_open(f, 1);
    client_send(fd, "\x16\x03\x01\x02" CRLF "\xff\xfe" CRLF CRLF);
    assert_true(client_closed(f, fd, 7000));
    hr_close(&fd);
    assert_string_equal(hr_buf_str(&f->seen), "");
    hr_buf_free(&in);
}

static void query(const char *value, void *arg)
{
    assert_int_equal(hr_buf_addf(arg, "[%s]", value), 0);
}

static void on_query(struct hr_http_req *req, void *arg)
{
    (void)arg;
    struct hr_buf out;
    hr_buf_init(&out, 1000);
    int n = hr_http_query(req, "exclude", query, &out);
    assert_int_equal(hr_http_query(req, "verbose", NULL, NULL), 1);
    assert_int_equal(hr_buf_addf(&out, "%d %s", n, hr_http_header(req, "x-One")), 0);
    assert_null(hr_http_header(req, "X-Two"));
    hr_http_reply(req, 200, NULL, out.data, out.len);
    hr_buf_free(&out);
}

static void queries_and_headers_can_be_read(void **state)
{
    struct fixture *f = *state;
    hr_http_free(f->http);
    assert_int_equal(
        hr_http_new(f->loop, f->listen_fd, &fixture_limits, NULL, on_query, NULL, &f->http), 0);
    exchange(f,
             "GET /?verbose&exclude=a%2Fb&other=1&exclude=c&exclude HTTP/1.1" CRLF
             "X-One: 1" CRLF HOST,
             CRLF CRLF "[a/b][c][]3 1");
}

/* More idle connections than there are places, from several addresses: a newcomer still gets in. */
static void idle_connections_do_not_keep_others_out(void **state)
{
    struct fixture *f = *state;
    const struct hr_http_limits limits = {
        .body_max = 0, .connections = 512, .connections_per_ip = 128, .idle_timeout_s = 30};
    static int fds[520];
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(fixture_reopen(f, &limits), 0);
    for (int i = 0; i < 520; i++) {
        fds[i] = client_open(f, 2 + i / 120);
        if (i % 2)
            client_send(fds[i], "GET / HT");
    }
    pump(f->loop, 100);
    int64_t before = hr_now_ms();
    for (int i = 0; i < 20; i++)
        exchange(f, "GET / HTTP/1.1" CRLF HOST, "hello\n");
    assert_true(hr_now_ms() - before < 2000);
    assert_true(client_closed(f, fds[0], 100));         /* the oldest paid for it */
    assert_false(pump_readable(f->loop, fds[519], 20)); /* the youngest did not */
    for (int i = 0; i < 520; i++)
        hr_close(&fds[i]);
}

/* Nor can it keep a newcomer out that shares it, as everyone does behind a gateway: the oldest idle
 * one makes room, and never one whose request is with the handler. */
static void one_address_cannot_take_every_place(void **state)
{
    struct fixture *f = *state;
    const struct hr_http_limits limits = {
        .body_max = 0, .connections = 64, .connections_per_ip = 4, .idle_timeout_s = 30};
    int fds[7];
    assert_int_equal(fixture_reopen(f, &limits), 0);
    for (int i = 0; i < 7; i++) {
        fds[i] = client_open(f, 2);
        if (i < 2)
            client_send(fds[i], "GET /later/one HTTP/1.1" CRLF HOST);
        pump(f->loop, 10);
    }
    assert_true(client_closed(f, fds[2], 200));
    assert_true(client_closed(f, fds[3], 200));
    assert_true(client_closed(f, fds[4], 200));
    assert_false(pump_readable(f->loop, fds[5], 20));
    assert_false(pump_readable(f->loop, fds[6], 20));
    client_send(fds[5], "GET /later/one HTTP/1.1" CRLF HOST);
    client_send(fds[6], "GET /later/one HTTP/1.1" CRLF HOST);
    pump(f->loop, 20);
    hr_close(&fds[2]);
    fds[2] = client_open(f, 2); /* all others are busy: no room for this one */
    assert_true(client_closed(f, fds[2], 200));
    exchange(f, "GET / HTTP/1.1" CRLF HOST, "hello\n"); /* from another address */
    assert_int_equal(f->nkept, 4);
    for (int i = 0; i < 4; i++)
        assert_non_null(f->kept[i]);
    for (int i = 0; i < 7; i++)
        hr_close(&fds[i]);
    pump(f->loop, 50);
}

/* While more wait than are taken at once, one that has brought much already is closed unread; the
 * others are answered, and so is a long request when there is no crowd. */
static void who_brings_too_much_in_a_crowd_is_turned_away(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 200, MUCH = 6000 };
    const struct hr_http_limits limits = {.body_max = 0,
                                          .connections = 512,
                                          .connections_per_ip = 512,
                                          .idle_timeout_s = 30,
                                          .crowd_bytes = MUCH - 1000};
    static char much[MUCH + 1];
    int fds[MANY];
    struct hr_buf in;
    (void)snprintf(much, sizeof(much), "GET / HTTP/1.1" CRLF "Host: x" CRLF "X: ");
    memset(much + strlen(much), 'a', MUCH - strlen(much) - 4);
    memcpy(much + MUCH - 4, CRLF CRLF, 4);
    assert_int_equal(fixture_reopen(f, &limits), 0);
    exchange(f, much, "hello\n");
    for (int i = 0; i < MANY; i++) {
        fds[i] = client_open(f, 1);
        client_send(fds[i], i % 2 ? much : "GET / HTTP/1.1" CRLF "Host: x" CRLF CRLF);
    }
    for (int i = 0; i < MANY; i++) {
        bool turned_away = i % 2 && i > MANY / 2 && i < MANY - 50; /* the crowd has an end */
        hr_buf_init(&in, 4096);
        if (turned_away)
            assert_true(client_closed(f, fds[i], 5000));
        else if (i % 2 == 0)
            assert_true(client_expect(f, fds[i], &in, "hello\n"));
        hr_buf_free(&in);
        hr_close(&fds[i]);
    }
    exchange(f, much, "hello\n");
}

/* Without descriptors it tries again now and then, not all the time, and says so once. */
static void without_descriptors_it_waits(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    struct hr_buf in;
    hr_buf_init(&in, 4096);
    int fd = client_open(f, 1);
    int next = dup(fd);
    assert_true(next >= 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit tight = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    (void)close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    client_send(fd, "GET / HTTP/1.1" CRLF HOST);
    unsigned turn = ev_iteration(f->loop);
    pump(f->loop, 1000);
    assert_in_range(ev_iteration(f->loop) - turn, 2, 100);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(client_expect(f, fd, &in, "hello\n"));
    hr_buf_free(&in);
    hr_close(&fd);
}

static void an_idle_connection_is_closed(void **state)
{
    struct fixture *f = *state;
    const struct hr_http_limits limits = {
        .body_max = 0, .connections = 64, .connections_per_ip = 64, .idle_timeout_s = 1};
    assert_int_equal(fixture_reopen(f, &limits), 0);
    int fd = client_open(f, 1);
    int waiting = client_open(f, 1);
    client_send(waiting, "GET /later HTTP/1.1" CRLF HOST);
    assert_true(client_closed(f, fd, 4000));
    assert_false(pump_readable(f->loop, waiting, 1500)); /* its answer is our business */
    assert_int_equal(f->gone, 0);
    hr_http_reply(f->kept[0], 200, NULL, "late", 4);
    assert_true(pump_readable(f->loop, waiting, 1000));
    hr_close(&fd);
    hr_close(&waiting);
}

/* One byte every now and then is life to libmicrohttpd, but not for ever to us. */
static void a_slow_request_is_ended(void **state)
{
    struct fixture *f = *state;
    const struct hr_http_limits limits = {
        .body_max = 0, .connections = 64, .connections_per_ip = 64, .idle_timeout_s = 1};
    assert_int_equal(fixture_reopen(f, &limits), 0);
    int fd = client_open(f, 1);
    int64_t start = hr_now_ms();
    client_send(fd, "GET / HTTP/1.1" CRLF "X: ");
    while (!pump_readable(f->loop, fd, 500) && hr_now_ms() - start < 20000)
        (void)send(fd, "a", 1, MSG_NOSIGNAL);
    int64_t took = hr_now_ms() - start;
    assert_true(client_closed(f, fd, 200));
    assert_in_range(took, 10000, 13000);
    hr_close(&fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(head_has_the_headers_and_no_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_body_arrives_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_may_come_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_peer_that_goes_away_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pipelined_bytes_are_not_a_peer_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pipelined_bytes_hide_no_peer_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unwatched_request_outlives_its_peer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_come_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freeing_the_listener_ends_waiting_requests, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(freeing_the_listener_sends_what_was_answered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(bodies_over_the_limit_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_strangers_body_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_open_to_two_readings_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(huge_headers_and_rubbish_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(queries_and_headers_can_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(idle_connections_do_not_keep_others_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_address_cannot_take_every_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_brings_too_much_in_a_crowd_is_turned_away, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_descriptors_it_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_idle_connection_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slow_request_is_ended, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
