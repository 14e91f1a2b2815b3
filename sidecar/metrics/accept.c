/* SPDX-License-Identifier: MIT
 * Accept and Accept-Encoding.  See accept.h. */
#include "accept.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { Q_MAX = 1000 }; /* q=1; weights have three decimals at most */

struct slice {
    const char *at;
    size_t len;
};

/* One of the comma-separated elements: "name;version=x;q=0.5". */
struct element {
    struct slice name;
    struct slice version; /* at is NULL if there is none */
    int q;                /* thousandths; -1: not a weight, so the element counts for nothing */
};

static bool is(struct slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

/* What is at *at up to one of `ends`, which is not inside quotes; *at is on it afterwards, or at
 * the end.  Without the blanks around it. */
static struct slice take(const char **at, const char *ends)
{
    const char *p = *at;
    bool quoted = false;
    for (; *p && (quoted || !strchr(ends, *p)); p++) {
        if (*p == '"')
            quoted = !quoted;
        else if (*p == '\\' && quoted && p[1])
            p++;
    }
    struct slice s = {*at, (size_t)(p - *at)};
    *at = p;
    while (s.len && isspace((unsigned char)s.at[0]))
        s = (struct slice){s.at + 1, s.len - 1};
    while (s.len && isspace((unsigned char)s.at[s.len - 1]))
        s.len--;
    return s;
}

/* "0", "0.75", "1.000": thousandths, or -1. */
static int weight(struct slice s)
{
    int q = 0;
    int unit = Q_MAX;
    if (!s.len || (s.at[0] != '0' && s.at[0] != '1') || s.len > 5 || (s.len > 1 && s.at[1] != '.'))
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        if (i == 1)
            continue;
        if (!isdigit((unsigned char)s.at[i]))
            return -1;
        q += (s.at[i] - '0') * unit;
        unit /= 10;
    }
    return q <= Q_MAX ? q : -1;
}

static void take_parameter(const char **at, struct element *e)
{
    struct slice name = take(at, "=;,");
    struct slice value = {NULL, 0};
    if (**at == '=') {
        (*at)++;
        value = take(at, ";,");
    }
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = (struct slice){value.at + 1, value.len - 2};
    if (is(name, "q"))
        e->q = weight(value);
    else if (is(name, "version"))
        e->version = value.at ? value : name; /* "version" alone is none of ours */
}

/* The next element of the header at *at.  False at the end. */
static bool next(const char **at, struct element *ret)
{
    if (!**at)
        return false;
    *ret = (struct element){.q = Q_MAX};
    ret->name = take(at, ";,");
    while (**at == ';') {
        (*at)++;
        take_parameter(at, ret);
    }
    if (**at)
        (*at)++; /* the comma */
    return true;
}

/* How much something is wanted, by the most precise element that speaks of it. */
struct wish {
    int precision; /* of that element; -1: none speaks of it */
    int q;
};

static void wish(struct wish *w, int precision, int q)
{
    if (q < 0 || precision < w->precision)
        return;
    if (precision > w->precision || q > w->q)
        w->q = q;
    w->precision = precision;
}

enum { ANY, ANY_SUBTYPE, TYPE, VERSION };

/* What the element says of "type/subtype", of which we have one version. */
static void wish_format(struct wish *w, const struct element *e, const char *any_subtype,
                        const char *type, const char *version)
{
    if (is(e->name, "*/*"))
        wish(w, ANY, e->q);
    else if (is(e->name, any_subtype))
        wish(w, ANY_SUBTYPE, e->q);
    else if (is(e->name, type) && !e->version.at)
        wish(w, TYPE, e->q);
    else if (is(e->name, type) && is(e->version, version))
        wish(w, VERSION, e->q);
}

enum hr_expo_format hr_accept_format(const char *accept)
{
    struct wish text = {-1, 0};
    struct wish om = {-1, 0};
    struct element e;
    for (const char *at = accept ? accept : ""; next(&at, &e);) {
        wish_format(&text, &e, "text/*", "text/plain", "0.0.4");
        wish_format(&om, &e, "application/*", "application/openmetrics-text", "1.0.0");
    }
    if (om.precision > ANY &&
        (om.q > text.q || (om.q > 0 && om.q == text.q && om.precision >= TYPE)))
        return HR_EXPO_OPENMETRICS;
    return HR_EXPO_TEXT;
}

bool hr_accept_text(const char *accept)
{
    struct wish text = {-1, 0};
    struct wish json = {-1, 0};
    struct wish health = {-1, 0};
    struct element e;
    for (const char *at = accept ? accept : ""; next(&at, &e);) {
        wish_format(&text, &e, "text/*", "text/plain", "");
        wish_format(&json, &e, "application/*", "application/json", "");
        wish_format(&health, &e, "application/*", "application/health+json", "");
    }
    return text.precision >= ANY_SUBTYPE && text.q > json.q && text.q > health.q;
}

bool hr_accept_gzip(const char *accept_encoding)
{
    struct wish gzip = {-1, 0};
    struct wish plain = {-1, 0};
    struct element e;
    for (const char *at = accept_encoding ? accept_encoding : ""; next(&at, &e);) {
        if (is(e.name, "*"))
            wish(&gzip, ANY, e.q);
        else if (is(e.name, "gzip") || is(e.name, "x-gzip"))
            wish(&gzip, TYPE, e.q);
        else if (is(e.name, "identity"))
            wish(&plain, TYPE, e.q);
    }
    return gzip.q > 0 && gzip.q >= plain.q;
}
