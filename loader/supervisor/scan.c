/* SPDX-License-Identifier: MIT
 * A JSON reader that keeps nothing.  See scan.h. */
#include "scan.h"

#include "common/json_escape.h"
#include "common/utf8.h"
#include "logline.h"

#include <ctype.h>
#include <string.h>

struct scan {
    const char *p;
    const char *end;
    struct hr_scan_object *found;
};

static bool value(struct scan *s, int depth);

/* The byte at hand, NUL at the end: it is not allowed anywhere, so it stops whatever looks. */
static int peek(const struct scan *s)
{
    return s->p < s->end ? (unsigned char)*s->p : '\0';
}

static bool accept(struct scan *s, char c)
{
    if (s->p >= s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static void blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\n'))
        s->p++;
}

/* A string.  *ret_key: which of our keys it is, HR_SCAN_NKEYS for none. */
static bool string(struct scan *s, enum hr_scan_key *ret_key)
{
    static const char *const names[HR_SCAN_NKEYS] = {"time", "service", "stream"};
    bool could_be[HR_SCAN_NKEYS] = {true, true, true};
    size_t n = 0;
    if (!accept(s, '"'))
        return false;
    for (; !accept(s, '"'); n++) {
        if (s->p >= s->end || (unsigned char)*s->p < 0x20)
            return false;
        uint32_t c = (unsigned char)*s->p;
        if (c == '\\') {
            size_t taken = hr_json_unescape(s->p, (size_t)(s->end - s->p), &c);
            if (!taken)
                return false;
            s->p += taken;
        } else {
            s->p++;
        }
        for (int k = 0; k < HR_SCAN_NKEYS; k++)
            could_be[k] = could_be[k] && c &&
                          (unsigned char)names[k][n] == c; /* so n stays within the name */
    }
    *ret_key = HR_SCAN_NKEYS;
    for (int k = 0; k < HR_SCAN_NKEYS; k++)
        if (could_be[k] && !names[k][n])
            *ret_key = (enum hr_scan_key)k;
    return true;
}

static bool digits(struct scan *s)
{
    const char *begin = s->p;
    while (isdigit(peek(s)))
        s->p++;
    return s->p > begin;
}

static bool number(struct scan *s)
{
    (void)accept(s, '-');
    if (!accept(s, '0') && !digits(s))
        return false;
    if (accept(s, '.') && !digits(s))
        return false;
    if (!accept(s, 'e') && !accept(s, 'E'))
        return true;
    if (!accept(s, '+'))
        (void)accept(s, '-');
    return digits(s);
}

static bool word(struct scan *s, const char *w)
{
    while (*w)
        if (!accept(s, *w++))
            return false;
    return true;
}

/* Behind the opening brace, at depth (1: the object itself). */
static bool members(struct scan *s, int depth)
{
    blanks(s);
    if (accept(s, '}'))
        return true;
    do {
        enum hr_scan_key key = HR_SCAN_NKEYS;
        blanks(s);
        if (!string(s, &key))
            return false;
        blanks(s);
        if (!accept(s, ':') || !value(s, depth))
            return false;
        if (depth == 1) {
            s->found->members = true;
            if (key != HR_SCAN_NKEYS)
                s->found->has[key] = true;
        }
    } while (accept(s, ','));
    return accept(s, '}');
}

static bool elements(struct scan *s, int depth)
{
    blanks(s);
    if (accept(s, ']'))
        return true;
    do {
        if (!value(s, depth))
            return false;
    } while (accept(s, ','));
    return accept(s, ']');
}

/* A value with the blanks around it, inside `depth` others. */
static bool value(struct scan *s, int depth)
{
    enum hr_scan_key unused = HR_SCAN_NKEYS;
    bool ok = false;
    blanks(s);
    switch (peek(s)) {
    case '{': ok = depth < HR_LOGLINE_DEPTH && accept(s, '{') && members(s, depth + 1); break;
    case '[': ok = depth < HR_LOGLINE_DEPTH && accept(s, '[') && elements(s, depth + 1); break;
    case '"': ok = string(s, &unused); break;
    case 't': ok = word(s, "true"); break;
    case 'f': ok = word(s, "false"); break;
    case 'n': ok = word(s, "null"); break;
    default: ok = number(s); break;
    }
    blanks(s);
    return ok;
}

bool hr_scan_object(const char *text, size_t n, struct hr_scan_object *ret)
{
    struct hr_scan_object found = {0};
    struct scan s = {text, text + n, &found};
    blanks(&s);
    if (!accept(&s, '{')) /* most lines that are not JSON end here */
        return false;
    found.begin = (size_t)(s.p - text);
    if (!members(&s, 1))
        return false;
    found.end = (size_t)(s.p - text);
    blanks(&s);
    if (s.p != s.end || hr_utf8_valid(text, n) != n)
        return false;
    *ret = found;
    return true;
}
