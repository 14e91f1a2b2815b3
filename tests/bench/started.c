/* SPDX-License-Identifier: MIT
 * The program whose start is measured: writes CLOCK_MONOTONIC in nanoseconds as its first act. */
#include <stdint.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
    return write(STDOUT_FILENO, &now, sizeof(now)) == (ssize_t)sizeof(now) ? 0 : 1;
}
