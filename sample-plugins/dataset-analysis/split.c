/* SPDX-License-Identifier: MIT */
#include "split.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* splitmix64: small, and the same everywhere, which the C library's is not. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void shuffle(size_t *rows, size_t n, uint64_t *state)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = next_random(state) % i;
        size_t row = rows[i - 1];
        rows[i - 1] = rows[j];
        rows[j] = row;
    }
}

/* Put the rows in the order of their classes; starts[c] is where class c begins. */
static void sort_by_class(const struct da_data *d, const struct da_column *target, size_t *starts,
                          size_t *sorted)
{
    size_t classes = target->values.count;
    size_t at = 0;

    for (size_t c = 0; c < classes; c++) {
        starts[c] = at;
        at += (size_t)target->values.times[c];
    }
    for (size_t row = 0; row < d->rows; row++)
        if (target->codes[row] != DA_MISSING)
            sorted[starts[target->codes[row]]++] = row;
    for (size_t c = 0; c < classes; c++) /* back to where they began */
        starts[c] -= (size_t)target->values.times[c];
}

static size_t test_rows(size_t n, double fraction)
{
    size_t wanted = (size_t)llround((double)n * fraction);

    return wanted < 1 ? 1 : wanted > n - 1 ? n - 1 : wanted;
}

int da_split_make(const struct da_data *d, const struct da_column *target, double test_fraction,
                  int64_t seed, struct da_split *ret)
{
    size_t n = (size_t)target->present;
    size_t *starts = calloc(target->values.count, sizeof(*starts));
    size_t *sorted = calloc(n, sizeof(*sorted));
    struct da_split s = {.rows = calloc(n, sizeof(*s.rows))};
    uint64_t state = (uint64_t)seed;

    if (!starts || !sorted || !s.rows) {
        free(starts);
        free(sorted);
        free(s.rows);
        return -ENOMEM;
    }
    sort_by_class(d, target, starts, sorted);
    for (size_t c = 0; c < target->values.count; c++) {
        size_t size = (size_t)target->values.times[c];
        size_t kept = test_rows(size, test_fraction);
        shuffle(sorted + starts[c], size, &state);
        for (size_t i = 0; i < size; i++) {
            if (i < kept) /* from the end, as their number is not known yet */
                s.rows[n - ++s.ntest] = sorted[starts[c] + i];
            else
                s.rows[s.ntrain++] = sorted[starts[c] + i];
        }
    }
    free(starts);
    free(sorted);
    *ret = s;
    return 0;
}

void da_split_free(struct da_split *s)
{
    free(s->rows);
    s->rows = NULL;
}
