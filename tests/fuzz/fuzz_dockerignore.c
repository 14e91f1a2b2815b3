/* SPDX-License-Identifier: MIT
 * .dockerignore: patterns up to a NUL byte, then a path. */
#include "loader/image/lint/ignore.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hr_ignore g;
    const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
    size_t n = nul ? (size_t)(nul - data) : size;
    size_t left = nul ? size - n - 1 : 0;
    char *path = calloc(1, left + 1);
    if (!path || hr_ignore_parse(&g, (const char *)data, n)) {
        free(path);
        return 0;
    }
    if (left)
        memcpy(path, nul + 1, left);
    bool out = hr_ignored(&g, path);
    if (out && !g.len)
        abort();
    hr_ignore_free(&g);
    free(path);
    return 0;
}
