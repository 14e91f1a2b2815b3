/* SPDX-License-Identifier: MIT
 * The inside of a JSON string.  See json_escape.h. */
#include "json_escape.h"

#include "utf8.h"

#include <stdbool.h>
#include <string.h>

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* One control character, quote or backslash.  The bytes written to `out`, which holds
 * HR_JSON_ESCAPE_MAX. */
static size_t escape_ascii(char *out, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *short_form = c ? strchr(from, c) : NULL;
    out[0] = '\\';
    if (short_form) {
        out[1] = to[short_form - from];
        return 2;
    }
    out[1] = 'u';
    out[2] = out[3] = '0';
    out[4] = digits[c >> 4];
    out[5] = digits[c & 15];
    return 6;
}

/* How many bytes the character that begins with c has; 0 if none begins so. */
static size_t char_len(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* What stands for the bytes at s, of which there is at least one and which do not begin with a
 * plain one.  The bytes written to `out`; *ret_taken: what they stand for. */
static size_t escape_one(char *out, const char *s, size_t n, size_t *ret_taken)
{
    static const char replacement[] = {'\xef', '\xbf', '\xbd'}; /* U+FFFD */
    unsigned char c = (unsigned char)s[0];
    size_t len = char_len(c);
    if (len == 1) {
        *ret_taken = 1;
        return escape_ascii(out, c);
    }
    if (len && len <= n && hr_utf8_valid(s, len) == len) {
        memcpy(out, s, len);
        *ret_taken = len;
        return len;
    }
    size_t taken = 1;
    while (taken < n && ((unsigned char)s[taken] & 0xc0) == 0x80)
        taken++; /* what is left of the same broken character, as hr_utf8_clean() has it */
    memcpy(out, replacement, sizeof(replacement));
    *ret_taken = taken;
    return sizeof(replacement);
}

size_t hr_json_escape(char *out, size_t room, const char *s, size_t n, size_t *ret_taken)
{
    size_t at = 0;
    size_t len = 0;
    while (at < n) {
        size_t run = at;
        size_t end = n - at < room - len ? n : at + (room - len);
        while (run < end && is_plain((unsigned char)s[run]))
            run++;
        if (run > at)
            memcpy(out + len, s + at, run - at);
        len += run - at;
        at = run;
        if (at == n || len == room)
            break;
        char piece[HR_JSON_ESCAPE_MAX];
        size_t taken = 0;
        size_t piece_len = escape_one(piece, s + at, n - at, &taken);
        if (piece_len > room - len)
            break;
        memcpy(out + len, piece, piece_len);
        len += piece_len;
        at += taken;
    }
    *ret_taken = at;
    return len;
}

size_t hr_json_whole(const char *s, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        unsigned char c = (unsigned char)s[n - back];
        if ((c & 0xc0) != 0x80)
            return char_len(c) > back ? n - back : n;
    }
    return n;
}

/* "\uXXXX" as a number.  False: it is none. */
static bool unit(const char *s, size_t n, uint32_t *ret)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    uint32_t v = 0;
    if (n < 6 || s[0] != '\\' || s[1] != 'u')
        return false;
    for (size_t i = 2; i < 6; i++) {
        const char *digit = s[i] ? strchr(digits, s[i]) : NULL;
        if (!digit)
            return false;
        v = v << 4 | (uint32_t)((digit - digits) & 15);
    }
    *ret = v;
    return true;
}

size_t hr_json_unescape(const char *s, size_t n, uint32_t *ret)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    uint32_t c = 0;
    uint32_t low = 0;
    const char *name = n > 1 && s[1] ? strchr(from, s[1]) : NULL;
    if (name) {
        *ret = (unsigned char)to[name - from];
        return 2;
    }
    if (!unit(s, n, &c))
        return 0;
    if (c < 0xd800 || c > 0xdfff) {
        *ret = c;
        return 6;
    }
    if (c > 0xdbff || !unit(s + 6, n - 6, &low) || low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}
