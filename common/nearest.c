/* SPDX-License-Identifier: MIT
 * The word that somebody probably meant.  See nearest.h. */
#include "nearest.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

enum { WORD_MAX = 48 }; /* bytes */

static char plain(char c)
{
    return (char)(c == '_' ? '-' : tolower((unsigned char)c));
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned hr_word_distance(const char *a, const char *b)
{
    unsigned row[3][WORD_MAX + 1]; /* the one before the last, the last, this one */
    size_t n = strlen(b);
    if (n > WORD_MAX || strlen(a) > WORD_MAX)
        return UINT_MAX;
    for (size_t j = 0; j <= n; j++)
        row[1][j] = (unsigned)j;
    for (size_t i = 1; a[i - 1]; i++) {
        row[2][0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = row[1][j - 1] + (plain(a[i - 1]) != plain(b[j - 1]));
            best = least(best, least(row[1][j], row[2][j - 1]) + 1);
            if (i > 1 && j > 1 && plain(a[i - 1]) == plain(b[j - 2]) &&
                plain(a[i - 2]) == plain(b[j - 1]))
                best = least(best, row[0][j - 2] + 1);
            row[2][j] = best;
        }
        memcpy(row[0], row[1], sizeof(row[0]));
        memcpy(row[1], row[2], sizeof(row[1]));
    }
    return row[1][n];
}

int hr_word_is_near(const char *word, unsigned distance)
{
    size_t n = strlen(word);
    return distance <= (n < 4 ? 1U : n < 8 ? 2U : 3U);
}
