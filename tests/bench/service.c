/* SPDX-License-Identifier: MIT
 * The service of the comparison of inits: adds a line with CLOCK_MONOTONIC in nanoseconds and its
 * pid to the file that $BENCH_LOG names, as its first act.  Then it becomes the command after
 * "--", or waits for a signal and ends of it at once.  Says that it is ready as s6 has it, on
 * descriptor 3, if $BENCH_NOTIFY is set. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec ts;
    char line[64];
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
    int n = snprintf(line, sizeof(line), "%lld %d\n", (long long)now, (int)getpid());
    const char *log = getenv("BENCH_LOG");
    int fd = log ? open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || write(fd, line, (size_t)n) != n) {
        perror("service: $BENCH_LOG");
        return 1;
    }
    if (getenv("BENCH_NOTIFY"))
        (void)!write(3, "\n", 1);
    if (argc > 2 && strcmp(argv[1], "--") == 0) { /* s6 gives it arguments of its own */
        (void)execvp(argv[2], argv + 2);
        perror(argv[2]);
        return 127;
    }
    for (;;)
        (void)pause();
}
