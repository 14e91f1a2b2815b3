/* SPDX-License-Identifier: MIT
 * .dockerignore.  See ignore.h. */
#include "ignore.h"

#include "common/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading --------------------------------------------------------------------------------- */

/* "./a//b/" is "a/b". */
static int add_clean(struct hr_buf *out, const char *p, size_t n)
{
    bool first = true;
    int err = 0;
    while (n && !err) {
        const char *slash = memchr(p, '/', n);
        size_t part = slash ? (size_t)(slash - p) : n;
        if (part && !(part == 1 && *p == '.')) {
            if (!first)
                err = hr_buf_addc(out, '/');
            if (!err)
                err = hr_buf_add(out, p, part);
            first = false;
        }
        n -= part + (slash != NULL);
        p += part + (slash != NULL);
    }
    return err;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int add_line(struct hr_ignore *g, struct hr_buf *out, const char *p, size_t n)
{
    if (!n || *p == '#')
        return 0;
    while (n && is_space(*p)) {
        p++;
        n--;
    }
    while (n && is_space(p[n - 1]))
        n--;
    if (!n || n > HR_IGNORE_PATTERN || memchr(p, '\0', n))
        return 0;
    int err = 0;
    if (*p == '!') {
        g->exceptions = true;
        err = hr_buf_addc(out, *p++);
        n--;
        while (n && is_space(*p)) {
            p++;
            n--;
        }
    }
    if (!err)
        err = add_clean(out, p, n);
    return err ? err : hr_buf_addc(out, '\0');
}

int hr_ignore_parse(struct hr_ignore *g, const char *text, size_t n)
{
    static const char bom[] = "\xef\xbb\xbf";
    struct hr_buf out;
    int err = 0;
    *g = (struct hr_ignore){0};
    hr_buf_init(&out, (size_t)2 * HR_IGNORE_MAX + 2);
    if (n > HR_IGNORE_MAX)
        n = HR_IGNORE_MAX;
    if (n >= 3 && memcmp(text, bom, 3) == 0) {
        text += 3;
        n -= 3;
    }
    while (n && !err) {
        const char *newline = memchr(text, '\n', n);
        size_t line = newline ? (size_t)(newline - text) : n;
        err = add_line(g, &out, text, line);
        n -= line + (newline != NULL);
        text += line + (newline != NULL);
    }
    g->len = err ? 0 : out.len;
    g->text = err ? NULL : hr_buf_take(&out);
    hr_buf_free(&out);
    return err;
}

void hr_ignore_free(struct hr_ignore *g)
{
    free(g->text);
    *g = (struct hr_ignore){0};
}

/* ---- matching -------------------------------------------------------------------------------- */

/* Bytes of the piece of a pattern at p. */
static size_t piece(const char *p)
{
    if (p[0] == '*' && p[1] == '*')
        return p[2] == '/' ? 3 : 2;
    if (p[0] == '\\' && p[1])
        return 2;
    if (p[0] == '[' && p[1] && p[2]) {
        const char *end = strchr(p + (p[1] == '^' && p[3] ? 3 : 2), ']');
        return end ? (size_t)(end - p) + 1 : 1;
    }
    return 1;
}

/* Does "[a-z]" hold this character? */
static bool in_class(const char *p, size_t n, char c)
{
    bool not = p[1] == '^';
    for (const char *q = p + 1 + not ; q < p + n - 1; q++) {
        char from = *q;
        char to = from;
        if (q[1] == '-' && q + 2 < p + n - 1) {
            to = q[2];
            q += 2;
        }
        if (c >= from && c <= to)
            return !not ;
    }
    return not ;
}

/* Can the piece be nothing, and can it go on after a character? */
static bool is_any(const char *p)
{
    return *p == '*';
}

static bool takes(const char *p, size_t n, char c)
{
    if (*p == '*')
        return n > 1 || c != '/';
    if (*p == '?')
        return c != '/';
    if (*p == '[' && n > 2)
        return c != '/' && in_class(p, n, c);
    return c == (n == 2 ? p[1] : *p);
}

/* Places of a pattern that can be reached: come to, or stayed at by "anything" that goes on. */
struct reached {
    bool come[HR_IGNORE_PATTERN + 4];
    bool stay[HR_IGNORE_PATTERN + 4];
};

/* "Anything" can be nothing, and ends where it likes, but "**" with its slash only behind one. */
static void spread(const char *pattern, struct reached *r, char last)
{
    for (size_t i = 0, size; pattern[i]; i += size) {
        size = piece(pattern + i);
        if (is_any(pattern + i) && (r->come[i] || (r->stay[i] && (size < 3 || last == '/'))))
            r->come[i + size] = true;
    }
}

static bool matches(const char *pattern, const char *path, size_t n)
{
    struct reached now = {.come = {true}};
    spread(pattern, &now, '\0');
    for (size_t k = 0; k < n; k++) {
        struct reached next = {0};
        for (size_t i = 0, size; pattern[i]; i += size) {
            size = piece(pattern + i);
            if (!(now.come[i] || now.stay[i]) || !takes(pattern + i, size, path[k]))
                continue;
            if (is_any(pattern + i))
                next.stay[i] = true;
            else
                next.come[i + size] = true;
        }
        spread(pattern, &next, path[k]);
        now = next;
    }
    size_t end = strlen(pattern);
    return now.come[end] || now.stay[end];
}

bool hr_ignored(const struct hr_ignore *g, const char *path)
{
    bool out = false;
    for (size_t at = 0; at < g->len; at += strlen(g->text + at) + 1) {
        const char *pattern = g->text + at;
        bool back = *pattern == '!';
        pattern += back;
        if (back == !out || !*pattern)
            continue;
        size_t n = strlen(path);
        for (size_t end = 1; end <= n; end++)
            if ((end == n || path[end] == '/') && matches(pattern, path, end)) {
                out = !back;
                break;
            }
    }
    return out;
}
