/* SPDX-License-Identifier: MIT
 * handrail probe: one question to the sidecar over its unix socket, for exec probes of the kubelet
 * and for scripts.
 *
 * Over that socket alone: the containers of a pod share the network, so the health port might
 * answer for another container; and whatever floods it, this socket is not reached from there.
 *
 * The kubelet starts it every few seconds, so it does what is needed and no more. */
#include "commands.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "control_client.h"
#include "probe_answer.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* The kubelet waits 1 s if it is not told otherwise, and then shows nothing of what we say. */
enum { TIMEOUT_MS = 900 };

static const struct hr_client_place probe_place = {"HANDRAIL_PROBE", HR_PROBE_PREFIX, true};

static const char usage[] = "handrail probe live|ready|startup|warm [--verbose] "
                            "[--timeout=SECONDS, default 0.9] [--pid=N | --socket=NAME]";

static const struct {
    const char *word;
    const char *path;
} questions[] = {
    {"live", "/livez"}, {"ready", "/readyz"}, {"startup", "/startupz"}, {"warm", "/warmz"}};

static const char *path_of(const char *word)
{
    for (size_t i = 0; word && i < sizeof(questions) / sizeof(questions[0]); i++)
        if (strcmp(word, questions[i].word) == 0)
            return questions[i].path;
    return NULL;
}

/* 0 or -errno. */
static int send_question(int fd, const char *path, bool verbose)
{
    char text[128];
    int n = snprintf(text, sizeof(text),
                     "GET %s%s HTTP/1.1\r\nHost: handrail\r\nConnection: close\r\n\r\n", path,
                     verbose ? "?verbose" : "");
    ssize_t sent = send(fd, text, (size_t)n, MSG_NOSIGNAL); /* so short that it goes whole or not */
    return sent == n ? 0 : sent < 0 ? -errno : -EPIPE;
}

/* Read until the answer is whole.  0, -ETIMEDOUT, -EPIPE if it ends before that, or what
 * hr_probe_answer_read() says. */
static int receive(int fd, int64_t deadline_ms, char *data, struct hr_probe_answer *ret)
{
    size_t have = 0;
    int err = -EAGAIN;
    while (err == -EAGAIN) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = deadline_ms - hr_now_ms();
        if (left <= 0)
            return -ETIMEDOUT;
        if (poll(&p, 1, (int)left) <= 0)
            continue;
        ssize_t n = recv(fd, data + have, HR_PROBE_ANSWER_MAX - have, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        have += (size_t)n;
        err = hr_probe_answer_read(data, have, ret);
    }
    return err;
}

/* Whole lines, also where the last one does not end like one. */
static void print_lines(const char *text, size_t n)
{
    hr_text_print_lines(stdout, text, n);
    if (n && text[n - 1] != '\n')
        (void)putchar('\n');
}

/* The lines of the checks that fail; of an answer that has none, its first line. */
static void print_failing(const struct hr_probe_answer *a)
{
    static const char mark[] = "[-]";
    const char *end = a->body + a->len;
    bool any = false;
    const char *next = NULL;
    for (const char *at = a->body; at < end; at = next) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        next = newline ? newline + 1 : end;
        if ((size_t)(end - at) < sizeof(mark) - 1 || memcmp(at, mark, sizeof(mark) - 1) != 0)
            continue;
        print_lines(at, (size_t)(next - at));
        any = true;
    }
    const char *newline = memchr(a->body, '\n', a->len);
    if (!any)
        print_lines(a->body, newline ? (size_t)(newline - a->body) : a->len);
}

static int report(const struct hr_client_options *o, const char *path,
                  const struct hr_probe_answer *a)
{
    if (a->status != 200 && a->status != 503)
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "%s was answered with %d: %.*s", path,
                              a->status, (int)strcspn(a->body, "\n"), a->body);
    if (o->verbose || a->status == 200)
        print_lines(a->body, a->len);
    else
        print_failing(a);
    return a->status == 200 ? 0 : HR_EXIT_REFUSED;
}

static int tell_error(const struct hr_client_options *o, int err, const char *name,
                      int64_t timeout_ms)
{
    switch (err) {
    case -ETIMEDOUT:
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE,
                              "no answer on %s within %lld ms: the sidecar is stopped, or busy, or "
                              "being restarted",
                              name, (long long)timeout_ms);
    case -EPIPE:
    case -ECONNRESET:
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE,
                              "%s was closed before there was a whole answer", name);
    case -EPROTO:
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "what came from %s is no HTTP answer", name);
    case -E2BIG:
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "the answer on %s is longer than %d bytes",
                              name, HR_PROBE_ANSWER_MAX);
    default:
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "cannot talk to the sidecar on %s: %s", name,
                              strerror(-err));
    }
}

static int ask(const struct hr_client_options *o, const char *path)
{
    static char data[HR_PROBE_ANSWER_MAX + 1]; /* what is read ends with a NUL */
    char name[HR_CONTROL_NAME_MAX];
    struct hr_probe_answer answer;
    int fd = -1;
    int64_t timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
    int64_t deadline_ms = hr_now_ms() + timeout_ms;
    int code = hr_client_connect(o, &probe_place, (unsigned)timeout_ms, name, &fd);
    if (code)
        return code;
    int err = send_question(fd, path, o->verbose);
    if (!err)
        err = receive(fd, deadline_ms, data, &answer);
    hr_close(&fd);
    return err ? tell_error(o, err, name, timeout_ms) : report(o, path, &answer);
}

int hr_cli_probe(char **argv)
{
    struct hr_client_options o;
    int code = hr_client_parse(argv, HR_TAKES_WORD | HR_TAKES_PROBE, usage, &o);
    if (code || o.help)
        return code;
    const char *path = path_of(o.word);
    if (!path)
        return hr_client_fail(&o, HR_EXIT_USAGE,
                              "%s: expected live, ready, startup or warm; usage: %s",
                              o.word ? o.word : "nothing", usage);
    return ask(&o, path);
}
