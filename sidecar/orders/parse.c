/* SPDX-License-Identifier: MIT
 * See parse.h.  The scanner knows strings and brackets and takes everything else for filling. */
#include "parse.h"

#include "common/fd.h"
#include "common/json_escape.h"
#include "common/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char wanted[] = "session_api_keys";

int hr_order_parse(const char *text, struct hr_order *ret)
{
    static const struct {
        const char *word;
        enum hr_order_kind kind;
    } known[] = {{"INIT ", HR_ORDER_INIT}, {"PAUSE ", HR_ORDER_PAUSE}, {"KEY ", HR_ORDER_KEY}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t n = strlen(known[i].word);
        int64_t starts = 0;
        if (strncmp(text, known[i].word, n) != 0)
            continue;
        if (hr_parse_int(text + n, 1, UINT32_MAX, &starts))
            return -EPROTO;
        *ret = (struct hr_order){.kind = known[i].kind, .starts = (uint32_t)starts};
        return 0;
    }
    return -EPROTO;
}

/* ---- the session key ---- */

struct scan {
    const char *p;
    const char *end;
};

/* The next character that is no white space, without taking it; '\0' at the end. */
static char peek(struct scan *s)
{
    while (s->p < s->end && strchr(" \t\r\n", *s->p) && *s->p)
        s->p++;
    if (s->p == s->end)
        return '\0';
    return *s->p;
}

static bool take(struct scan *s, char c)
{
    if (peek(s) != c || s->p == s->end)
        return false;
    s->p++;
    return true;
}

struct text {
    char bytes[HR_SESSION_KEY_MAX + 1];
    size_t len;
    bool bad; /* too long, or not a text that can be sent */
};

static void add_byte(struct text *t, unsigned char byte)
{
    if (t->len == HR_SESSION_KEY_MAX || byte < ' ' || byte == 0x7f)
        t->bad = true;
    else
        t->bytes[t->len++] = (char)byte;
}

/* What begins with a backslash.  One that is no escape is passed over with what it stands before,
 * which may be a quote. */
static void take_escape(struct scan *s, struct text *t)
{
    char bytes[4];
    uint32_t c = 0;
    size_t left = (size_t)(s->end - s->p);
    size_t n = hr_json_unescape(s->p, left, &c);
    size_t len = n ? hr_utf8_encode(bytes, c) : 0;
    for (size_t i = 0; i < len; i++)
        add_byte(t, (unsigned char)bytes[i]);
    t->bad = t->bad || !n;
    s->p += n ? n : left > 1 ? 2 : 1;
}

/* A string, decoded.  False if none begins here or it does not end. */
static bool take_string(struct scan *s, struct text *t)
{
    t->len = 0;
    t->bad = false;
    if (!take(s, '"'))
        return false;
    while (s->p < s->end && *s->p != '"') {
        if (*s->p == '\\')
            take_escape(s, t);
        else
            add_byte(t, (unsigned char)*s->p++);
    }
    t->bytes[t->len] = '\0';
    return take(s, '"');
}

/* Any value: up to the ',' or '}' that follows it.  `t` is scratch. */
static void skip_value(struct scan *s, struct text *t)
{
    for (size_t depth = 0; peek(s);) {
        char c = *s->p;
        if (c == '"') {
            (void)take_string(s, t);
            continue;
        }
        if (!depth && (c == ',' || c == '}' || c == ']'))
            return;
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        s->p++;
    }
}

int hr_order_session_key(const char *body, size_t len, char *out)
{
    struct scan s = {.p = body, .end = body + len};
    struct text t = {.len = 0};
    struct text key = {.len = 0};
    bool more = take(&s, '{');
    while (more && take_string(&s, &t) && take(&s, ':')) {
        if (!t.bad && t.len == sizeof(wanted) - 1 && strcmp(t.bytes, wanted) == 0) {
            struct scan value = s;
            if (!take(&value, '[') || !take_string(&value, &key) || key.bad)
                key.len = 0;
        }
        skip_value(&s, &t);
        more = take(&s, ',');
    }
    bool found = key.len > 0;
    if (found)
        memcpy(out, key.bytes, key.len + 1);
    explicit_bzero(&t, sizeof(t));
    explicit_bzero(&key, sizeof(key));
    return found ? 0 : -ENOKEY;
}
