/* SPDX-License-Identifier: MIT
 * JSON as it comes.  See json_out.h. */
#include "json_out.h"

#include "fd.h"
#include "json_escape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void hr_json_out_init(struct hr_json_out *w, int fd)
{
    w->fd = fd;
    w->err = 0;
    w->len = 0;
    w->depth = 0;
    w->keyed = false;
    w->done = false;
}

static void fail(struct hr_json_out *w, int err)
{
    if (!w->err)
        w->err = err;
}

static void flush(struct hr_json_out *w)
{
    if (!w->err && w->len)
        fail(w, hr_write_all(w->fd, w->buf, w->len));
    w->len = 0;
}

/* n is much less than the buffer. */
static void raw(struct hr_json_out *w, const char *s, size_t n)
{
    if (n > sizeof(w->buf) - w->len)
        flush(w);
    if (w->err)
        return;
    memcpy(w->buf + w->len, s, n);
    w->len += n;
}

static void quoted(struct hr_json_out *w, const char *s, size_t n)
{
    raw(w, "\"", 1);
    while (n && !w->err) {
        size_t taken = 0;
        w->len += hr_json_escape(w->buf + w->len, sizeof(w->buf) - w->len, s, n, &taken);
        s += taken;
        n -= taken;
        if (n)
            flush(w);
    }
    raw(w, "\"", 1);
}

/* A value may come here; the comma before it.  False after an error. */
static bool may_begin(struct hr_json_out *w)
{
    if (w->depth == 0) {
        if (w->done)
            fail(w, -EINVAL);
        return !w->err;
    }
    if (w->kinds[w->depth - 1] == '{') {
        if (!w->keyed)
            fail(w, -EINVAL);
        w->keyed = false;
        return !w->err;
    }
    if (w->some[w->depth - 1])
        raw(w, ",", 1);
    w->some[w->depth - 1] = true;
    return !w->err;
}

static void ended(struct hr_json_out *w)
{
    if (w->depth == 0)
        w->done = true;
}

void hr_json_out_begin(struct hr_json_out *w, char kind)
{
    if (w->depth == HR_JSON_OUT_DEPTH || (kind != '{' && kind != '['))
        fail(w, -EINVAL);
    if (!may_begin(w))
        return;
    raw(w, &kind, 1);
    w->kinds[w->depth] = kind;
    w->some[w->depth] = false;
    w->depth++;
}

void hr_json_out_end(struct hr_json_out *w)
{
    if (w->depth == 0 || w->keyed)
        fail(w, -EINVAL);
    if (w->err)
        return;
    w->depth--;
    raw(w, w->kinds[w->depth] == '{' ? "}" : "]", 1);
    ended(w);
}

void hr_json_out_key(struct hr_json_out *w, const char *key)
{
    if (w->depth == 0 || w->kinds[w->depth - 1] != '{' || w->keyed)
        fail(w, -EINVAL);
    if (w->err)
        return;
    if (w->some[w->depth - 1])
        raw(w, ",", 1);
    w->some[w->depth - 1] = true;
    quoted(w, key, strlen(key));
    raw(w, ":", 1);
    w->keyed = true;
}

void hr_json_out_bytes(struct hr_json_out *w, const char *s, size_t n)
{
    if (!may_begin(w))
        return;
    quoted(w, s, n);
    ended(w);
}

void hr_json_out_string(struct hr_json_out *w, const char *s)
{
    hr_json_out_bytes(w, s, strlen(s));
}

static void word(struct hr_json_out *w, const char *s)
{
    if (!may_begin(w))
        return;
    raw(w, s, strlen(s));
    ended(w);
}

void hr_json_out_int(struct hr_json_out *w, int64_t v)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRId64, v);
    word(w, text);
}

void hr_json_out_uint(struct hr_json_out *w, uint64_t v)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRIu64, v);
    word(w, text);
}

void hr_json_out_seconds(struct hr_json_out *w, int64_t ms)
{
    char text[40];
    uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    (void)snprintf(text, sizeof(text), "%s%" PRIu64 ".%03u", ms < 0 ? "-" : "", size / 1000,
                   (unsigned)(size % 1000));
    word(w, text);
}

void hr_json_out_bool(struct hr_json_out *w, bool v)
{
    word(w, v ? "true" : "false");
}

void hr_json_out_null(struct hr_json_out *w)
{
    word(w, "null");
}

int hr_json_out_finish(struct hr_json_out *w)
{
    if (!w->done)
        fail(w, -EINVAL);
    raw(w, "\n", 1);
    flush(w);
    return w->err;
}
