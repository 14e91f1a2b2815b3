/* SPDX-License-Identifier: MIT
 * Numbers as Python's int() and float() read them, which is how the agent-server reads its
 * environment: blanks around them, a sign, underscores between digits; no hexadecimal.  Called by
 * the preflight; owns nothing. */
#ifndef HR_SUPERVISOR_PYTHON_NUMBER_H
#define HR_SUPERVISOR_PYTHON_NUMBER_H

#include <stdbool.h>

/* The value as a double, which for a large integer is only close.  0, or -EINVAL for what Python
 * raises ValueError.  -ENOTSUP: cannot be told here, because the text is longer than 256 bytes or
 * is not ASCII (Python takes the digits of every script). */
int hr_python_number(const char *text, bool integer, double *ret);

#endif
