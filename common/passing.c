/* SPDX-License-Identifier: MIT
 * Which errors pass.  See passing.h. */
#include "passing.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const int passing[] = {EAGAIN, EIO, EMFILE, ENFILE, ENOMEM, ENOSPC, ENOBUFS, ETXTBSY};

bool hr_error_passes(int err)
{
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (err == passing[i])
            return true;
    return false;
}

bool hr_error_text_passes(const char *text)
{
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (strcmp(text, strerror(passing[i])) == 0)
            return true;
    return false;
}
