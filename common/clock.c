/* SPDX-License-Identifier: MIT
 * Time.  See clock.h. */
#include "clock.h"

#include <time.h>

static int64_t now_us(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts); /* cannot fail for these clocks */
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t hr_now_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t hr_now_ms(void)
{
    return hr_now_us() / 1000;
}

int64_t hr_cpu_us(void)
{
    return now_us(CLOCK_THREAD_CPUTIME_ID);
}

int64_t hr_wall_ms(void)
{
    return now_us(CLOCK_REALTIME) / 1000;
}
