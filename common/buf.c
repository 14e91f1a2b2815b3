/* SPDX-License-Identifier: MIT
 * Growing buffer with a mandatory maximum.  See buf.h. */
#include "buf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HR_BUF_FIRST = 64 }; /* bytes of the first allocation */

void hr_buf_init(struct hr_buf *b, size_t max)
{
    *b = (struct hr_buf){.max = max};
}

void hr_buf_free(struct hr_buf *b)
{
    free(b->data);
    hr_buf_init(b, b->max);
}

void hr_buf_reset(struct hr_buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

int hr_buf_reserve(struct hr_buf *b, size_t n)
{
    if (n > b->max - b->len)
        return -E2BIG;
    size_t want = b->len + n + 1;
    if (want <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : HR_BUF_FIRST;
    while (cap < want)
        cap *= 2;
    if (cap > b->max + 1)
        cap = b->max + 1;
    char *p = realloc(b->data, cap);
    if (!p)
        return -ENOMEM;
    b->data = p;
    b->cap = cap;
    b->data[b->len] = '\0';
    return 0;
}

int hr_buf_add(struct hr_buf *b, const void *data, size_t n)
{
    int err = hr_buf_reserve(b, n);
    if (err)
        return err;
    if (n)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = '\0';
    return 0;
}

int hr_buf_adds(struct hr_buf *b, const char *s)
{
    return hr_buf_add(b, s, strlen(s));
}

int hr_buf_addc(struct hr_buf *b, char c)
{
    return hr_buf_add(b, &c, 1);
}

int hr_buf_vaddf(struct hr_buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        return -EINVAL;
    int err = hr_buf_reserve(b, (size_t)n);
    if (err)
        return err;
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
    return 0;
}

int hr_buf_addf(struct hr_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int err = hr_buf_vaddf(b, fmt, ap);
    va_end(ap);
    return err;
}

void hr_buf_consume(struct hr_buf *b, size_t n)
{
    assert(n <= b->len);
    if (!n)
        return;
    b->len -= n;
    memmove(b->data, b->data + n, b->len);
    b->data[b->len] = '\0';
}

char *hr_buf_take(struct hr_buf *b)
{
    char *p = b->data;
    hr_buf_init(b, b->max);
    return p;
}

const char *hr_buf_str(const struct hr_buf *b)
{
    return b->data ? b->data : "";
}
