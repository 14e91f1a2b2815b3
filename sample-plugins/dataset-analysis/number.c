/* SPDX-License-Identifier: MIT */
#include "number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DIGITS_MAX = 64 }; /* bytes; what is longer is an identifier or text */

static locale_t c_locale; /* lives as long as the process */

int da_number_init(void)
{
    if (!c_locale)
        c_locale = newlocale(LC_ALL_MASK, "C", NULL);
    return c_locale ? 0 : -ENOMEM;
}

bool da_number_parse(const char *text, size_t len, double *ret)
{
    char digits[DIGITS_MAX + 1];
    char *end = NULL;

    if (len == 0 || len > DIGITS_MAX)
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    if (strspn(digits, "0123456789+-.eE") != len) /* strtod also takes "inf" and "0x1p3" */
        return false;
    double v = strtod_l(digits, &end, c_locale);
    if (end != digits + len || !isfinite(v))
        return false;
    *ret = v;
    return true;
}

bool da_number_missing(const char *text, size_t len)
{
    static const char *const words[] = {"na", "n/a", "nan", "null"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i]) == len && strncasecmp(words[i], text, len) == 0)
            return true;
    return len == 0;
}
