/* SPDX-License-Identifier: MIT
 * A time as text.  See wall_text.h. */
#include "wall_text.h"

#include <stdio.h>
#include <time.h>

enum { LAST_YEAR = 9999 };

void hr_wall_text(int64_t wall_ms, char out[HR_WALL_TEXT])
{
    struct tm tm;
    time_t seconds = (time_t)(wall_ms / 1000);
    out[0] = '\0';
    if (wall_ms < 0 || !gmtime_r(&seconds, &tm) || tm.tm_year > LAST_YEAR - 1900)
        return;
    size_t n = strftime(out, HR_WALL_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, HR_WALL_TEXT - n, ".%03uZ", (unsigned)(wall_ms % 1000));
}
