/* SPDX-License-Identifier: MIT
 * The output of our children.  See output.h. */
#include "output.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "logline.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TOKENS_A_LINE = 1000 };

_Static_assert((int)HR_NSTREAMS <= (int)HR_TAIL_STREAMS, "the tail knows all streams");

/* Why lines are passed on: they are there, they have been held back for long enough, there will be
 * no more. */
enum reason { THERE, HELD, ENDED };

/* ---- the pipes ----------------------------------------------------------------------------- */

static int open_stream(struct hr_stream *s, const char *name, struct hr_sink *sink)
{
    int fds[2] = {-1, -1};
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK); /* cannot fail on a fresh pipe */
    s->read_fd = fds[0];
    s->write_fd = fds[1];
    s->name = name;
    s->sink = sink;
    s->inside = s->dropping = false;
    s->held_ms = -1;
    s->len = 0;
    return 0;
}

int hr_output_init(struct hr_output *o, const char *name, const struct hr_output_settings *settings)
{
    static const char *const names[HR_NSTREAMS] = {"stdout", "stderr"};
    int err = 0;
    o->name = name;
    o->mode = settings->mode;
    o->lines_per_s = settings->lines_per_s;
    o->lines = o->bytes = o->dropped_lines = o->dropped_bytes = o->limited = 0;
    o->now_ms = o->refill_ms = hr_now_ms();
    o->tokens = (int64_t)o->lines_per_s * HR_OUTPUT_BURST_MS;
    o->note_ms = 0;
    o->draining = false;
    hr_tail_reset(&o->tail);
    for (int i = 0; i < HR_NSTREAMS; i++)
        o->streams[i].read_fd = o->streams[i].write_fd = -1;
    for (int i = 0; i < HR_NSTREAMS && !err; i++)
        err = open_stream(&o->streams[i], names[i], settings->sinks[i]);
    if (err)
        hr_output_close(o);
    return err;
}

void hr_output_close(struct hr_output *o)
{
    for (int i = 0; i < HR_NSTREAMS && o->name; i++) {
        hr_close(&o->streams[i].read_fd);
        hr_close(&o->streams[i].write_fd);
    }
    o->name = NULL;
}

/* ---- lines --------------------------------------------------------------------------------- */

/* May one more line come?  A bucket of tokens that fills with time. */
static bool admit(struct hr_output *o)
{
    int64_t rate = o->lines_per_s;
    int64_t passed = o->now_ms - o->refill_ms;
    if (rate == 0)
        return true;
    if (passed > HR_OUTPUT_BURST_MS)
        passed = HR_OUTPUT_BURST_MS;
    o->tokens += passed * rate; /* lines a second are thousandths of lines a millisecond */
    if (o->tokens > rate * HR_OUTPUT_BURST_MS)
        o->tokens = rate * HR_OUTPUT_BURST_MS;
    o->refill_ms = o->now_ms;
    if (o->tokens < TOKENS_A_LINE)
        return false;
    o->tokens -= TOKENS_A_LINE;
    return true;
}

/* The first byte of a line, if it is that. */
static void begin_line(struct hr_output *o, struct hr_stream *s)
{
    if (s->inside)
        return;
    s->inside = true;
    s->dropping = !admit(o);
    if (s->dropping && o->limited++ == 0)
        o->note_ms = o->now_ms + HR_OUTPUT_NOTE_MS;
}

static void end_line(struct hr_output *o, struct hr_stream *s)
{
    o->lines++;
    o->dropped_lines += s->dropping;
    s->inside = s->dropping = false;
}

/* The first n bytes of the buffer are done with: into the tail, whatever became of them. */
static void consume(struct hr_output *o, struct hr_stream *s, size_t n)
{
    if (n > 0) {
        hr_tail_add(&o->tail, (unsigned)(s - o->streams), s->buffer, n);
        s->len -= n;
        memmove(s->buffer, s->buffer + n, s->len);
    }
    if (s->len == 0)
        s->held_ms = -1;
    else if (n > 0 || s->held_ms < 0)
        s->held_ms = o->now_ms;
}

static uint64_t newlines(const char *text, size_t n)
{
    uint64_t found = 0;
    for (const char *end = text + n; (text = memchr(text, '\n', (size_t)(end - text))); text++)
        found++;
    return found;
}

/* ---- byte for byte ------------------------------------------------------------------------- */

