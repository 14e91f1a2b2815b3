/* SPDX-License-Identifier: MIT
 * One connection of the sidecar.  See conn.h. */
#include "conn.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/passing.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

enum {
    READ_CHUNK = 64 * 1024,  /* bytes of one read */
    READ_SHARE = 16,         /* reads before others have their turn */
    KEEP_MEMORY = 64 * 1024, /* bytes of an empty buffer that are worth keeping */
};

void hr_conn_open(struct hr_conn *c, int fd, uint64_t serial, int64_t now_ms)
{
    *c = (struct hr_conn){.fd = fd, .serial = serial, .accepted_ms = now_ms};
    /* one whole frame, and what one read may bring behind it */
    hr_buf_init(&c->in, sizeof(struct hr_frame) + HR_FRAME_MAX + READ_CHUNK);
    hr_buf_init(&c->out, HR_CONN_OUT_MAX);
}

void hr_conn_close(struct hr_conn *c)
{
    hr_close(&c->fd);
    hr_buf_free(&c->in);
    hr_buf_free(&c->out);
    c->serial = 0;
}

/* Forget the first n bytes, and the memory too if there was a lot of it and now nothing in it. */
static void forget(struct hr_buf *b, size_t *n)
{
    hr_buf_consume(b, *n);
    *n = 0;
    if (b->len == 0 && b->cap > KEEP_MEMORY)
        hr_buf_free(b);
}

void hr_conn_read(struct hr_conn *c)
{
    static char chunk[READ_CHUNK]; /* the main thread's alone */
    for (int i = 0; i < READ_SHARE && !c->broken; i++) {
        /* the rest of a frame must be dealt with before more fits */
        if (c->in.len - c->in_at >= sizeof(struct hr_frame) + HR_FRAME_MAX)
            return;
        ssize_t n = recv(c->fd, chunk, sizeof(chunk), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        forget(&c->in, &c->in_at);
        if (n < 0)
            c->broken = "reading failed";
        else if (n == 0)
            c->broken = "";
        else if (hr_buf_add(&c->in, chunk, (size_t)n))
            c->broken = "no memory for what it sends";
        else if ((size_t)n < sizeof(chunk))
            return;
    }
}

bool hr_conn_next(struct hr_conn *c, struct hr_frame *ret_frame, const char **ret_payload)
{
    if (c->broken && *c->broken)
        return false;
    if (c->in_at == c->in.len) {
        forget(&c->in, &c->in_at);
        return false;
    }
    struct hr_frame frame;
    const char *payload = NULL;
    int got = hr_frame_peek(c->in.data + c->in_at, c->in.len - c->in_at, &frame, &payload);
    if (got < 0)
        c->broken = "it sent what is not a frame";
    if (got <= 0)
        return false;
    c->in_at += sizeof(frame) + frame.len;
    *ret_frame = frame;
    *ret_payload = payload;
    return true;
}

void hr_conn_send(struct hr_conn *c, enum hr_frame_type type, uint64_t id, const void *payload,
                  size_t len)
{
    if (c->broken)
        return;
    if (!hr_conn_has_output(c))
        c->progress_ms = hr_now_ms();
    if (hr_frame_add(&c->out, type, id, payload, len))
        c->broken = "it does not read its answers, or there is no memory for them";
    else
        hr_conn_flush(c);
}

void hr_conn_flush(struct hr_conn *c)
{
    while (!c->broken && c->out_at < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->out_at, c->out.len - c->out_at,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && !hr_error_passes(errno))
            c->broken = errno == EPIPE || errno == ECONNRESET ? "" : "writing failed";
        else if (n < 0 && errno != EAGAIN)
            (void)poll(NULL, 0, 1); /* the kernel has no memory, and says POLLOUT all the same */
        if (n < 0)
            break;
        c->out_at += (size_t)n;
        c->progress_ms = hr_now_ms();
    }
    /* moving what is left is worth it only when most has gone */
    if (c->out_at > c->out.len / 2)
        forget(&c->out, &c->out_at);
}

bool hr_conn_has_output(const struct hr_conn *c)
{
    return c->out_at < c->out.len;
}

bool hr_conn_full(const struct hr_conn *c)
{
    return c->out.len - c->out_at > HR_CONN_OUT_FULL;
}
