/* SPDX-License-Identifier: MIT
 * Which members or items are described already, for unevaluatedProperties and unevaluatedItems. */
#include "run.h"

#include <errno.h>
#include <stdlib.h>

enum { WORD = 64 }; /* bits */

static size_t words(size_t n)
{
    return (n + WORD - 1) / WORD;
}

int hr_schema_seen_init(struct hr_schema_run *r, struct hr_schema_seen *seen, const json_t *value)
{
    size_t n = json_is_object(value) ? json_object_size(value) : json_array_size(value);
    int err = hr_schema_spend(r, words(n));
    if (err)
        return err;
    *seen = (struct hr_schema_seen){.n = n};
    if (!n)
        return 0;
    seen->bits = calloc(words(n), sizeof(uint64_t));
    return seen->bits ? 0 : -ENOMEM;
}

void hr_schema_seen_free(struct hr_schema_seen *seen)
{
    free(seen->bits);
    seen->bits = NULL;
}

void hr_schema_seen_mark(struct hr_schema_seen *seen, size_t i)
{
    if (seen && i < seen->n)
        seen->bits[i / WORD] |= UINT64_C(1) << (i % WORD);
}

bool hr_schema_seen_has(const struct hr_schema_seen *seen, size_t i)
{
    return i < seen->n && seen->bits[i / WORD] >> (i % WORD) & 1;
}

void hr_schema_seen_merge(struct hr_schema_seen *into, const struct hr_schema_seen *from)
{
    for (size_t i = 0; into && i < words(into->n) && i < words(from->n); i++)
        into->bits[i] |= from->bits[i];
}