/* Lines in a row, in one write if there is room for all of them. */
static void put_run(struct hr_output *o, struct hr_stream *s, const char *text, size_t n)
{
    bool fits = hr_sink_fits(s->sink, s, n);
    while (n > 0) {
        const char *end = fits ? NULL : memchr(text, '\n', n);
        size_t m = end ? (size_t)(end - text) + 1 : n;
        if (!hr_sink_put(s->sink, s, text, m)) {
            o->dropped_bytes += m;
            o->dropped_lines += newlines(text, m);
            if (text[m - 1] != '\n')
                s->dropping = true; /* then the rest of it too */
        }
        text += m;
        n -= m;
    }
}

static void pass_raw(struct hr_output *o, struct hr_stream *s, enum reason why)
{
    size_t run = 0; /* from here on, lines that are to be passed on */
    size_t at = 0;
    while (at < s->len) {
        const char *end = memchr(s->buffer + at, '\n', s->len - at);
        size_t next = end ? (size_t)(end - s->buffer) + 1 : s->len;
        if (!end && why == THERE && next - at < HR_OUTPUT_PARTIAL)
            break;
        begin_line(o, s);
        if (s->dropping) {
            put_run(o, s, s->buffer + run, at - run);
            o->dropped_bytes += next - at;
            run = next;
        }
        at = next;
        if (end)
            end_line(o, s);
    }
    put_run(o, s, s->buffer + run, at - run);
    consume(o, s, at);
}

/* ---- line by line -------------------------------------------------------------------------- */

/* A piece of a line with our prefix, or as it is if it has that.  False: dropped. */
static bool put_own(const struct hr_output *o, struct hr_stream *s, const char *text, size_t n)
{
    char message[HR_LOGLINE_SERVICE + 2 + HR_OUTPUT_LINE];
    char line[HR_LOG_LINE];
    if (hr_logline_is_ours(text, n)) {
        memcpy(line, text, n);
        line[n] = '\n';
        return hr_sink_put(s->sink, s, line, n + 1);
    }
    int name_len =
        snprintf(message, HR_LOGLINE_SERVICE + 2, "%.*s: ", HR_LOGLINE_SERVICE - 1, o->name);
    size_t len = name_len < 0 ? 0 : (size_t)name_len;
    memcpy(message + len, text, n);
    len = hr_log_line(line, sizeof(line), HR_LOG_INFO, message, len + n);
    return hr_sink_put(s->sink, s, line, len);
}

/* The beginning of text, which is the last of its line or not.  The bytes taken. */
static size_t put_piece(struct hr_output *o, struct hr_stream *s, const char *text, size_t n,
                        bool first, bool last)
{
    static char object[HR_LOGLINE_ROOM];
    size_t taken = n;
    bool put = false;
    if (!s->dropping && o->mode == HR_OUTPUT_OWN) {
        taken = n < HR_OUTPUT_LINE ? n : HR_OUTPUT_LINE;
        put = put_own(o, s, text, taken);
    } else if (!s->dropping) {
        const struct hr_logline about = {o->name, s->name, first, last};
        size_t len = hr_logline_json(object, &about, text, n, &taken);
        put = (!last && !taken) || hr_sink_put(s->sink, s, object, len);
    }
    if (!put) {
        s->dropping = true;
        o->dropped_bytes += taken;
    }
    return taken;
}

/* Until when the sink wants us to wait, or -1. */
static int64_t waits_until(const struct hr_output *o, const struct hr_stream *s)
{
    int64_t until = hr_sink_full_until_ms(s->sink);
    return until < 0 || o->draining || until <= hr_now_ms() ? -1 : until;
}

static void pass_lines(struct hr_output *o, struct hr_stream *s, enum reason why)
{
    size_t enough = o->mode == HR_OUTPUT_OWN ? HR_OUTPUT_LINE : sizeof(s->buffer);
    size_t at = 0;
    hr_sink_hold(s->sink);
    while (at < s->len && waits_until(o, s) < 0) {
        const char *text = s->buffer + at;
        const char *end = memchr(text, '\n', s->len - at);
        size_t n = end ? (size_t)(end - text) : s->len - at;
        bool last = end || why == ENDED;
        if (!last && why == THERE && n < enough)
            break;
        bool first = !s->inside;
        begin_line(o, s);
        size_t taken = put_piece(o, s, text, n, first, last);
        if (last && taken == n) {
            taken += end != NULL;
            o->dropped_bytes += s->dropping && end;
            end_line(o, s);
        }
        if (taken == 0)
            break; /* half a character */
        at += taken;
    }
    hr_sink_release(s->sink);
    consume(o, s, at);
}

/* ---- events -------------------------------------------------------------------------------- */

static void advance(struct hr_output *o, struct hr_stream *s, enum reason why)
{
    if (o->mode != HR_OUTPUT_RAW)
        pass_lines(o, s, why);
    else if (waits_until(o, s) < 0)
        pass_raw(o, s, why);
}

