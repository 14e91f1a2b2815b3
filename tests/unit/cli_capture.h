/* SPDX-License-Identifier: MIT
 * Standard output and standard error of a command that runs in this process. */
#ifndef HR_TESTS_UNIT_CLI_CAPTURE_H
#define HR_TESTS_UNIT_CLI_CAPTURE_H

struct captured {
    int code;
    char out[64 * 1024];
    char err[4096];
};

/* Run one command, argv[0] its name; the result is overwritten by the next call. */
const struct captured *capture(int (*command)(char **argv), char **argv);

#define RUN(command, ...) capture(command, (char *[]){__VA_ARGS__, NULL})

#endif
