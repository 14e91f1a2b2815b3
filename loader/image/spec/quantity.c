/* SPDX-License-Identifier: MIT
 * Quantities.  See quantity.h.
 *
 * The number is kept as its decimal digits and the place of the point, so that every step is exact
 * and nothing overflows until the very end. */
#include "quantity.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
    DIGITS = HR_QUANTITY_TEXT + 32, /* six times 1024 adds 19 */
    EXPONENT_MAX = 1000,            /* beyond it all is nothing or too much */
};

struct decimal {
    unsigned char digit[DIGITS]; /* the last one is the lowest */
    int n;                       /* how many are in use */
    int point;                   /* digits behind the point; negative: zeros before it */
};

static const struct {
    const char *name;
    int power2, power10;
} suffixes[] = {
    {"", 0, 0},    {"n", 0, -9},  {"u", 0, -6},  {"m", 0, -3},  {"k", 0, 3},   {"M", 0, 6},
    {"G", 0, 9},   {"T", 0, 12},  {"P", 0, 15},  {"E", 0, 18},  {"Ki", 10, 0}, {"Mi", 20, 0},
    {"Gi", 30, 0}, {"Ti", 40, 0}, {"Pi", 50, 0}, {"Ei", 60, 0},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits at *s, which moves behind them.  False: there is none. */
static bool read_digits(const char **s, struct decimal *d)
{
    bool point = false;
    for (; is_digit(**s) || (**s == '.' && !point); (*s)++) {
        if (**s == '.') {
            point = true;
            continue;
        }
        d->digit[d->n++] = (unsigned char)(**s - '0');
        d->point += point;
    }
    return d->n > 0;
}

static void multiply(struct decimal *d, unsigned by)
{
    unsigned carry = 0;
    for (int i = d->n; i-- > 0;) {
        carry += d->digit[i] * by;
        d->digit[i] = (unsigned char)(carry % 10);
        carry /= 10;
    }
    for (; carry; carry /= 10) {
        memmove(d->digit + 1, d->digit, (size_t)d->n++);
        d->digit[0] = (unsigned char)(carry % 10);
    }
}

/* "e3", "E-3", at its first byte.  False: it is none. */
static bool read_exponent(const char *s, int *ret)
{
    bool negative = s[1] == '-';
    int value = 0;
    if (*s != 'e' && *s != 'E')
        return false;
    s += 1 + (s[1] == '-' || s[1] == '+');
    if (!is_digit(*s))
        return false;
    for (; is_digit(*s); s++)
        value = value > EXPONENT_MAX ? value : value * 10 + (*s - '0');
    *ret = negative ? -value : value;
    return !*s;
}

static bool apply_suffix(struct decimal *d, const char *s)
{
    int exponent = 0;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcmp(s, suffixes[i].name) != 0)
            continue;
        for (int k = 0; k < suffixes[i].power2; k += 10)
            multiply(d, 1024);
        d->point -= suffixes[i].power10;
        return true;
    }
    if (!read_exponent(s, &exponent))
        return false;
    d->point -= exponent;
    return true;
}

/* What is before the point, one more if there is anything but zeros behind it. */
static int64_t round_up(const struct decimal *d)
{
    int64_t value = 0;
    int whole = d->n - d->point;
    bool rest = false;
    for (int i = 0; i < d->n || i < whole; i++) {
        int digit = i < d->n ? d->digit[i] : 0;
        if (i >= whole)
            rest |= digit != 0;
        else if (__builtin_mul_overflow(value, 10, &value) ||
                 __builtin_add_overflow(value, digit, &value))
            return INT64_MAX;
    }
    return rest && value < INT64_MAX ? value + 1 : value;
}

int hr_quantity_parse(const char *text, int decimals, int64_t *ret)
{
    struct decimal d = {0};
    if (strlen(text) > HR_QUANTITY_TEXT)
        return -EINVAL;
    bool negative = *text == '-';
    const char *s = text + (negative || *text == '+');
    if (!read_digits(&s, &d) || !apply_suffix(&d, s))
        return -EINVAL;
    d.point -= decimals;
    int64_t value = round_up(&d);
    *ret = negative ? -value : value;
    return 0;
}
