/* SPDX-License-Identifier: MIT
 * Commands run in this process, against control sockets in others. */
#ifndef HR_TESTS_UNIT_CLI_FIXTURE_H
#define HR_TESTS_UNIT_CLI_FIXTURE_H

#include "control_fixture.h"

#include <sys/types.h>

/* What a command did. */
struct captured {
    int code;
    char out[64 * 1024];
    char err[4096];
};

/* Run one command, argv[0] its name; the result is overwritten by the next call. */
const struct captured *capture(int (*command)(char **argv), char **argv);

#define RUN(command, ...) capture(command, (char *[]){__VA_ARGS__, NULL})

/* A server in a process of its own, which runs until the end of the test; back when it listens,
 * which it tells by closing `ready`. */
pid_t serve(void (*run)(int ready));

/* The real control socket, where HANDRAIL_CONTROL or its pid says, with fx as it is: for serve().
 */
void serve_really(int ready);

/* Setup and teardown. */
int fresh(void **state);
int end_servers(void **state);

#endif
