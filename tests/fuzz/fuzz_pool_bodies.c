/* SPDX-License-Identifier: MIT
 * Any answer to GET /api/init, /server_info and /api/conversations/count.  What is read has to be
 * within its limits. */
#include "sidecar/pool/bodies.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int within(double seconds)
{
    return seconds == -1 || (seconds >= 0 && seconds <= 1e10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum hr_init_state state = HR_INIT_UNKNOWN;
    struct hr_server_info info;
    int64_t count = -1;
    if (hr_count_body((const char *)data, size, &count) == 0 && count < 0)
        abort();
    if (hr_init_body((const char *)data, size, &state) == 0 && !hr_init_state_name(state))
        abort();
    if (hr_server_info_body((const char *)data, size, &info))
        return 0;
    if (!within(info.uptime_s) || !within(info.idle_s) ||
        strnlen(info.version, sizeof(info.version)) == sizeof(info.version))
        abort();
    for (const char *p = info.version; *p; p++)
        if (*p <= ' ' || *p > '~')
            abort();
    return 0;
}
