/* SPDX-License-Identifier: MIT
 * Writing HTML.  See html.h. */
#include "html.h"

#include "common/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void add(struct hr_html *h, const char *data, size_t n)
{
    if (!h->err)
        h->err = hr_buf_add(h->out, data, n);
}

/* What stands for the character at s, of *ret_n bytes; NULL for itself. */
static const char *replacement(const char *s, size_t *ret_n)
{
    *ret_n = 1;
    switch (*s) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    case '\t':
    case '\n': return " ";
    default: break;
    }
    /* U+2069 ends a <bdi>, too */
    size_t steers = hr_utf8_steers(s, strnlen(s, 3));
    if (!steers)
        return NULL;
    *ret_n = steers;
    return "\xef\xbf\xbd";
}

/* The bytes of s that are shown: never half a character. */
static size_t shown(const char *s)
{
    size_t n = strnlen(s, HR_HTML_TEXT_MAX + 1);
    if (n <= HR_HTML_TEXT_MAX)
        return n;
    for (n = HR_HTML_TEXT_MAX; n && ((unsigned char)s[n] & 0xc0) == 0x80; n--)
        ;
    return n;
}

static void add_value(struct hr_html *h, const char *s)
{
    size_t n = s ? shown(s) : 0;
    size_t plain = 0; /* where what has not been written yet begins */
    size_t taken = 0;
    for (size_t i = 0; i < n; i += taken) {
        const char *instead = replacement(s + i, &taken);
        if (!instead)
            continue;
        add(h, s + plain, i - plain);
        add(h, instead, strlen(instead));
        plain = i + taken;
    }
    if (!s)
        return;
    add(h, s + plain, n - plain);
    if (s[n])
        add(h, "\xe2\x80\xa6", 3);
}

static void add_number(struct hr_html *h, long long v)
{
    char text[24];
    add(h, text, (size_t)snprintf(text, sizeof(text), "%lld", v));
}

void hr_html(struct hr_html *h, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    for (const char *at = strchr(format, '%'); at; at = strchr(format, '%')) {
        add(h, format, (size_t)(at - format));
        format = at + 2;
        if (at[1] == 's') {
            add_value(h, va_arg(ap, const char *));
        } else if (at[1] == 'd') {
            add_number(h, va_arg(ap, int));
        } else if (at[1] == '%') {
            add(h, "%", 1);
        } else {
            assert(strncmp(at, "%lld", 4) == 0);
            add_number(h, va_arg(ap, long long));
            format = at + 4;
        }
    }
    va_end(ap);
    add(h, format, strlen(format));
}

void hr_html_verbatim(struct hr_html *h, const char *text)
{
    add(h, text, strlen(text));
}
