/* SPDX-License-Identifier: MIT
 * Is this built with a sanitizer?  These have mappings of their own, large and in motion, which a
 * test that looks at the memory of its process cannot tell from ours. */
#ifndef HR_TESTS_UNIT_SANITIZER_H
#define HR_TESTS_UNIT_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HR_SANITIZER 1
#elif defined(__has_feature)
#define HR_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define HR_SANITIZER 0
#endif

/* Threads of a sanitizer's own, in each process. */
#if defined(__SANITIZE_THREAD__)
#define HR_SANITIZER_THREADS 1
#elif defined(__has_feature)
#define HR_SANITIZER_THREADS __has_feature(thread_sanitizer)
#else
#define HR_SANITIZER_THREADS 0
#endif

#endif
