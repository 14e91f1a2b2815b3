/* SPDX-License-Identifier: MIT
 * See parse.h.  The scanner knows strings and brackets and takes everything else for filling. */
#include "parse.h"

#include "common/fd.h"

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

/* Four hexadecimal digits; -1 if they are not. */
static int32_t take_hex(struct scan *s)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++, s->p++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *d = s->p < s->end && *s->p ? strchr(digits, *s->p) : NULL;
        if (!d)
            return -1;
        value = value * 16 + (int32_t)((d - digits) % 16);
    }
    return value;
}

/* What stands after "\u", with the second half of a surrogate pair if there is one; -1 if it is no
 * character. */
static int32_t take_escape(struct scan *s)
{
    int32_t code = take_hex(s);
    if (code < 0xd800 || code > 0xdfff)
        return code;
    if (code > 0xdbff || s->end - s->p < 2 || s->p[0] != '\\' || s->p[1] != 'u')
        return -1;
    s->p += 2;
    int32_t low = take_hex(s);
    return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
}

struct text {
    char bytes[HR_SESSION_KEY_MAX + 1];
    size_t len;
    bool bad; /* too long, or not a text that can be sent */
};

static void add_byte(struct text *t, int32_t byte)
{
    if (t->len == HR_SESSION_KEY_MAX || byte < ' ' || byte == 0x7f)
        t->bad = true;
    else
        t->bytes[t->len++] = (char)byte;
}

static void add_character(struct text *t, int32_t code)
{
    if (code < 0x80) {
        add_byte(t, code); /* -1 is refused there */
    } else if (code < 0x800) {
        add_byte(t, 0xc0 | code >> 6);
        add_byte(t, 0x80 | (code & 0x3f));
    } else {
        if (code < 0x10000) {
            add_byte(t, 0xe0 | code >> 12);
        } else {
            add_byte(t, 0xf0 | code >> 18);
            add_byte(t, 0x80 | (code >> 12 & 0x3f));
        }
        add_byte(t, 0x80 | (code >> 6 & 0x3f));
        add_byte(t, 0x80 | (code & 0x3f));
    }
}

/* What stands after a backslash. */
static void take_special(struct scan *s, struct text *t)
{
    if (s->p == s->end)
        return; /* nor will the string end */
    char c = *s->p++;
    if (c == 'u')
        add_character(t, take_escape(s));
    else if (c == '"' || c == '\\' || c == '/')
        add_byte(t, c);
    else
        t->bad = true; /* a control character, or no escape at all */
}

/* A string, decoded.  False if none begins here or it does not end. */
static bool take_string(struct scan *s, struct text *t)
{
    t->len = 0;
    t->bad = false;
    if (!take(s, '"'))
        return false;
    while (s->p < s->end) {
        char c = *s->p++;
        if (c == '"') {
            t->bytes[t->len] = '\0';
            return true;
        }
        if (c == '\\')
            take_special(s, t);
        else
            add_byte(t, (unsigned char)c);
    }
    return false;
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
