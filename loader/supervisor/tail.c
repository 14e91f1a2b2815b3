/* SPDX-License-Identifier: MIT
 * A ring of bytes, and one of whose they are.  See tail.h. */
#include "tail.h"

#include "secrets.h"

#include <string.h>

/* What each stream says, without what the other one says in between. */
static struct {
    size_t n;
    char text[HR_TAIL_BYTES];
    bool secret[HR_TAIL_BYTES]; /* of text */
} said[HR_TAIL_STREAMS];

void hr_tail_reset(struct hr_tail *t)
{
    t->total = t->turns = 0;
    t->ended = false;
}

void hr_tail_end(struct hr_tail *t)
{
    t->ended = true;
}

void hr_tail_add(struct hr_tail *t, unsigned stream, const char *data, size_t n)
{
    if (n == 0)
        return;
    if (t->turns == 0 || t->ended || t->turn_stream[(t->turns - 1) % HR_TAIL_TURNS] != stream) {
        t->turn_stream[t->turns % HR_TAIL_TURNS] = (uint8_t)stream;
        t->turn_from[t->turns % HR_TAIL_TURNS] = t->total;
        t->turns++;
        t->ended = false;
    }
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

/* The turn in which the last bytes begin that have room, with a newline for each turn; *ret_from:
 * the first of them. */
static uint64_t first_turn(const struct hr_tail *t, size_t room, uint64_t *ret_from)
{
    uint64_t turn = t->turns;
    uint64_t from = t->total;
    while (turn > 0 && t->turns - turn < HR_TAIL_TURNS && room > 1) {
        uint64_t n = from - t->turn_from[--turn % HR_TAIL_TURNS];
        room--;
        if (n > room)
            n = room;
        room -= (size_t)n;
        from -= n;
    }
    *ret_from = from;
    return turn;
}

/* How many bytes of the turn are at `from` and after it. */
static size_t rest_of_turn(const struct hr_tail *t, uint64_t turn, uint64_t from)
{
    uint64_t end = turn + 1 < t->turns ? t->turn_from[(turn + 1) % HR_TAIL_TURNS] : t->total;
    return (size_t)(end - from);
}

/* Sort what was said by streams. */
static void gather(const struct hr_tail *t, uint64_t turn, uint64_t from)
{
    for (unsigned i = 0; i < HR_TAIL_STREAMS; i++)
        said[i].n = 0;
    for (; turn < t->turns; turn++) {
        unsigned i = t->turn_stream[turn % HR_TAIL_TURNS];
        size_t n = rest_of_turn(t, turn, from);
        size_t at = (size_t)(from % HR_TAIL_BYTES);
        size_t first = n < HR_TAIL_BYTES - at ? n : HR_TAIL_BYTES - at;
        memcpy(said[i].text + said[i].n, t->data + at, first);
        memcpy(said[i].text + said[i].n + first, t->data, n - first);
        said[i].n += n;
        from += n;
    }
}

/* Put it together again, in the order in which it was said.  whole: from the first line that
 * begins, and nothing if none does.  The bytes written; *ret_from: the first one they stand for. */
static size_t arrange(const struct hr_tail *t, uint64_t turn, uint64_t from, bool whole, char *out,
                      uint64_t *ret_from)
{
    size_t at[HR_TAIL_STREAMS] = {0};
    size_t len = 0;
    *ret_from = from;
    for (; turn < t->turns; turn++) {
        unsigned i = t->turn_stream[turn % HR_TAIL_TURNS];
        size_t n = rest_of_turn(t, turn, from);
        const char *text = said[i].text + at[i];
        const char *end = whole ? memchr(text, '\n', n) : NULL;
        size_t skip = end ? (size_t)(end - text) + 1 : whole ? n : 0;
        if (len == 0)
            *ret_from = from + skip;
        if (len > 0 && out[len - 1] != '\n')
            out[len++] = '\n';
        len += hr_secrets_cover(out + len, text + skip, said[i].secret + at[i] + skip, n - skip);
        whole = whole && !end;
        at[i] += n;
        from += n;
    }
    return len;
}

size_t hr_tail_copy(const struct hr_tail *t, char *out, size_t room, uint64_t *ret_lost)
{
    static const char why[] = "[withheld: more secrets than can be looked for]\n";
    uint64_t from = 0;
    uint64_t turn = first_turn(t, room < HR_TAIL_BYTES ? room : HR_TAIL_BYTES, &from);
    bool known = true;
    gather(t, turn, from);
    for (unsigned i = 0; i < HR_TAIL_STREAMS; i++)
        known = hr_secrets_mark(said[i].text, said[i].n, said[i].secret) == 0 && known;
    if (!known && t->total > 0) {
        size_t n = sizeof(why) - 1 < room ? sizeof(why) - 1 : room;
        memcpy(out, why, n);
        *ret_lost = t->total;
        return n;
    }
    size_t n = arrange(t, turn, from, from > 0, out, ret_lost);
    return n || from == 0 ? n : arrange(t, turn, from, false, out, ret_lost);
}
