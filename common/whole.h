/* SPDX-License-Identifier: MIT
 * Whole numbers among doubles, without libm: its pages would be in every toolhost for two
 * functions. */
#ifndef HR_COMMON_WHOLE_H
#define HR_COMMON_WHOLE_H

#include <stdint.h>

/* v without its fraction, as of trunc(), but that no zero is negative. */
static inline double hr_whole_part(double v)
{
    const double all_whole = 9007199254740992.0; /* 2^53: from there on no double has a fraction */
    return v > -all_whole && v < all_whole ? (double)(int64_t)v : v;
}

#endif
