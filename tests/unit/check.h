/* SPDX-License-Identifier: MIT
 * What every unit test includes: cmocka and the headers it wants before it. */
#ifndef HR_TESTS_UNIT_CHECK_H
#define HR_TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
