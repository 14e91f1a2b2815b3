/* SPDX-License-Identifier: MIT
 * What a call writes to standard error, as a string: hear_begin(), the call, hear_end(). */
#ifndef HR_TESTS_UNIT_SAID_H
#define HR_TESTS_UNIT_SAID_H

#include "check.h"

#include <stdio.h>
#include <unistd.h>

static char said[32 * 1024];
static FILE *said_file;
static int said_saved = -1;

static inline void hear_begin(void)
{
    said_file = tmpfile();
    said_saved = dup(STDERR_FILENO);
    assert_true(said_file && said_saved >= 0);
    assert_true(dup2(fileno(said_file), STDERR_FILENO) >= 0);
}

static inline void hear_end(void)
{
    assert_true(dup2(said_saved, STDERR_FILENO) >= 0);
    ssize_t n = pread(fileno(said_file), said, sizeof(said) - 1, 0);
    said[n > 0 ? n : 0] = '\0';
    (void)close(said_saved);
    (void)fclose(said_file);
}

#endif
