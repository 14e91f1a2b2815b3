/* SPDX-License-Identifier: MIT
 * Lines out of bytes: those that are cut as the first byte says must be those that are not. */
#include "sidecar/mcp/lines.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int true_)
{
    if (!true_)
        abort();
}

/* The line that comes next is this one, or too long. */
static void expect(int r, const char *line, size_t len, const char **text, const char *end)
{
    const char *nl = memchr(*text, '\n', (size_t)(end - *text));
    size_t n = (size_t)((nl ? nl : end) - *text);
    if (r == -EMSGSIZE)
        must(n > MAX);
    else
        must(nl && n <= MAX && len == n && memcmp(line, *text, n) == 0);
    *text = nl ? nl + 1 : end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hr_lines l;
    const char *line = NULL;
    size_t len = 0;
    int r = 0;
    if (size == 0)
        return 0;
    size_t piece = (size_t)data[0] % 32 + 1;
    const char *text = (const char *)data + 1, *at = text, *end = text + size - 1;
    hr_lines_init(&l, MAX);
    while (at < end) {
        size_t n = (size_t)(end - at) < piece ? (size_t)(end - at) : piece;
        must(hr_lines_add(&l, at, n) == 0);
        at += n;
        while ((r = hr_lines_next(&l, &line, &len)))
            expect(r, line, len, &text, end);
        must(l.buf.len - l.start <= MAX);
    }
    if (hr_lines_rest(&l, &line, &len))
        must(len == (size_t)(end - text) && memcmp(line, text, len) == 0);
    else
        must(text == end);
    hr_lines_free(&l);
    return 0;
}
