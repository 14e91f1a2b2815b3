/* SPDX-License-Identifier: MIT
 * Which errors pass.  See passing.h. */
#include "passing.h"

#include <errno.h>
#include <stddef.h>

static const int passing[] = {EAGAIN, EIO, EMFILE, ENFILE, ENOMEM, ENOSPC, ENOBUFS, ETXTBSY};

bool hr_error_passes(int err)
{
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (err == passing[i])
            return true;
    return false;
}
