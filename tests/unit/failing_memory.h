/* SPDX-License-Identifier: MIT
 * An allocator that fails once, where a test wants it to.  The linker wraps malloc, calloc,
 * realloc, strdup and strndup of everything that is linked statically: this program's own, and the
 * libraries' that are archives.  See hr_memory_test() in tests/CMakeLists.txt. */
#ifndef HR_TESTS_FAILING_MEMORY_H
#define HR_TESTS_FAILING_MEMORY_H

#include <stdbool.h>

/* The nth allocation from now on fails, and only that one. */
void fail_allocation(long n);

/* Has it come to that?  None fails from now on. */
bool allocation_has_failed(void);

#endif
