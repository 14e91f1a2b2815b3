/* SPDX-License-Identifier: MIT
 * Asking the sidecar.  See sidecar_client.h. */
#include "sidecar_client.h"

#include "common/clock.h"
#include "common/fd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum {
    JSON_TIMEOUT_MS = 2000, /* the sidecar answers at once, or is busy or not there */
    JSON_MAX = 32 * 1024 * 1024,
    CHUNK = 16 * 1024,
};

static const struct hr_client_place place = {"HANDRAIL_PROBE", HR_PROBE_PREFIX, true};

/* 0 or -errno. */
static int send_question(int fd, const char *target)
{
    char text[128];
    int n = snprintf(text, sizeof(text),
                     "GET %s HTTP/1.1\r\nHost: handrail\r\nConnection: close\r\n\r\n", target);
    ssize_t sent = send(fd, text, (size_t)n, MSG_NOSIGNAL); /* so short that it goes whole or not */
    return sent == n ? 0 : sent < 0 ? -errno : -EPIPE;
}

/* Add what has come to in.  0 (also for nothing), -EPIPE at its end, or -errno. */
static int receive_some(int fd, struct hr_buf *in)
{
    char chunk[CHUNK];
    ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0)
        return n < 0 ? -errno : -EPIPE;
    return hr_buf_add(in, chunk, (size_t)n);
}

/* Read until the answer is whole.  0, -ETIMEDOUT, -EPIPE if it ends before that, or what
 * hr_probe_answer_read() says. */
static int receive(int fd, int64_t deadline_ms, struct hr_buf *in, struct hr_probe_answer *ret)
{
    int err = -EAGAIN;
    while (err == -EAGAIN) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = deadline_ms - hr_now_ms();
        if (left <= 0)
            return -ETIMEDOUT;
        if (poll(&p, 1, (int)left) <= 0)
            continue;
        err = receive_some(fd, in);
        if (!err)
            err = hr_probe_answer_read(hr_buf_str(in), in->len, in->max, ret);
    }
    return err;
}

static int tell_error(const struct hr_client_options *o, int err, const char *name,
                      int64_t timeout_ms, size_t max)
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
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "the answer on %s is longer than %zu bytes",
                              name, max);
    default:
        return hr_client_fail(o, HR_EXIT_UNAVAILABLE, "cannot talk to the sidecar on %s: %s", name,
                              strerror(-err));
    }
}

int hr_sidecar_ask(const struct hr_client_options *o, const char *target, int64_t timeout_ms,
                   struct hr_buf *in, struct hr_probe_answer *ret)
{
    struct hr_client_link link = {.fd = -1};
    int64_t deadline_ms = hr_now_ms() + timeout_ms;
    int code = hr_client_connect(o, &place, (unsigned)timeout_ms, &link);
    if (code)
        return code;
    int err = send_question(link.fd, target);
    if (!err)
        err = receive(link.fd, deadline_ms, in, ret);
    hr_close(&link.fd);
    return err ? tell_error(o, err, link.name, timeout_ms, in->max) : 0;
}

int hr_sidecar_ask_json(const struct hr_client_options *o, const char *target, json_t **ret)
{
    struct hr_buf in;
    struct hr_probe_answer answer = {.status = 0};
    hr_buf_init(&in, JSON_MAX);
    int code =
        hr_sidecar_ask(o, target, o->timeout_ms ? o->timeout_ms : JSON_TIMEOUT_MS, &in, &answer);
    json_t *json = NULL;
    if (!code && answer.status != 200)
        code = hr_client_fail(o, HR_EXIT_UNAVAILABLE, "%s was answered with %d", target,
                              answer.status);
    else if (!code)
        json = json_loadb(answer.body, answer.len, JSON_REJECT_DUPLICATES, NULL);
    if (!code && !json)
        code = hr_client_fail(o, HR_EXIT_UNAVAILABLE, "the answer to %s is not JSON", target);
    hr_buf_free(&in);
    if (!code)
        *ret = json;
    return code;
}
