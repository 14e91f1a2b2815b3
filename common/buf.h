/* SPDX-License-Identifier: MIT
 * The one growing buffer of the project: every text or byte string that grows lives in one of
 * these, and each has a maximum from birth, so nothing from outside can make it grow for ever.
 *
 * Ownership: the struct is the caller's, the memory inside is the buffer's until
 * hr_buf_free() or hr_buf_take().  Not thread-safe; one owner at a time.
 */
#ifndef HR_COMMON_BUF_H
#define HR_COMMON_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct hr_buf {
    char *data; /* NUL-terminated whenever it is not NULL; the NUL is not counted */
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
    size_t max; /* len never exceeds this */
};

/* An empty buffer that will hold at most max bytes.  Allocates nothing. */
void hr_buf_init(struct hr_buf *b, size_t max);

/* Release the memory; the buffer is empty and usable again with the same maximum. */
void hr_buf_free(struct hr_buf *b);

/* Forget the content, keep the memory. */
void hr_buf_reset(struct hr_buf *b);

/* Make room for n more bytes.  0, -E2BIG over the maximum, -ENOMEM. */
int hr_buf_reserve(struct hr_buf *b, size_t n);

/* Append.  0, -E2BIG or -ENOMEM; on failure the content is unchanged. */
int hr_buf_add(struct hr_buf *b, const void *data, size_t n);
int hr_buf_adds(struct hr_buf *b, const char *s);
int hr_buf_addc(struct hr_buf *b, char c);
int hr_buf_addf(struct hr_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int hr_buf_vaddf(struct hr_buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Drop the first n bytes (n <= len), moving the rest to the front. */
void hr_buf_consume(struct hr_buf *b, size_t n);

/* Hand the memory to the caller, who frees it with free(); never NULL on success of a non-empty
 * buffer, NULL for an empty one.  The buffer is empty afterwards. */
char *hr_buf_take(struct hr_buf *b);

/* The content as a C string; "" when nothing was ever added.  Borrowed. */
const char *hr_buf_str(const struct hr_buf *b);

#endif
