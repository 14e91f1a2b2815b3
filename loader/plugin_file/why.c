/* SPDX-License-Identifier: MIT
 * Why a plugin is refused.  See why.h. */
#include "why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int hr_refuse(struct hr_why *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
    va_end(ap);
    return -EINVAL;
}

int hr_refuse_error(struct hr_why *why, int err, const char *what)
{
    (void)hr_refuse(why, "%s: %s", what, strerror(-err));
    return err;
}
