/* SPDX-License-Identifier: MIT
 * See wiping.h. */
#include "wiping.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *hr_wiping_malloc(size_t size)
{
    return malloc(size);
}

void *hr_wiping_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

char *hr_wiping_strdup(const char *s)
{
    return strdup(s);
}

void hr_wiping_free(void *p)
{
    if (p)
        explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

/* Never in place: realloc() would free the old block with its content when it moves. */
void *hr_wiping_realloc(void *old, size_t size)
{
    size_t had = old ? malloc_usable_size(old) : 0;
    void *p = malloc(size);
    if (!p)
        return NULL;
    if (had)
        memcpy(p, old, had < size ? had : size);
    hr_wiping_free(old);
    return p;
}
