/* SPDX-License-Identifier: MIT
 * UTF-8.  See utf8.h. */
#include "utf8.h"

#include "buf.h"

#include <string.h>

/* Length of the character at p, or 0 if what is there is not one. */
static size_t char_len(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    size_t len = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        len = 2;
    else if (c >= 0xe0 && c <= 0xef)
        len = 3;
    else if (c >= 0xf0 && c <= 0xf4)
        len = 4;
    if (len == 0 || len > n)
        return 0;
    if (c == 0xe0)
        low = 0xa0; /* shorter would be overlong */
    else if (c == 0xed)
        high = 0x9f; /* surrogates */
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f; /* above U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

size_t hr_utf8_count(const char *data, size_t n)
{
    static const uint64_t ones = 0x0101010101010101;
    size_t count = n; /* less those that go on with a character: 10xxxxxx */
    size_t i = 0;
    for (; n - i >= sizeof(ones); i += sizeof(ones)) {
        uint64_t eight;
        memcpy(&eight, data + i, sizeof(eight));
        count -= ((eight >> 7 & ~eight >> 6 & ones) * ones) >> 56;
    }
    for (; i < n; i++)
        count -= ((unsigned char)data[i] & 0xc0) == 0x80;
    return count;
}

size_t hr_utf8_valid(const char *data, size_t n)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t at = 0;
    while (at < n) {
        size_t len = char_len(p + at, n - at);
        if (!len)
            break;
        at += len;
    }
    return at;
}

size_t hr_utf8_steers(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    if (n && (p[0] < 0x20 || p[0] == 0x7f))
        return 1;
    if (n > 1 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
        return 2;
    if (n > 2 && p[0] == 0xe2 &&
        ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
         (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)))
        return 3;
    return 0;
}

size_t hr_utf8_encode(char out[4], uint32_t c)
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

int hr_utf8_clean(struct hr_buf *out, const char *data, size_t n)
{
    size_t at = 0;
    while (at < n) {
        size_t good = hr_utf8_valid(data + at, n - at);
        int err = hr_buf_add(out, data + at, good);
        at += good;
        if (!err && at < n) {
            err = hr_buf_adds(out, "\xef\xbf\xbd");
            at++;
            while (at < n && ((unsigned char)data[at] & 0xc0) == 0x80)
                at++; /* what is left of the same broken character */
        }
        if (err)
            return err;
    }
    return 0;
}
