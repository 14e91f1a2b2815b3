/* SPDX-License-Identifier: MIT
 * A library that ends whatever loads it: in the place of one that should have been loaded. */
#include <unistd.h>

__attribute__((constructor)) static void evil(void)
{
    _exit(66);
}
