/* SPDX-License-Identifier: MIT
 * One order to PID 1.  See control_parse.h. */
#include "control_parse.h"

#include "common/json_escape.h"
#include "common/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = HR_SERVICE_NAME_MAX }; /* bytes of the longest string of an order, with a NUL */

enum key { KEY_ORDER, KEY_SERVICE, KEY_ON, KEY_NUMBER, NKEYS };
#define BIT(key) (1u << (key))

static const char *const key_names[NKEYS] = {"order", "service", "on", "number"};

/* What each order takes, and needs. */
static const struct {
    const char *name;
    unsigned keys;
} orders[HR_NORDERS] = {
    [HR_ORDER_STATUS] = {"status", 0},
    [HR_ORDER_RESTART] = {"restart", BIT(KEY_SERVICE)},
    [HR_ORDER_STOP] = {"stop", 0},
    [HR_ORDER_RELOAD] = {"reload", 0},
    [HR_ORDER_DRAIN] = {"drain", BIT(KEY_ON)},
    [HR_ORDER_CRASHES] = {"crashes", 0},
    [HR_ORDER_CRASH] = {"crash", BIT(KEY_NUMBER)},
};

struct reader {
    const char *text;
    size_t n;
    size_t at;
    char *error;
};

const char *hr_order_name(enum hr_order order)
{
    return orders[order].name;
}

