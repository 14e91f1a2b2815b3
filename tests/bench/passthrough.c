/* SPDX-License-Identifier: MIT
 * What it costs to pass a service's output on: a writer of 100-byte lines, something in the middle,
 * a reader that counts.  In the middle is `cat`, or the supervisor's own relay in each of its
 * modes, in a process of its own.
 *
 *     passthrough [MEGABYTES] [ROUNDS]
 *
 * One JSON object a line: the best of the rounds, which are taken in turn; the last one are the
 * ratios to cat. */
#include "loader/supervisor/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CAT, RAW, LIMITED, JSON, NKINDS };

static const char *const names[NKINDS] = {"cat", "raw", "raw with a limit", "json"};

struct result {
    double seconds;
    double cpu_seconds; /* of the one in the middle */
    double megabytes;   /* that arrived */
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

_Noreturn static void write_lines(int fd, size_t megabytes)
{
    static char block[100 * 80]; /* as a program with a buffer does: some lines with each write */
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)(i % 100 == 99 ? '\n' : 'a' + (int)(i % 26));
    for (size_t left = megabytes * 1000 * 1000; left >= sizeof(block); left -= sizeof(block))
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
            _exit(1);
    _exit(0);
}

static struct hr_output output;
static uint64_t expected; /* bytes */

static void on_turn(struct ev_loop *loop, ev_prepare *w, int revents)
{
    (void)w;
    (void)revents;
    if (output.bytes >= expected)
        ev_break(loop, EVBREAK_ALL);
}

/* The relay, with the writer as its service and standard output as its sink. */
_Noreturn static void relay_lines(int kind, size_t megabytes)
{
    static struct hr_relay relay;
    struct ev_loop *loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    ev_prepare turn;
    hr_relay_init(&relay, loop);
    const struct hr_output_settings settings = {kind == JSON ? HR_OUTPUT_JSON : HR_OUTPUT_RAW,
                                                kind == LIMITED ? 2000 * 1000 * 1000 : 0,
                                                {relay.sinks[0], relay.sinks[1]}};
    if (hr_output_init(&output, "writer", &settings))
        _exit(1);
    hr_relay_add(&relay, &output);
    if (fork() == 0) /* and never waited for, or its time would count as ours */
        write_lines(output.streams[HR_STDOUT].write_fd, megabytes);
    expected = (uint64_t)megabytes * 1000 * 1000;
    ev_prepare_init(&turn, on_turn);
    ev_prepare_start(loop, &turn);
    (void)ev_run(loop, 0);
    hr_relay_finish(&relay);
    if (output.dropped_lines)
        (void)fprintf(stderr, "%s: %llu lines dropped\n", names[kind],
                      (unsigned long long)output.dropped_lines);
    _exit(0);
}

_Noreturn static void cat_lines(size_t megabytes)
{
    int fds[2];
    if (pipe(fds) < 0)
        _exit(1);
    if (fork() == 0) {
        (void)close(fds[0]);
        write_lines(fds[1], megabytes);
    }
    (void)dup2(fds[0], STDIN_FILENO);
    (void)close(fds[0]);
    (void)close(fds[1]);
    (void)execlp("cat", "cat", (char *)NULL);
    _exit(1);
}

static struct result run(int kind, size_t megabytes)
{
    static char block[256 * 1024];
    struct result r = {0};
    struct rusage usage;
    int fds[2];
    int status = 0;
    if (pipe(fds) < 0)
        die("pipe");
    double began = now();
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        if (kind == CAT)
            cat_lines(megabytes);
        relay_lines(kind, megabytes);
    }
    (void)close(fds[1]);
    for (ssize_t n = 0; (n = read(fds[0], block, sizeof(block))) > 0;)
        r.megabytes += (double)n / 1e6;
    r.seconds = now() - began;
    (void)close(fds[0]);
    if (wait4(pid, &status, 0, &usage) != pid || status != 0)
        die(names[kind]);
    r.cpu_seconds = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
                    (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    return r;
}

int main(int argc, char **argv)
{
    size_t megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 500;
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 3;
    struct result best[NKINDS] = {{0}};
    for (size_t i = 0; i < rounds; i++) {
        for (int k = 0; k < NKINDS; k++) {
            struct result r = run(k, megabytes);
            if (i == 0 || r.cpu_seconds < best[k].cpu_seconds)
                best[k] = r;
        }
    }
    for (int k = 0; k < NKINDS; k++)
        (void)printf("{\"name\":\"%s\",\"in_mb\":%zu,\"out_mb\":%.0f,\"mb_per_s\":%.0f,"
                     "\"cpu_us_per_mb\":%.0f}\n",
                     names[k], megabytes, best[k].megabytes, (double)megabytes / best[k].seconds,
                     best[k].cpu_seconds * 1e6 / (double)megabytes);
    for (int k = RAW; k < NKINDS; k++)
        (void)printf("{\"name\":\"%s / cat\",\"speed\":%.2f,\"cpu\":%.2f}\n", names[k],
                     best[CAT].seconds / best[k].seconds,
                     best[k].cpu_seconds / best[CAT].cpu_seconds);
    return 0;
}
