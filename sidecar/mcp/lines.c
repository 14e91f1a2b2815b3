/* SPDX-License-Identifier: MIT
 * Lines.  See lines.h. */
#include "lines.h"

#include <errno.h>
#include <string.h>

void hr_lines_init(struct hr_lines *l, size_t max)
{
    *l = (struct hr_lines){.max = max};
    hr_buf_init(&l->buf, max + HR_LINES_PIECE_MAX + 1);
}

void hr_lines_free(struct hr_lines *l)
{
    hr_buf_free(&l->buf);
    l->start = l->looked = 0;
}

/* What was taken goes, and the memory of a large line with it. */
static void drop_taken(struct hr_lines *l)
{
    if (l->start == l->buf.len && l->buf.cap > HR_LINES_PIECE_MAX)
        hr_buf_free(&l->buf);
    else
        hr_buf_consume(&l->buf, l->start);
    l->start = 0;
}

int hr_lines_add(struct hr_lines *l, const char *data, size_t n)
{
    drop_taken(l);
    return hr_buf_add(&l->buf, data, n);
}

/* Pass over the rest of a line that is too long.  False: its end has not come. */
static bool skip(struct hr_lines *l)
{
    const char *from = hr_buf_str(&l->buf) + l->start;
    size_t n = l->buf.len - l->start;
    const char *end = memchr(from, '\n', n);
    l->start += end ? (size_t)(end - from) + 1 : n;
    l->skipping = !end;
    return end != NULL;
}

int hr_lines_next(struct hr_lines *l, const char **ret, size_t *ret_len)
{
    if (l->skipping && !skip(l))
        return 0;
    const char *from = hr_buf_str(&l->buf) + l->start;
    size_t n = l->buf.len - l->start;
    const char *end = memchr(from + l->looked, '\n', n - l->looked);
    size_t len = end ? (size_t)(end - from) : n;
    l->looked = 0;
    if (len > l->max) {
        l->skipping = true;
        (void)skip(l);
        return -EMSGSIZE;
    }
    if (!end) {
        l->looked = n;
        return 0;
    }
    l->start += len + 1;
    *ret = from;
    *ret_len = len;
    return 1;
}

int hr_lines_rest(struct hr_lines *l, const char **ret, size_t *ret_len)
{
    size_t n = l->buf.len - l->start;
    if (l->skipping || n == 0)
        return 0;
    *ret = hr_buf_str(&l->buf) + l->start;
    *ret_len = n;
    l->start = l->buf.len;
    l->looked = 0;
    return 1;
}
