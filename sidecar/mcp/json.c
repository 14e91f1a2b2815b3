/* SPDX-License-Identifier: MIT
 * JSON into a buffer.  See json.h.
 *
 * jansson does the same, and takes up to ten times as long: it looks for loops, which nothing that
 * was read has, by a table of printed addresses, and it decodes every character. */
#include "json.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* One half of UTF-16. */
static int add_unit(struct hr_buf *out, uint32_t unit)
{
    static const char digits[] = "0123456789ABCDEF";
    const char text[] = {'\\',
                         'u',
                         digits[unit >> 12 & 15],
                         digits[unit >> 8 & 15],
                         digits[unit >> 4 & 15],
                         digits[unit & 15]};
    return hr_buf_add(out, text, sizeof(text));
}

/* Append the escape of the character at s; *ret_taken: its bytes. */
static int add_escaped(struct hr_buf *out, const char *s, size_t n, size_t *ret_taken)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    unsigned char first = (unsigned char)*s;
    const char *name = first ? strchr(from, first) : NULL;
    size_t len = 1;
    if (name) {
        *ret_taken = len;
        return hr_buf_add(out, (const char[]){'\\', to[name - from]}, 2);
    }
    uint32_t c = first < 0x80   ? first
                 : first < 0xe0 ? first & 0x1f
                 : first < 0xf0 ? first & 15
                                : first & 7;
    for (; len < n && ((unsigned char)s[len] & 0xc0) == 0x80; len++)
        c = c << 6 | (s[len] & 0x3f);
    *ret_taken = len;
    if (c < 0x10000)
        return add_unit(out, c);
    int err = add_unit(out, 0xd800 + ((c - 0x10000) >> 10 & 0x3ff));
    return err ? err : add_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
}

static int add_string(struct hr_buf *out, const char *s, size_t n, bool ascii)
{
    int err = hr_buf_addc(out, '"');
    for (size_t at = 0, run = 0; at < n && !err; at = run) {
        unsigned char c = ' ';
        while (run < n && (c = (unsigned char)s[run]) >= ' ' && c != '"' && c != '\\' &&
               (c < 0x80 || !ascii))
            run++;
        err = hr_buf_add(out, s + at, run - at);
        size_t taken = 0;
        if (!err && run < n)
            err = add_escaped(out, s + run, n - run, &taken);
        run += taken;
    }
    return err ? err : hr_buf_addc(out, '"');
}

static int add_integer(struct hr_buf *out, json_int_t v)
{
    char text[24];
    size_t at = sizeof(text);
    unsigned long long left = v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v;
    do {
        text[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (v < 0)
        text[--at] = '-';
    return hr_buf_add(out, text + at, sizeof(text) - at);
}

static int add_real(struct hr_buf *out, const json_t *json)
{
    char text[64];
    size_t n = json_dumpb(json, text, sizeof(text), JSON_ENCODE_ANY);
    return n && n <= sizeof(text) ? hr_buf_add(out, text, n) : -ENOMEM;
}

static int add_value(struct hr_buf *out, json_t *json, bool ascii);

static int add_array(struct hr_buf *out, json_t *json, bool ascii)
{
    size_t n = json_array_size(json);
    int err = hr_buf_addc(out, '[');
    for (size_t i = 0; i < n && !err; i++) {
        if (i)
            err = hr_buf_addc(out, ',');
        if (!err)
            err = add_value(out, json_array_get(json, i), ascii);
    }
    return err ? err : hr_buf_addc(out, ']');
}

static int add_object(struct hr_buf *out, json_t *json, bool ascii)
{
    int err = hr_buf_addc(out, '{');
    void *first = json_object_iter(json);
    for (void *at = first; at && !err; at = json_object_iter_next(json, at)) {
        const char *key = json_object_iter_key(at);
        if (at != first)
            err = hr_buf_addc(out, ',');
        if (!err)
            err = add_string(out, key, strlen(key), ascii);
        if (!err)
            err = hr_buf_addc(out, ':');
        if (!err)
            err = add_value(out, json_object_iter_value(at), ascii);
    }
    return err ? err : hr_buf_addc(out, '}');
}

static int add_value(struct hr_buf *out, json_t *json, bool ascii)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT: return add_object(out, json, ascii);
    case JSON_ARRAY: return add_array(out, json, ascii);
    case JSON_STRING:
        return add_string(out, json_string_value(json), json_string_length(json), ascii);
    case JSON_INTEGER: return add_integer(out, json_integer_value(json));
    case JSON_REAL: return add_real(out, json);
    case JSON_TRUE: return hr_buf_adds(out, "true");
    case JSON_FALSE: return hr_buf_adds(out, "false");
    case JSON_NULL: break;
    }
    return hr_buf_adds(out, "null");
}

int hr_mcp_json_add(struct hr_buf *out, json_t *json, bool ascii)
{
    size_t len = out->len;
    int err = add_value(out, json, ascii);
    if (err) {
        out->len = len;
        if (out->data)
            out->data[len] = '\0';
    }
    return err;
}
