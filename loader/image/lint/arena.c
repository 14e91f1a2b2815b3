/* SPDX-License-Identifier: MIT
 * Memory that goes all at once.  See arena.h. */
#include "arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64 * 1024 };

struct hr_arena_chunk {
    struct hr_arena_chunk *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

void hr_arena_init(struct hr_arena *a, size_t max)
{
    *a = (struct hr_arena){.left = max};
}

void hr_arena_free(struct hr_arena *a)
{
    while (a->chunks) {
        struct hr_arena_chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
}

static struct hr_arena_chunk *add_chunk(struct hr_arena *a, size_t n)
{
    size_t size = n > CHUNK ? n : CHUNK;
    struct hr_arena_chunk *c = calloc(1, sizeof(*c) + size);
    if (!c)
        return NULL;
    c->size = size;
    c->next = a->chunks;
    a->chunks = c;
    return c;
}

void *hr_arena_alloc(struct hr_arena *a, size_t n)
{
    static const size_t align = alignof(max_align_t);
    if (n > a->left)
        return NULL;
    n = (n + align - 1) / align * align;
    struct hr_arena_chunk *c = a->chunks;
    if (!c || c->size - c->used < n)
        c = add_chunk(a, n);
    if (!c)
        return NULL;
    void *p = c->data + c->used;
    c->used += n;
    a->left -= n < a->left ? n : a->left;
    return p;
}

char *hr_arena_copy(struct hr_arena *a, const char *data, size_t n)
{
    char *p = hr_arena_alloc(a, n + 1);
    if (p && n)
        memcpy(p, data, n);
    return p;
}
