/* SPDX-License-Identifier: MIT
 * Numbers as Python reads them.  See python_number.h. */
#include "python_number.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 256 }; /* bytes of a number */

/* Where the reading is, and what strtod() will be given: the same without underscores. */
struct reader {
    const char *at;
    char plain[TEXT_MAX + 1];
    size_t n;
};

static void take(struct reader *r)
{
    r->plain[r->n++] = *r->at++;
}

static void take_sign(struct reader *r)
{
    if (*r->at == '+' || *r->at == '-')
        take(r);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits, each two with at most one underscore between them.  False if there are none. */
static bool take_digits(struct reader *r)
{
    if (!is_digit(*r->at))
        return false;
    while (is_digit(*r->at)) {
        take(r);
        if (r->at[0] == '_' && is_digit(r->at[1]))
            r->at++;
    }
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if (strncasecmp(r->at, word, n) != 0)
        return false;
    while (n--)
        take(r);
    return true;
}

/* digits [. digits] [e digits], where either side of the point may be missing. */
static bool take_float(struct reader *r)
{
    if (take_word(r, "infinity") || take_word(r, "inf") || take_word(r, "nan"))
        return true;
    bool digits = take_digits(r);
    if (*r->at == '.') {
        take(r);
        if (take_digits(r))
            digits = true;
    }
    if (digits && (*r->at == 'e' || *r->at == 'E')) {
        take(r);
        take_sign(r);
        digits = take_digits(r);
    }
    return digits;
}

int hr_python_number(const char *text, bool integer, double *ret)
{
    static const char blanks[] = " \t\n\v\f\r";
    struct reader r = {.at = text};
    if (strlen(text) > TEXT_MAX)
        return -ENOTSUP;
    for (const char *c = text; *c; c++)
        if (!isascii((unsigned char)*c))
            return -ENOTSUP;
    r.at += strspn(r.at, blanks);
    take_sign(&r);
    bool good = integer ? take_digits(&r) : take_float(&r);
    r.at += strspn(r.at, blanks);
    if (!good || *r.at)
        return -EINVAL;
    r.plain[r.n] = '\0';
    *ret = strtod(r.plain, NULL); /* too large is infinite, in Python too */
    return 0;
}
