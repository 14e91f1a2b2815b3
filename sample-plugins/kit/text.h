/* SPDX-License-Identifier: MIT
 * A growing piece of text with a mandatory maximum.  Start with {.max = bytes}; free at the end.
 * The first failure stays in .error and later additions do nothing, so one check at the end will
 * do. */
#ifndef KIT_TEXT_H
#define KIT_TEXT_H

#include <stddef.h>

struct kit_text {
    char *data; /* not NUL-terminated; NULL while empty */
    size_t len;
    size_t cap;
    size_t max; /* bytes */
    int error;  /* 0, -E2BIG (over the maximum) or -ENOMEM */
};

void kit_text_add(struct kit_text *t, const char *data, size_t n);
__attribute__((format(printf, 2, 3))) void kit_text_addf(struct kit_text *t, const char *format,
                                                         ...);

/* Add data as one line of clean UTF-8: each byte that is no UTF-8, and each control character but
 * the tab, becomes U+FFFD.  So neither a file's name nor its content can fake another line. */
void kit_text_add_clean(struct kit_text *t, const char *data, size_t n);

/* The same as a cell of a table: the ends of lines and what ends a cell are escaped. */
void kit_text_add_cell(struct kit_text *t, const char *data, size_t n);

void kit_text_free(struct kit_text *t);

#endif
