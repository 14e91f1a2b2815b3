/* SPDX-License-Identifier: MIT
 * Our own output.  See sink.h. */
#include "sink.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NOTE_MAX = 256, /* bytes of the line with the count, */
    TEXT_MAX = 128, /* and of what it says */
};

/* ---- the descriptor ------------------------------------------------------------------------ */

void hr_sink_init(struct hr_sink *s, int fd)
{
    s->name = fd == STDOUT_FILENO ? "standard output" : "standard error";
    hr_outlet_init(&s->outlet, fd);
    s->dropped_lines = s->dropped_bytes = s->errors = s->lost = 0;
    s->error = 0;
    s->from = NULL;
    s->inside = s->held = s->blocked = false;
    s->written = '\n';
    s->full_ms = -1;
    s->start = s->len = 0;
}

void hr_sink_close(struct hr_sink *s)
{
    hr_outlet_close(&s->outlet);
    s->len = 0;
}

bool hr_sink_same(int fd, int other)
{
    struct stat a;
    struct stat b;
    return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

int hr_sink_fd(const struct hr_sink *s)
{
    return s->outlet.fd;
}

/* Write as much as there is room for.  *ret_done: the bytes written.  0 or -errno. */
static int pass(struct hr_sink *s, const char *data, size_t n, size_t *ret_done)
{
    size_t done = 0;
    while (done < n) {
        ssize_t w = hr_outlet_write(&s->outlet, data + done, n - done);
        if (w == -EINTR)
            continue;
        if (w == -EAGAIN || w == 0)
            break;
        if (w < 0)
            return (int)w;
        done += (size_t)w;
        s->written = data[done - 1];
    }
    s->blocked = done < n;
    *ret_done = done;
    return 0;
}

/* ---- what was dropped ---------------------------------------------------------------------- */

/* Lines in data, an unfinished last one too. */
static uint64_t count_lines(const char *data, size_t n)
{
    uint64_t lines = 0;
    const char *end = data + n;
    while (data < end) {
        const char *nl = memchr(data, '\n', (size_t)(end - data));
        lines++;
        data = nl ? nl + 1 : end;
    }
    return lines;
}

static void drop(struct hr_sink *s, const char *data, size_t n)
{
    uint64_t lines = count_lines(data, n);
    s->lost += lines;
    s->dropped_lines += lines;
    s->dropped_bytes += n;
}

/* A write has failed: what waits will not get there either. */
static void fail(struct hr_sink *s, int err)
{
    s->errors++;
    s->error = -err;
    if (s->len)
        drop(s, s->queue + s->start, s->len);
    s->len = 0;
    s->full_ms = -1;
    s->blocked = false;
    s->inside = s->written != '\n';
}

/* After a failure: is it still as it was?  Asking costs less than trying, and says it without a
 * signal. */
static bool is_gone(const struct hr_sink *s)
{
    return s->error && (hr_outlet_ask(&s->outlet) & (POLLERR | POLLHUP | POLLNVAL));
}

/* Behind a line of another one, or of anybody whose next bytes are not those that follow it. */
static bool needs_newline(const struct hr_sink *s, const void *from)
{
    return s->inside && (s->from != from || s->lost);
}

/* How many lines are missing, and why. */
static size_t describe(const struct hr_sink *s, char text[TEXT_MAX])
{
    int n = snprintf(text, TEXT_MAX, "%" PRIu64 " line%s of output dropped: %s%s%s", s->lost,
                     s->lost == 1 ? "" : "s", s->name, s->error ? ": " : "",
                     s->error ? strerror(s->error) : " was not being read");
    return n < 0 ? 0 : n < TEXT_MAX ? (size_t)n : TEXT_MAX - 1;
}

/* What must come before a piece: the end of another one's line, and the count of lines that are
 * missing here.  Its length. */
static size_t make_head(const struct hr_sink *s, const void *from, char head[NOTE_MAX])
{
    size_t len = 0;
    if (needs_newline(s, from))
        head[len++] = '\n';
    if (!s->lost)
        return len;
    char text[TEXT_MAX];
    size_t text_len = describe(s, text);
    return len + hr_log_line(head + len, NOTE_MAX - len, HR_LOG_WARNING, text, text_len);
}

/* ---- the queue ----------------------------------------------------------------------------- */

static void append(struct hr_sink *s, const char *data, size_t n)
{
    if (n == 0)
        return;
    if (s->len == 0)
        s->start = 0;
    if (n > sizeof(s->queue) - s->start - s->len) {
        memmove(s->queue, s->queue + s->start, s->len);
        s->start = 0;
    }
    memcpy(s->queue + s->start + s->len, data, n);
    s->len += n;
    if (s->len > HR_SINK_HIGH && s->full_ms < 0)
        s->full_ms = hr_now_ms();
}

/* Behind what waits, or out at once.  There is room in the queue.  0 or -errno. */
static int add(struct hr_sink *s, const char *data, size_t n)
{
    size_t done = 0;
    int err = s->len || s->held ? 0 : pass(s, data, n, &done);
    if (!err)
        append(s, data + done, n - done);
    return err;
}

/* Say what must be said before a piece.  There is room in the queue.  0 or -errno. */
static int begin(struct hr_sink *s, const void *from)
{
    char head[NOTE_MAX];
    size_t n = make_head(s, from, head);
    if (n == 0)
        return 0;
    int err = add(s, head, n);
    if (!err) {
        s->lost = 0;
        s->error = 0;
        s->inside = false;
    }
    return err;
}

bool hr_sink_fits(const struct hr_sink *s, const void *from, size_t n)
{
    size_t head = s->lost ? NOTE_MAX : needs_newline(s, from);
    size_t room = sizeof(s->queue) - s->len;
    return head <= room && n <= room - head;
}

bool hr_sink_put(struct hr_sink *s, const void *from, const char *data, size_t n)
{
    int saved = errno;
    if (n == 0)
        return true;
    if (!hr_sink_fits(s, from, n) || is_gone(s)) {
        drop(s, data, n);
        errno = saved;
        return false;
    }
    int err = begin(s, from);
    if (!err)
        err = add(s, data, n);
    if (err) {
        fail(s, err);
        drop(s, data, n);
    } else {
        s->error = 0;
        s->inside = data[n - 1] != '\n';
        s->from = from;
    }
    if (s->held && s->len >= HR_SINK_HELD && !s->blocked)
        hr_sink_flush(s);
    errno = saved;
    return !err;
}

void hr_sink_hold(struct hr_sink *s)
{
    s->held = true;
}

void hr_sink_release(struct hr_sink *s)
{
    s->held = false;
    if (s->len && !s->blocked)
        hr_sink_flush(s);
}

void hr_sink_forget(struct hr_sink *s, const void *from)
{
    if (s->inside && s->from == from)
        s->from = s;
}

bool hr_sink_wants_write(const struct hr_sink *s)
{
    return s->len > 0;
}

void hr_sink_flush(struct hr_sink *s)
{
    int saved = errno;
    size_t done = 0;
    int err = pass(s, s->queue + s->start, s->len, &done);
    if (!err) {
        s->start += done;
        s->len -= done;
        if (s->len <= HR_SINK_LOW)
            s->full_ms = -1;
        else if (done > 0 && s->full_ms >= 0)
            s->full_ms = hr_now_ms(); /* slow, but he reads */
        if (s->len == 0 && s->lost && !is_gone(s))
            err = begin(s, s);
    }
    if (err)
        fail(s, err);
    errno = saved;
}

int64_t hr_sink_full_until_ms(const struct hr_sink *s)
{
    return s->full_ms < 0 ? -1 : s->full_ms + HR_SINK_PATIENCE_MS;
}

void hr_sink_give_up(struct hr_sink *s)
{
    char text[TEXT_MAX];
    if (s->len)
        drop(s, s->queue + s->start, s->len);
    s->len = 0;
    if (s->lost)
        hr_warn("%.*s", (int)describe(s, text), text);
    s->lost = 0;
}
