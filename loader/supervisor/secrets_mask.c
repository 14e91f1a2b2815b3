/* SPDX-License-Identifier: MIT
 * Secrets in a text.  See secrets.h.
 *
 * At each place of the text, those secrets are compared whose first byte is the one there.  All
 * that any of them covers is secret, also where two overlap. */
#include "secrets_table.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

enum { STARS = 4, ESCAPE_MAX = 12 /* bytes of the longest escape */ };

/* Secrets by the first byte that a text has of them: two entries each, as it is and, if that byte
 * can be written as an escape, under the backslash.  Links are indices + 1, 0 ends. */
static uint16_t first[256];
static uint16_t following[2 * HR_SECRETS_MAX];
static size_t work; /* comparisons that are left */

static struct hr_unescape walk(const struct hr_secret *s)
{
    return (struct hr_unescape){.at = s->p, .end = s->p + s->n, .escaped = s->escaped};
}

/* The same as hr_unescape_next(), quicker for what is no escape. */
static inline int next(struct hr_unescape *u)
{
    if (!u->nparts && u->at < u->end && (!u->escaped || *u->at != '\\'))
        return (unsigned char)*u->at++;
    return hr_unescape_next(u);
}

static void link_entry(size_t entry, unsigned char byte)
{
    following[entry] = first[byte];
    first[byte] = (uint16_t)(entry + 1);
}

static void make_index(void)
{
    memset(first, 0, sizeof(first));
    for (size_t i = 0; i < hr_secrets_table.n; i++) {
        struct hr_unescape u = walk(&hr_secrets_table.all[i]);
        unsigned char byte = (unsigned char)hr_unescape_next(&u);
        link_entry(2 * i, byte);
        if (hr_secret_special(byte))
            link_entry(2 * i + 1, '\\');
    }
    hr_secrets_table.changed = false;
}

static void spend(size_t n)
{
    work = work > n ? work - n : 0;
}

/* How much of the text is the secret that `u` walks over; 0: it is not there.  whole: to the very
 * end of it, and no less.  escaped: the text is one with escapes. */
static size_t covered(const char *text, size_t n, struct hr_unescape u, bool escaped, bool whole)
{
    struct hr_unescape t = {.at = text, .end = text + n, .escaped = escaped};
    size_t same = 0;
    size_t len = 0;
    int a = -1;
    int b = -1;
    while ((a = next(&u)) >= 0 && a == (b = next(&t))) {
        same++;
        len = (size_t)(t.at - text);
    }
    spend(same + 1);
    if (a < 0)
        return len;
    if (whole)
        return 0;
    /* The text ends here, maybe in the middle of an escape? */
    if (b < 0 && n - len < ESCAPE_MAX)
        return same >= HR_SECRET_MIN ? n : 0;
    return same >= HR_SECRET_ENOUGH ? len : 0;
}

/* The same for the plain case, which is nearly every one. */
static size_t covered_plain(const char *text, size_t n, const struct hr_secret *s)
{
    size_t end = n < s->n ? n : s->n;
    size_t same = 0;
    while (same < end && text[same] == s->p[same])
        same++;
    spend(same + 1);
    if (same == s->n || same >= HR_SECRET_ENOUGH || (same == n && same >= HR_SECRET_MIN))
        return same;
    return 0;
}

/* How much is secret at the start of this text, at most. */
static size_t longest_here(const char *text, size_t n)
{
    size_t longest = 0;
    for (uint16_t link = first[(unsigned char)*text]; link; link = following[link - 1]) {
        const struct hr_secret *s = &hr_secrets_table.all[(link - 1) / 2];
        bool only_escaped = (link - 1) % 2;
        size_t len = 0;
        if (!only_escaped)
            len = s->escaped ? covered(text, n, walk(s), false, false) : covered_plain(text, n, s);
        if (len > longest)
            longest = len;
        if (s->special && (len = covered(text, n, walk(s), true, false)) > longest)
            longest = len;
    }
    return longest;
}

/* How much of the text's beginning is the rest of a secret, whose own beginning was lost. */
static size_t rest_of_one(const char *text, size_t n)
{
    size_t longest = 0;
    for (size_t i = 0; i < hr_secrets_table.n && work; i++) {
        struct hr_unescape u = walk(&hr_secrets_table.all[i]);
        while (next(&u) >= 0 && work) {
            for (int escaped = 0; escaped <= (int)hr_secrets_table.all[i].special; escaped++) {
                size_t len = covered(text, n, u, escaped, true);
                if (len >= HR_SECRET_MIN && len > longest)
                    longest = len;
            }
        }
    }
    return longest;
}

int hr_secrets_mark(const char *text, size_t n, bool *secret)
{
    memset(secret, 1, n);
    if (hr_secrets_table.full)
        return -ENOSPC;
    if (hr_secrets_table.changed)
        make_index();
    work = HR_SECRETS_WORK;
    size_t end = n ? rest_of_one(text, n) : 0; /* of what is secret */
    for (size_t i = 0; i < n && work; i++) {   /* without the time for all, the rest stays secret */
        size_t len = longest_here(text + i, n - i);
        if (i + len > end)
            end = i + len;
        secret[i] = i < end;
    }
    return 0;
}

size_t hr_secrets_cover(char *out, const char *text, const bool *secret, size_t n)
{
    size_t len = 0;
    size_t stars = 0;
    for (size_t i = 0; i < n; i++) {
        if (!secret[i]) {
            out[len++] = text[i];
            stars = 0;
        } else if (stars < STARS) {
            out[len++] = '*';
            stars++;
        }
    }
    return len;
}

void hr_secrets_words(char out[HR_REASON_MAX], const char *text)
{
    bool secret[HR_REASON_MAX];
    size_t n = strnlen(text, HR_REASON_MAX - 1);
    (void)hr_secrets_mark(text, n, secret); /* in doubt, all of it is */
    out[hr_secrets_cover(out, text, secret, n)] = '\0';
}
