/* SPDX-License-Identifier: MIT
 * Time from just before exec of an init to the main() of its child, each init in turn, round after
 * round, so that a change of the machine's speed meets all of them alike.
 *
 * usage: exec_latency ROUNDS STARTED NAME COMMAND... [-- NAME COMMAND...]...
 * STARTED is appended to each command, but for those whose NAME begins with "+": they know what to
 * run, and would run it again when it ends, so they are told to end by SIGTERM.  Prints one JSON
 * object per command: medians in ms. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PEERS = 16, MAX_ARGS = 16, MAX_ROUNDS = 2000 };

struct peer {
    const char *name;
    char *argv[MAX_ARGS + 2];
    double start_ms[MAX_ROUNDS]; /* exec to the child's main */
    double total_ms[MAX_ROUNDS]; /* exec to the init's end */
};

static struct peer peers[MAX_PEERS];

static double now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static int run(struct peer *p, int round)
{
    int fds[2];
    int64_t at = 0;
    int status = 0;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    double began = now_ms();
    pid_t pid = vfork();
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)execvp(p->argv[0], p->argv);
        _exit(127);
    }
    (void)close(fds[1]);
    ssize_t n = read(fds[0], &at, sizeof(at));
    if (p->name[0] == '+')
        (void)kill(pid, SIGTERM);
    (void)waitpid(pid, &status, 0);
    if (p->name[0] == '+')
        status = 0; /* its own words for such an end are its affair */
    p->total_ms[round] = now_ms() - began;
    p->start_ms[round] = (double)at / 1e6 - began;
    (void)close(fds[0]);
    return n == (ssize_t)sizeof(at) && status == 0 ? 0 : -EIO;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    long rounds = argc > 4 ? strtol(argv[1], &end, 10) : 0;
    int npeers = 0;
    if (rounds < 1 || rounds > MAX_ROUNDS || *end)
        return 64;
    for (int i = 3; i < argc && npeers < MAX_PEERS; npeers++) {
        struct peer *p = &peers[npeers];
        int n = 0;
        p->name = argv[i++];
        for (; i < argc && strcmp(argv[i], "--") != 0 && n < MAX_ARGS; i++)
            p->argv[n++] = strcmp(argv[i], "@") == 0 ? "--" : argv[i]; /* "@" stands for "--" */
        if (p->name[0] != '+')
            p->argv[n] = argv[2];
        i++;
    }
    for (int r = 0; r < (int)rounds; r++) {
        for (int i = 0; i < npeers; i++) {
            if (run(&peers[i], r) == 0)
                continue;
            (void)fprintf(stderr, "%s did not run\n", peers[i].name);
            return 1;
        }
    }
    for (int i = 0; i < npeers; i++) {
        struct peer *p = &peers[i];
        qsort(p->start_ms, (size_t)rounds, sizeof(double), compare);
        qsort(p->total_ms, (size_t)rounds, sizeof(double), compare);
        (void)printf("{\"name\":\"%s\",\"start_ms\":%.3f,\"p95_ms\":%.3f,\"total_ms\":%.3f}\n",
                     p->name + (p->name[0] == '+'), p->start_ms[rounds / 2],
                     p->start_ms[rounds * 95 / 100], p->total_ms[rounds / 2]);
    }
    return 0;
}
