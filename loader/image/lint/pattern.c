/* SPDX-License-Identifier: MIT
 * Patterns of shells.  See pattern.h. */
#include "pattern.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* One piece of a pattern: `n` bytes that must be there, or one of these. */
enum kind { LITERAL, ONE, ANY };

struct piece {
    enum kind kind;
    const char *at;
    size_t n;
};

/* Bytes of the character at p, of which n are left: a UTF-8 sequence, as far as it is whole. */
static size_t character(const char *p, size_t n)
{
    size_t size = 1;
    if (((unsigned char)*p & 0xc0) == 0xc0)
        while (size < n && size < 4 && ((unsigned char)p[size] & 0xc0) == 0x80)
            size++;
    return size;
}

/* The same for the one that ends before p. */
static size_t character_before(const char *p, size_t n)
{
    size_t size = 1;
    while (size < n && size < 4 && ((unsigned char)p[-(long)size] & 0xc0) == 0x80)
        size++;
    return character(p - size, size) == size ? size : 1;
}

static int read_pattern(const char *pattern, size_t n, struct piece pieces[HR_PATTERN_MAX],
                        size_t *ret_n)
{
    size_t count = 0;
    for (size_t i = 0; i < n;) {
        if (count == HR_PATTERN_MAX)
            return -E2BIG;
        enum kind kind = pattern[i] == '*' ? ANY : pattern[i] == '?' ? ONE : LITERAL;
        if (pattern[i] == '\\') {
            if (++i == n || !strchr("*?\\}/", pattern[i]))
                return -EINVAL;
        }
        size_t size = kind == LITERAL ? character(pattern + i, n - i) : 1;
        pieces[count++] = (struct piece){.kind = kind, .at = pattern + i, .n = size};
        i += size;
    }
    *ret_n = count;
    return 0;
}

/* After "anything" a pattern may be further on without a character. */
static void spread(const struct piece *pieces, size_t n, bool suffix, bool *in)
{
    for (size_t i = 0; i < n; i++)
        if (in[i] && pieces[suffix ? n - 1 - i : i].kind == ANY)
            in[i + 1] = true;
}

/* Go on by one character: in[i] says whether the first i pieces can end here. */
static void step(const struct piece *pieces, size_t n, bool suffix, bool *in, const char *at,
                 size_t size)
{
    for (size_t i = n + 1; i-- > 0;) {
        const struct piece *here = i < n ? &pieces[suffix ? n - 1 - i : i] : NULL;
        const struct piece *before = i ? &pieces[suffix ? n - i : i - 1] : NULL;
        bool stays = in[i] && here && here->kind == ANY;
        bool comes =
            before && in[i - 1] && before->kind != ANY &&
            (before->kind == ONE || (before->n == size && memcmp(before->at, at, size) == 0));
        in[i] = stays || comes;
    }
    spread(pieces, n, suffix, in);
}

int hr_pattern_match(const char *pattern, size_t n, const char *value, size_t value_n, bool suffix,
                     bool longest, size_t *work, long *ret_n)
{
    struct piece pieces[HR_PATTERN_MAX];
    bool in[HR_PATTERN_MAX + 1] = {true};
    int err = read_pattern(pattern, n, pieces, &n);
    if (err)
        return err;
    *ret_n = -1;
    spread(pieces, n, suffix, in);
    for (size_t used = 0;;) {
        if (in[n])
            *ret_n = (long)used;
        if (used == value_n || (in[n] && !longest))
            return 0;
        if (*work < n + 1)
            return -E2BIG;
        *work -= n + 1;
        const char *at = suffix ? value + value_n - used : value + used;
        size_t size = suffix ? character_before(at, value_n - used) : character(at, value_n - used);
        step(pieces, n, suffix, in, suffix ? at - size : at, size);
        used += size;
    }
}
