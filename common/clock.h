/* SPDX-License-Identifier: MIT
 * Time.  Every timeout of the project is monotonic milliseconds; wall-clock time is for people. */
#ifndef HR_COMMON_CLOCK_H
#define HR_COMMON_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC, in milliseconds or microseconds.  The same in every process of the machine. */
int64_t hr_now_ms(void);
int64_t hr_now_us(void);

/* Of the processor, spent by this thread, microseconds. */
int64_t hr_cpu_us(void);

/* CLOCK_REALTIME, milliseconds since 1970. */
int64_t hr_wall_ms(void);

#endif
