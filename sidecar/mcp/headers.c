/* SPDX-License-Identifier: MIT
 * Values of MCP's headers.  See headers.h. */
#include "headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct span {
    const char *data;
    size_t len;
};

static struct span trimmed(const char *text)
{
    text += strspn(text, " \t");
    size_t n = strlen(text);
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    return (struct span){text, n};
}

/* The value of a digit, or -1. */
static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Is `code` the Base64 of this string, and the only way to write it?  Nothing is decoded into
 * memory: the bytes are compared as they come. */
static int is_base64_of(struct span code, struct span text)
{
    if (code.len % 4)
        return 0;
    size_t at = 0;
    for (size_t i = 0; i < code.len; i += 4) {
        const char *c = code.data + i;
        size_t pads = 0;
        if (i + 4 == code.len && c[3] == '=')
            pads = c[2] == '=' ? 2 : 1;
        unsigned bits = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k < 4 - pads ? digit(c[k]) : 0;
            if (value < 0)
                return 0;
            bits = bits << 6 | (unsigned)value;
        }
        /* Bits that make no byte must be zero. */
        if ((pads == 1 && bits & 0xff) || (pads == 2 && bits & 0xffff))
            return 0;
        for (size_t k = 0; k < 3 - pads; k++, at++)
            if (at >= text.len || (unsigned char)text.data[at] != (bits >> (16 - 8 * k) & 0xff))
                return 0;
    }
    return at == text.len;
}

static int is(struct span a, const char *b)
{
    return a.len == strlen(b) && !memcmp(a.data, b, a.len);
}

static int says_string(struct span header, struct span text)
{
    static const char begin[] = "=?base64?", end[] = "?=";
    const size_t nbegin = sizeof(begin) - 1, nend = sizeof(end) - 1;
    if (header.len >= nbegin + nend && !memcmp(header.data, begin, nbegin) &&
        !memcmp(header.data + header.len - nend, end, nend))
        return is_base64_of((struct span){header.data + nbegin, header.len - nbegin - nend}, text);
    return header.len == text.len && !memcmp(header.data, text.data, text.len);
}

static int says_real(struct span header, double value)
{
    char *end = NULL;
    return header.len && strtod(header.data, &end) == value && end == header.data + header.len;
}

int hr_mcp_header_says(const char *header, const json_t *value)
{
    char number[32];
    struct span said = trimmed(header);
    switch (json_typeof(value)) {
    case JSON_STRING:
        return says_string(said,
                           (struct span){json_string_value(value), json_string_length(value)});
    case JSON_TRUE: return is(said, "true");
    case JSON_FALSE: return is(said, "false");
    case JSON_INTEGER:
        (void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return is(said, number);
    case JSON_REAL: return says_real(said, json_real_value(value));
    default: return 1;
    }
}
