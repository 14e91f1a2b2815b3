/* SPDX-License-Identifier: MIT
 * An allocator that wipes what it frees, for libcurl: it copies keys and bodies into buffers of its
 * own, and frees those as they are.  What it frees are some tens of kilobytes a request, which is
 * some microseconds of wiping.
 */
#ifndef HR_SIDECAR_HTTP_WIPING_H
#define HR_SIDECAR_HTTP_WIPING_H

#include <stddef.h>

/* As malloc(), calloc(), realloc(), strdup() and free(), with memory of the same heap. */
void *hr_wiping_malloc(size_t size);
void *hr_wiping_calloc(size_t count, size_t size);
void *hr_wiping_realloc(void *old, size_t size);
char *hr_wiping_strdup(const char *s);
void hr_wiping_free(void *p);

#endif
