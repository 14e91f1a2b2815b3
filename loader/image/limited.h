/* SPDX-License-Identifier: MIT
 * Running a program of the image, or a function of ours that looks at it, for its answer, with a
 * limit: it may hang, write without end, or leave processes behind. */
#ifndef HR_IMAGE_LIMITED_H
#define HR_IMAGE_LIMITED_H

#include "common/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { HR_LIMITED_GRACE_MS = 3000 }; /* between being asked to end and being killed */

/* Run argv with env, its standard output and error into `output` (what is too much for it is left
 * out) and nothing as its input, in a process group of its own, which ends with it; it ends with us
 * too.  *ret_status: its wait status.  0; -ETIMEDOUT: it was ended, after limit_ms or later; or
 * -errno: it could not be run. */
int hr_limited_run(char *const *argv, char *const *env, int64_t limit_ms, struct hr_buf *output,
                   int *ret_status);

/* The same with a function of ours, in a child: its exit code is what the function returns, its
 * standard output goes into `output`, its standard error is ours.  What is buffered is written
 * before and after. */
int hr_limited_call(int (*function)(void *arg), void *arg, int64_t limit_ms, struct hr_buf *output,
                    int *ret_status);

#endif