/* Say what is wrong with the byte at `at`.  -EINVAL, for the caller to return. */
__attribute__((format(printf, 3, 4))) static int fail(struct reader *r, size_t at, const char *fmt,
                                                      ...)
{
    int n = snprintf(r->error, HR_ORDER_ERROR, "byte %zu: ", at + 1);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->error + n, (size_t)(HR_ORDER_ERROR - n), fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* The next byte, or -1 at the end. */
static int peek(const struct reader *r)
{
    return r->at < r->n ? (unsigned char)r->text[r->at] : -1;
}

static void skip_space(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\r' || peek(r) == '\n')
        r->at++;
}

/* Step over c if it is next. */
static bool take(struct reader *r, char c)
{
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

/* Step over a word if it is next. */
static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if (r->n - r->at < n || memcmp(r->text + r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* What the escape that is next stands for, as bytes in out. */
static int read_escape(struct reader *r, char out[4], size_t *ret_n)
{
    uint32_t c = 0;
    size_t taken = hr_json_unescape(r->text + r->at, r->n - r->at, &c);
    if (!taken)
        return fail(r, r->at,
                    "unknown escape: \\u takes four hexadecimal digits, and a surrogate its "
                    "other half");
    if (c == 0)
        return fail(r, r->at, "a name cannot hold a NUL");
    r->at += taken;
    *ret_n = hr_utf8_encode(out, c);
    return 0;
}

/* A string, as bytes and a NUL. */
static int read_string(struct reader *r, char out[TEXT])
{
    size_t start = r->at;
    size_t len = 0;
    r->at++; /* its quote */
    while (!take(r, '"')) {
        char piece[4];
        size_t n = 1;
        int c = peek(r);
        if (c < 0)
            return fail(r, start, "the string does not end");
        if (c < 0x20)
            return fail(r, r->at, "control character in a string");
        piece[0] = (char)c;
        int err = 0;
        if (c == '\\')
            err = read_escape(r, piece, &n);
        else
            r->at++;
        if (err)
            return err;
        if (len + n >= TEXT)
            return fail(r, start, "string of more than %d bytes", TEXT - 1);
        memcpy(out + len, piece, n);
        len += n;
    }
    out[len] = '\0';
    return 0;
}

static int read_order(struct reader *r, struct hr_control_order *o)
{
    char text[TEXT];
    size_t start = r->at;
    if (peek(r) != '"')
        return fail(r, start, "\"order\" takes a string");
    int err = read_string(r, text);
    if (err)
        return err;
    for (int i = 0; i < HR_NORDERS; i++) {
        if (strcmp(text, orders[i].name) == 0) {
            o->order = (enum hr_order)i;
            return 0;
        }
    }
    return fail(r, start,
                "unknown order \"%s\": expected status, restart, stop, reload, drain, crashes or "
                "crash",
                text);
}

static int read_service(struct reader *r, struct hr_control_order *o)
{
    size_t start = r->at;
    if (peek(r) != '"')
        return fail(r, start, "\"service\" takes a string");
    int err = read_string(r, o->service);
    if (!err && !o->service[0])
        return fail(r, start, "\"service\" is empty: name a service that status lists");
    return err;
}

static int read_on(struct reader *r, struct hr_control_order *o)
{
    o->on = take_word(r, "true");
    if (!o->on && !take_word(r, "false"))
        return fail(r, r->at, "\"on\" takes true or false");
    return 0;
}

static int read_number(struct reader *r, struct hr_control_order *o)
{
    static const char wanted[] = "\"number\" takes a whole number from 1";
    size_t start = r->at;
    uint64_t v = 0;
    if (peek(r) < '1' || peek(r) > '9')
        return fail(r, start, "%s", wanted);
    while (peek(r) >= '0' && peek(r) <= '9') {
        unsigned digit = (unsigned)(peek(r) - '0');
        if (v > ((uint64_t)INT64_MAX - digit) / 10)
            return fail(r, start, "the number is too large");
        v = v * 10 + digit;
        r->at++;
    }
    if (peek(r) == '.' || (peek(r) | 0x20) == 'e')
        return fail(r, start, "%s", wanted);
    o->number = v;
    return 0;
}

/* One "key": value. */
static int read_member(struct reader *r, struct hr_control_order *o, unsigned *seen)
{
    static int (*const readers[NKEYS])(struct reader *, struct hr_control_order *) = {
        read_order, read_service, read_on, read_number};
    char text[TEXT];
    size_t start = r->at;
    int key = 0;
    if (peek(r) != '"')
        return fail(r, start, "expected a key in quotes");
    int err = read_string(r, text);
    if (err)
        return err;
    while (key < NKEYS && strcmp(text, key_names[key]) != 0)
        key++;
    if (key == NKEYS)
        return fail(r, start, "unknown key \"%s\"", text);
    if (*seen & BIT(key))
        return fail(r, start, "\"%s\" a second time", text);
    *seen |= BIT(key);
    skip_space(r);
    if (!take(r, ':'))
        return fail(r, r->at, "expected a colon");
    skip_space(r);
    return readers[key](r, o);
}

static int read_object(struct reader *r, struct hr_control_order *o, unsigned *seen)
{
    skip_space(r);
    if (!take(r, '{'))
        return fail(r, r->at, "expected an object, as {\"order\":\"status\"}");
    skip_space(r);
    if (!take(r, '}')) {
        for (;;) {
            int err = read_member(r, o, seen);
            if (err)
                return err;
            skip_space(r);
            if (take(r, '}'))
                break;
            if (!take(r, ','))
                return fail(r, r->at, "expected a comma or the end of the object");
            skip_space(r);
        }
    }
    skip_space(r);
    return r->at < r->n ? fail(r, r->at, "something follows the object") : 0;
}

/* Are the keys those of the order? */
static int check_keys(struct reader *r, const struct hr_control_order *o, unsigned seen)
{
    if (!(seen & BIT(KEY_ORDER)))
        return fail(r, 0, "\"order\" is missing");
    unsigned wanted = BIT(KEY_ORDER) | orders[o->order].keys;
    for (int key = 0; key < NKEYS; key++) {
        if ((seen ^ wanted) & BIT(key))
            return fail(r, 0, "order %s %s \"%s\"", orders[o->order].name,
                        wanted & BIT(key) ? "needs" : "does not take", key_names[key]);
    }
    return 0;
}

int hr_control_parse(const char *line, size_t n, struct hr_control_order *ret,
                     char error[HR_ORDER_ERROR])
{
    struct reader r = {.text = line, .n = n, .error = error};
    struct hr_control_order o = {.order = HR_ORDER_STATUS};
    unsigned seen = 0;
    size_t valid = hr_utf8_valid(line, n);
    int err = valid < n ? fail(&r, valid, "not UTF-8") : read_object(&r, &o, &seen);
    if (!err)
        err = check_keys(&r, &o, seen);
    if (!err)
        *ret = o;
    return err;
}
