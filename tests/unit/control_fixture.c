/* SPDX-License-Identifier: MIT
 * A supervisor that is nothing but its control socket.  See control_fixture.h. */
#include "control_fixture.h"

#include "check.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 3000,
    LEAST_TURNS = 10, /* however busy the machine is */
    LINE = 8 * 1024 * 1024,
};

struct fixture fx;

/* ---- operations ---------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static int asked(const char *fmt, ...)
{
    size_t n = strlen(fx.asked);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(fx.asked + n, sizeof(fx.asked) - n, fmt, ap);
    va_end(ap);
    fx.calls++;
    if (fx.effect)
        hr_info("%s", fx.effect);
    if (fx.stop_inside)
        hr_control_stop(&fx.control);
    return fx.result;
}

/* {"ok":true,"fill":"abcd..."}, of fx.document bytes with its newline. */
static void write_document(int fd)
{
    static char out[LINE];
    static const char head[] = "{\"ok\":true,\"fill\":\"";
    size_t n = sizeof(head) - 1;
    if (!fx.document)
        return;
    memcpy(out, head, n);
    for (; n < fx.document - 3; n++)
        out[n] = (char)('a' + n % 23);
    memcpy(out + n, "\"}\n", 3);
    assert_int_equal(hr_write_all(fd, out, n + 3), 0);
}

static int document(int fd)
{
    if (fx.text)
        assert_int_equal(hr_write_all(fd, fx.text, strlen(fx.text)), 0);
    else
        write_document(fd);
    return fx.result;
}

static int op_status(void *ctx, int fd)
{
    assert_ptr_equal(ctx, &fx);
    (void)asked("status;");
    return document(fd);
}

static int op_restart(void *ctx, const char *service, const char **ret_error)
{
    assert_ptr_equal(ctx, &fx);
    *ret_error = fx.reason;
    return asked("restart %s;", service);
}

static int op_stop(void *ctx, const char **ret_error)
{
    assert_ptr_equal(ctx, &fx);
    *ret_error = fx.reason;
    return asked("stop;");
}

static int op_reload(void *ctx, const char **ret_error)
{
    assert_ptr_equal(ctx, &fx);
    *ret_error = fx.reason;
    return asked("reload;");
}

static int op_drain(void *ctx, bool on, const char **ret_error)
{
    (void)ret_error;
    assert_ptr_equal(ctx, &fx);
    return asked("drain %d;", on);
}

static int op_crashes(void *ctx, int fd)
{
    assert_ptr_equal(ctx, &fx);
    (void)asked("crashes;");
    return document(fd);
}

static int op_crash(void *ctx, uint64_t number, int fd)
{
    assert_ptr_equal(ctx, &fx);
    (void)asked("crash %llu;", (unsigned long long)number);
    return document(fd);
}

const struct hr_control_ops fixture_ops = {
    .status = op_status,
    .restart = op_restart,
    .stop = op_stop,
    .reload = op_reload,
    .drain = op_drain,
    .crashes = op_crashes,
    .crash = op_crash,
};

int open_fixture(void **state)
{
    static int n;
    char name[64];
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)state;
    (void)sigaction(SIGPIPE, &ignore, NULL); /* as the supervisor does */
    memset(&fx, 0, sizeof(fx));
    fx.document = 64;
    (void)snprintf(name, sizeof(name), "@handrail-test/%d/%d", (int)getpid(), n++);
    (void)setenv("HANDRAIL_CONTROL", name, 1);
    fx.loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    return fx.loop && hr_control_start(&fx.control, fx.loop, &fixture_ops, &fx) ? 0 : -1;
}

int close_fixture(void **state)
{
    (void)state;
    hr_control_stop(&fx.control);
    ev_loop_destroy(fx.loop);
    (void)unsetenv("HANDRAIL_CONTROL");
    return 0;
}

/* ---- clients ------------------------------------------------------------------------------- */

static void turn_once(void)
{
    (void)ev_run(fx.loop, EVRUN_NOWAIT);
    (void)poll(NULL, 0, 1);
}

void turn(int64_t ms)
{
    int64_t end = hr_now_ms() + ms;
    for (int i = 0; i < LEAST_TURNS || hr_now_ms() < end; i++)
        turn_once();
}

int join(void)
{
    struct sockaddr_un sa;
    socklen_t len = 0;
    assert_int_equal(hr_control_address(fx.control.name, &sa, &len), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    while (connect(fd, (const struct sockaddr *)&sa, len) < 0) {
        assert_int_equal(errno, EAGAIN); /* the queue is full */
        turn_once();
    }
    return fd;
}

void say(int fd, const char *data, size_t n)
{
    int64_t end = hr_now_ms() + PATIENCE_MS;
    while (n) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            assert_true(hr_now_ms() < end);
            turn_once();
            continue;
        }
        if (sent < 0)
            return; /* closed: hear() tells */
        data += sent;
        n -= (size_t)sent;
    }
}

const char *hear(int fd)
{
    static char line[LINE];
    size_t n = 0;
    int64_t end = hr_now_ms() + PATIENCE_MS;
    for (;;) {
        /* A byte at a time would take for ever; what follows the newline must not be taken. */
        ssize_t got = recv(fd, line + n, sizeof(line) - n, MSG_PEEK);
        if (got < 0 && errno == EAGAIN) {
            assert_true(hr_now_ms() < end);
            (void)ev_run(fx.loop, EVRUN_NOWAIT);
            continue;
        }
        if (got <= 0)
            return NULL;
        const char *newline = memchr(line + n, '\n', (size_t)got);
        size_t part = newline ? (size_t)(newline + 1 - (line + n)) : (size_t)got;
        assert_int_equal(recv(fd, line + n, part, 0), part);
        n += part;
        if (newline) {
            line[n - 1] = '\0';
            return line;
        }
    }
}

const char *ask(int fd, const char *line)
{
    say(fd, line, strlen(line));
    say(fd, "\n", 1);
    return hear(fd);
}

bool hung_up(int fd, int64_t ms)
{
    char byte;
    for (int64_t end = hr_now_ms() + ms; hr_now_ms() < end;) {
        ssize_t n = recv(fd, &byte, 1, MSG_PEEK);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return true;
        turn_once();
    }
    return false;
}

int count_fds(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n;
}

int count_conns(void)
{
    int n = 0;
    for (int i = 0; i < HR_CONTROL_CONNS; i++)
        n += fx.control.conns[i].fd >= 0;
    return n;
}
