/* SPDX-License-Identifier: MIT
 * A ring of bytes.  See tail.h. */
#include "tail.h"

#include <string.h>

void hr_tail_reset(struct hr_tail *t)
{
    t->total = 0;
}

void hr_tail_add(struct hr_tail *t, const char *data, size_t n)
{
    t->total += n;
    if (n > HR_TAIL_BYTES) {
        data += n - HR_TAIL_BYTES;
        n = HR_TAIL_BYTES;
    }
    size_t at = (size_t)((t->total - n) % HR_TAIL_BYTES);
    size_t first = n < HR_TAIL_BYTES - at ? n : HR_TAIL_BYTES - at;
    memcpy(t->data + at, data, first);
    memcpy(t->data, data + first, n - first);
}

static char byte_at(const struct hr_tail *t, uint64_t position)
{
    return t->data[position % HR_TAIL_BYTES];
}

size_t hr_tail_copy(const struct hr_tail *t, char *out, size_t room)
{
    uint64_t from = 0;
    /* One byte less than there is: the byte before tells whether a line begins here. */
    size_t most = room < HR_TAIL_BYTES ? room : HR_TAIL_BYTES - 1;
    if (t->total > most) {
        from = t->total - most;
        uint64_t line = from;
        while (line < t->total && byte_at(t, line - 1) != '\n')
            line++;
        if (line < t->total)
            from = line;
    }
    size_t n = (size_t)(t->total - from);
    size_t at = (size_t)(from % HR_TAIL_BYTES);
    size_t first = n < HR_TAIL_BYTES - at ? n : HR_TAIL_BYTES - at;
    memcpy(out, t->data + at, first);
    memcpy(out + first, t->data, n - first);
    return n;
}
