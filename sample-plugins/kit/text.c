/* SPDX-License-Identifier: MIT
 * The bounded text, and UTF-8 as RFC 3629 has it. */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* Make room for more bytes; false once anything has failed. */
static bool reserve(struct kit_text *t, size_t more)
{
    size_t cap = t->cap ? t->cap : 256;

    if (t->error == 0 && more > t->max - t->len)
        t->error = -E2BIG;
    if (t->error != 0 || t->len + more <= t->cap)
        return t->error == 0;
    while (cap < t->len + more)
        cap *= 2;
    char *data = realloc(t->data, cap);
    if (!data) {
        t->error = -ENOMEM;
        return false;
    }
    t->data = data;
    t->cap = cap;
    return true;
}

void kit_text_add(struct kit_text *t, const char *data, size_t n)
{
    if (n == 0 || !reserve(t, n))
        return;
    memcpy(t->data + t->len, data, n);
    t->len += n;
}

void kit_text_addf(struct kit_text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    /* vsnprintf ends with a NUL, which needs room but is not counted. */
    if (n <= 0 || !reserve(t, (size_t)n + 1))
        return;
    va_start(args, format);
    (void)vsnprintf(t->data + t->len, (size_t)n + 1, format, args);
    va_end(args);
    t->len += (size_t)n;
}

/* Bytes of the sequence at s, or 0 if it is none. */
static size_t sequence(const unsigned char *s, size_t n)
{
    size_t need = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (need == 0 || need > n || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90))
        return 0; /* overlong */
    if ((s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0; /* a surrogate, or above U+10FFFF */
    return need;
}

static size_t printable(const unsigned char *s, size_t n)
{
    if (s[0] != '\t' && (s[0] < 0x20 || s[0] == 0x7f))
        return 0;
    return sequence(s, n);
}

void kit_text_add_clean(struct kit_text *t, const char *data, size_t n)
{
    const unsigned char *s = (const unsigned char *)data;
    size_t good = 0; /* bytes before i that are still to be added */
    size_t i = 0;

    while (i < n) {
        size_t step = printable(s + i, n - i);
        good += step;
        i += step;
        if (step > 0)
            continue;
        kit_text_add(t, data + i - good, good);
        kit_text_add(t, replacement, sizeof(replacement) - 1);
        good = 0;
        i++;
    }
    kit_text_add(t, data + n - good, good);
}

void kit_text_add_cell(struct kit_text *t, const char *data, size_t n)
{
    const char *s = data, *end = data + n;

    while (s < end) {
        size_t plain = 0;
        while (s + plain < end && !strchr("|\n\r", s[plain]))
            plain++;
        plain += s + plain < end && s[plain] == '\0'; /* which strchr finds as well */
        kit_text_add_clean(t, s, plain);
        s += plain;
        if (s < end && *s == '|')
            kit_text_add(t, "\\|", 2);
        else if (s < end && (*s == '\n' || *s == '\r'))
            kit_text_add(t, *s == '\n' ? "\\n" : "\\r", 2);
        else
            continue;
        s++;
    }
}

void kit_text_free(struct kit_text *t)
{
    free(t->data);
    t->data = NULL;
    t->len = t->cap = 0;
}
