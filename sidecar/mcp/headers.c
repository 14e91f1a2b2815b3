/* SPDX-License-Identifier: MIT
 * Values of MCP's headers.  See headers.h. */
#include "headers.h"

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

/* 42.0 says the same as 42; what is no number in JSON says nothing. */
static int says_number(struct span header, const json_t *value)
{
    json_t *said = json_loadb(header.data, header.len, JSON_DECODE_ANY, NULL);
    int same = json_is_integer(said) && json_is_integer(value)
                   ? json_integer_value(said) == json_integer_value(value)
                   : json_is_number(said) && json_number_value(said) == json_number_value(value);
    json_decref(said);
    return same;
}

/* Anything else in a header may be read as one thing here and as another on the way. */
static int is_plain(struct span header)
{
    for (size_t i = 0; i < header.len; i++)
        if ((header.data[i] < ' ' && header.data[i] != '\t') || header.data[i] > '~')
            return 0;
    return 1;
}

int hr_mcp_header_says(const char *header, const json_t *value)
{
    struct span said = trimmed(header);
    if (!is_plain(said))
        return 0;
    switch (json_typeof(value)) {
    case JSON_STRING:
        return says_string(said,
                           (struct span){json_string_value(value), json_string_length(value)});
    case JSON_TRUE: return is(said, "true");
    case JSON_FALSE: return is(said, "false");
    case JSON_INTEGER:
    case JSON_REAL: return says_number(said, value);
    default: return 1;
    }
}
