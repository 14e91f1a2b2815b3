/* SPDX-License-Identifier: MIT
 * Processes in numbers, for the storms and for the benchmark of reaping.
 *
 *   storm orphans N [HOW]      N orphans in sessions of their own that wait for a signal.  Ends
 * when all are there.  HOW: "ignore" they do not end by TERM, "slow" they take up to 4 s to do so,
 * "stopped" they have stopped themselves storm burst N              N orphans, killed all at once;
 * prints the milliseconds until the last one has been reaped by whoever that is to storm double
 * SECONDS       one orphan after the other, each ending at once; prints how many storm bomb every
 * process forks for ever, ignores TERM, and has its own session storm root                 become
 * root for good (if this file is setuid), wait for a signal storm root-child           the same in
 * a child; the process itself is again who called it */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ORPHANS = 20000, BURST_MS = 20000, SLOW_MS = 4000 };

static double now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void sleep_ms(long ms)
{
    const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&ts, NULL);
}

_Noreturn static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void ignore_term(void)
{
    (void)signal(SIGTERM, SIG_IGN);
}

static void on_term(int sig)
{
    (void)sig;
    sleep_ms(getpid() * 7919L % SLOW_MS); /* each at another moment */
    _exit(0);
}

_Noreturn static void orphan(const char *how)
{
    (void)setsid();
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)close(fd); /* whoever reads what we write need not wait for them */
    if (strcmp(how, "ignore") == 0)
        ignore_term();
    if (strcmp(how, "slow") == 0)
        (void)signal(SIGTERM, on_term);
    if (strcmp(how, "stopped") == 0)
        (void)raise(SIGSTOP);
    for (;;)
        (void)pause();
}

/* Leave n orphans; their pids.  The process between us and them ends, which makes them orphans. */
static const pid_t *leave(int n, const char *how)
{
    size_t size = sizeof(pid_t) * MAX_ORPHANS;
    pid_t *pids = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0;
    if (pids == MAP_FAILED)
        fail("mmap");
    pid_t between = fork();
    if (between < 0)
        fail("fork");
    if (between == 0) {
        for (int i = 0; i < n; i++) {
            pid_t pid = fork();
            if (pid < 0)
                fail("fork of an orphan");
            if (pid == 0)
                orphan(how);
            pids[i] = pid;
        }
        _exit(0);
    }
    if (waitpid(between, &status, 0) < 0 || status != 0 || pids[n - 1] <= 0)
        fail("the orphans' parent");
    return pids;
}

static void burst(int n)
{
    const pid_t *pids = leave(n, "");
    sleep_ms(200); /* let them settle: it is their end that counts */
    double began = now_ms();
    for (int i = 0; i < n; i++)
        (void)kill(pids[i], SIGKILL);
    for (int i = n - 1; i >= 0; i--) {
        while (kill(pids[i], 0) == 0) { /* a zombie still answers */
            if (now_ms() - began > BURST_MS)
                fail("the orphans are not reaped");
            sleep_ms(1);
        }
    }
    (void)printf("%.1f\n", now_ms() - began);
}

static void doubles(double seconds)
{
    long n = 0;
    for (double end = now_ms() + seconds * 1000; now_ms() < end; n++) {
        pid_t between = fork();
        if (between == 0)
            _exit(fork() < 0); /* both: it, and the orphan that it leaves */
        if (between < 0 || waitpid(between, NULL, 0) < 0)
            sleep_ms(1);
    }
    (void)printf("%ld\n", n);
}

_Noreturn static void bomb(void)
{
    ignore_term();
    for (;;) {
        pid_t pid = fork();
        if (pid == 0)
            (void)setsid();
        else if (pid < 0)
            sleep_ms(20); /* full: leave the processor to those who are measured */
    }
}

_Noreturn static void wait_for_a_signal(const char *word)
{
    (void)puts(word);
    (void)fflush(stdout);
    for (;;)
        (void)pause();
}

_Noreturn static void root(void)
{
    if (setgid(0) < 0 || setuid(0) < 0)
        fail("cannot become root");
    wait_for_a_signal("root");
}

_Noreturn static void root_child(void)
{
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        (void)setsid();
        root();
    }
    if (setuid(getuid()) < 0)
        fail("setuid");
    wait_for_a_signal("up");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    if (n < 1 || n > MAX_ORPHANS)
        n = 1;
    if (strcmp(what, "orphans") == 0)
        (void)leave((int)n, argc > 3 ? argv[3] : "");
    else if (strcmp(what, "burst") == 0)
        burst((int)n);
    else if (strcmp(what, "double") == 0)
        doubles((double)n);
    else if (strcmp(what, "bomb") == 0)
        bomb();
    else if (strcmp(what, "root") == 0)
        root();
    else if (strcmp(what, "root-child") == 0)
        root_child();
    else {
        (void)fprintf(stderr, "usage: see the top of storm.c\n");
        return 64;
    }
    return 0;
}