/* One read, passed on.  False if there is no more for now. */
static bool read_once(struct hr_output *o, struct hr_stream *s)
{
    if (s->len == sizeof(s->buffer))
        advance(o, s, THERE);
    size_t room = sizeof(s->buffer) - s->len;
    if (room == 0 || waits_until(o, s) >= 0)
        return false;
    ssize_t n = read(s->read_fd, s->buffer + s->len, room);
    if (n <= 0)
        return false; /* end of file cannot come, we hold the other end */
    s->len += (size_t)n;
    o->bytes += (uint64_t)n;
    advance(o, s, THERE);
    return (size_t)n == room;
}

void hr_output_read(struct hr_output *o, enum hr_stream_id which)
{
    if (!o->name)
        return;
    o->now_ms = hr_now_ms();
    for (int i = 0; i < HR_OUTPUT_READS && read_once(o, &o->streams[which]); i++)
        ;
}

bool hr_output_wants_read(const struct hr_output *o, enum hr_stream_id which)
{
    return o->name && waits_until(o, &o->streams[which]) < 0;
}

/* Until when an unfinished line is held back, or -1. */
static int64_t held_until(const struct hr_output *o, const struct hr_stream *s)
{
    if (s->held_ms < 0 || o->mode == HR_OUTPUT_OWN)
        return -1;
    return s->held_ms + (o->mode == HR_OUTPUT_JSON ? HR_OUTPUT_HOLD_JSON_MS : HR_OUTPUT_HOLD_MS);
}

int64_t hr_output_deadline_ms(const struct hr_output *o)
{
    int64_t first = -1;
    if (!o->name)
        return -1;
    for (int i = 0; i < HR_NSTREAMS; i++) {
        const struct hr_stream *s = &o->streams[i];
        int64_t until = waits_until(o, s);
        if (until < 0)
            until = held_until(o, s);
        if (until >= 0 && (first < 0 || until < first))
            first = until;
    }
    if (o->limited && (first < 0 || o->note_ms < first))
        first = o->note_ms;
    return first;
}

/* How much the limit has dropped, if it has. */
static void tell_limited(struct hr_output *o)
{
    if (o->limited)
        hr_warn("%s: %" PRIu64 " line%s of output dropped: more than %u a second", o->name,
                o->limited, o->limited == 1 ? "" : "s", o->lines_per_s);
    o->limited = 0;
}

void hr_output_timer(struct hr_output *o)
{
    if (!o->name)
        return;
    o->now_ms = hr_now_ms();
    for (int i = 0; i < HR_NSTREAMS; i++) {
        struct hr_stream *s = &o->streams[i];
        int64_t until = held_until(o, s);
        bool held = until >= 0 && until <= o->now_ms;
        if (s->len)
            advance(o, s, held ? HELD : THERE);
        if (held && s->len)
            s->held_ms = o->now_ms; /* half a character, or the sink waits: from here on again */
    }
    if (o->note_ms <= o->now_ms)
        tell_limited(o);
}

/* The line at hand will not go on. */
static void close_line(struct hr_output *o, struct hr_stream *s)
{
    advance(o, s, ENDED);
    if (s->inside && o->mode == HR_OUTPUT_JSON)
        (void)put_piece(o, s, "", 0, false, true); /* after those that said "partial" */
    if (s->inside)
        end_line(o, s);
    hr_sink_forget(s->sink, s);
    hr_tail_end(&o->tail);
}

/* What the dead one has left: bytes that are there now.  Others may go on writing, and more of
 * theirs would only take the place of his in the tail. */
static uint64_t left_in(const struct hr_stream *s)
{
    int there = 0;
    bool known = ioctl(s->read_fd, FIONREAD, &there) == 0 && there < HR_OUTPUT_DRAIN;
    return known ? (uint64_t)there : HR_OUTPUT_DRAIN;
}

void hr_output_drain(struct hr_output *o)
{
    if (!o->name)
        return;
    o->now_ms = hr_now_ms();
    o->draining = true;
    for (int i = 0; i < HR_NSTREAMS; i++) { /* what it has died of is in the second one */
        struct hr_stream *s = &o->streams[i];
        uint64_t end = o->bytes + left_in(s);
        bool more = true;
        while (more && o->bytes < end) {
            if (hr_sink_wants_write(s->sink))
                hr_sink_flush(s->sink);
            more = read_once(o, s);
        }
        close_line(o, s);
    }
    o->draining = false;
    tell_limited(o); /* now: it may be the last that is heard of it */
}
