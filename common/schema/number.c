/* SPDX-License-Identifier: MIT
 * Numbers as JSON has them: an integer is a real without a fraction, and nothing is rounded on the
 * way to a comparison. */
#include "run.h"

#include "common/whole.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool hr_schema_number_integral(const json_t *v)
{
    return json_is_integer(v) ||
           (json_is_real(v) && hr_whole_part(json_real_value(v)) == json_real_value(v));
}

static int cmp_double(double a, double b)
{
    return (a > b) - (a < b);
}

static int cmp_int_real(json_int_t i, double d)
{
    if (d >= 0x1p63)
        return -1;
    if (d < -0x1p63)
        return 1;
    double whole = hr_whole_part(d);
    json_int_t w = (json_int_t)whole;
    return i != w ? (i > w) - (i < w) : cmp_double(whole, d);
}

int hr_schema_number_cmp(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return (json_integer_value(a) > json_integer_value(b)) -
               (json_integer_value(a) < json_integer_value(b));
    if (json_is_integer(a))
        return cmp_int_real(json_integer_value(a), json_real_value(b));
    if (json_is_integer(b))
        return -cmp_int_real(json_integer_value(b), json_real_value(a));
    return cmp_double(json_real_value(a), json_real_value(b));
}

/* digits * 10^exponent; digits is 0 or no multiple of 10. */
struct decimal {
    uint64_t digits;
    int exponent;
};

static struct decimal normal(uint64_t digits, int exponent)
{
    while (digits && digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    return (struct decimal){digits, exponent};
}

/* The shortest decimal that reads as the same double: what its author most likely wrote. */
static struct decimal decimal_of_real(double d)
{
    char text[40] = "";
    for (int precision = 14; precision <= 16; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision, fabs(d));
        if (strtod(text, NULL) == fabs(d))
            break;
    }
    uint64_t digits = 0;
    int exponent = 0;
    const char *p = text;
    for (bool fraction = false; *p && *p != 'e'; p++) {
        if (*p < '0' || *p > '9') {
            fraction = true; /* the point, whatever the locale has for it */
            continue;
        }
        digits = 10 * digits + (uint64_t)(*p - '0');
        exponent -= fraction;
    }
    return normal(digits, exponent + (*p ? (int)strtol(p + 1, NULL, 10) : 0));
}

static struct decimal decimal_of(const json_t *v)
{
    if (json_is_real(v))
        return decimal_of_real(json_real_value(v));
    json_int_t i = json_integer_value(v);
    return normal(i < 0 ? -(uint64_t)i : (uint64_t)i, 0);
}

__extension__ typedef unsigned __int128 wide;

/* digits * 10^power mod m */
static uint64_t mod_pow10(uint64_t digits, int power, uint64_t m)
{
    wide result = digits % m;
    wide ten = 10 % m;
    for (; power > 0; power /= 2) {
        if (power % 2)
            result = result * ten % m;
        ten = ten * ten % m;
    }
    return (uint64_t)result;
}

bool hr_schema_number_multiple(const json_t *value, const json_t *divisor)
{
    if (json_is_real(value) && !isfinite(json_real_value(value)))
        return false;
    struct decimal v = decimal_of(value);
    struct decimal d = decimal_of(divisor);
    if (!v.digits)
        return true;
    if (!d.digits)
        return false;
    /* v.digits / (d.digits * 10^k) with k > 0 is never whole: v.digits is no multiple of 10. */
    return v.exponent >= d.exponent && mod_pow10(v.digits, v.exponent - d.exponent, d.digits) == 0;
}
