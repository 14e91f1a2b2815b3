/* SPDX-License-Identifier: MIT
 * The other end of PID 1's unix sockets (loader/supervisor/control_listen.h, control.h): what the
 * commands share.
 *
 * The socket is the one that --socket, --pid or HANDRAIL_CONTROL names, in this order; else the one
 * of the supervisor that runs in our pid namespace.  Whoever listens there must be root, or have
 * our uid, or be given orders by root; and where the name holds a pid, it must be its own: any
 * process can take any abstract name.
 *
 * Functions that return an exit code have said on standard error what is wrong unless it is 0. */
#ifndef HR_CLI_CONTROL_CLIENT_H
#define HR_CLI_CONTROL_CLIENT_H

#include "loader/supervisor/control_listen.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    HR_EXIT_REFUSED = 1,
    HR_EXIT_UNAVAILABLE = 69, /* as sysexits.h has it */
    HR_CLIENT_WHY_MAX = 1024, /* bytes */
    HR_CLIENT_FOUND_MAX = 8,  /* supervisors of one pid namespace that are told apart */
};

/* What a command takes besides --json, --pid, --socket and --help. */
enum {
    HR_TAKES_WORD = 1,
    HR_TAKES_UNDO = 2,
    HR_TAKES_PROBE = 4, /* --verbose, --timeout; and no --json */
    HR_TAKES_WATCH = 8,
};

struct hr_client_options {
    const char *command; /* argv[0] */
    const char *socket;  /* "@name" or "/path", or NULL */
    int64_t pid;         /* of the supervisor; 0: not given */
    const char *word;    /* the argument that is not an option, or NULL */
    int64_t timeout_ms;  /* to wait for an answer; 0: not given, and what is asked has its own */
    int64_t watch_ms;    /* 0: not given; the default if no period was */
    bool json;
    bool undo;
    bool verbose;
    bool help;
    char *why; /* where hr_client_fail() writes, of HR_CLIENT_WHY_MAX bytes; NULL: standard error */
};

/* usage: one line, for --help, which is answered here, and for errors.  0 or 64. */
int hr_client_parse(char **argv, int takes, const char *usage, struct hr_client_options *ret);

/* Send one order (stolen; NULL for one that could not be made) and give out the answer, which is
 * the caller's.  A refusal is an answer too, printed here: on standard output as it came with
 * --json, else its reason on standard error. 0, 1, 64 for an order that is not JSON, or 69; *ret is
 * set only for 0.  With --json the answer has been printed for 0 as well.
 * ret_supervisor: whose socket it is, also where no answer came, 0 for nobody's; or NULL. */
int hr_client_ask(const struct hr_client_options *o, json_t *order, int64_t *ret_supervisor,
                  json_t **ret);

/* Whose control socket is it?  0 or 69. */
int hr_client_supervisor(const struct hr_client_options *o, int64_t *ret_supervisor);

/* One line on standard error, "handrail COMMAND: ..."; or only the "..." in o->why.  The code, for
 * the caller to return. */
__attribute__((format(printf, 3, 4))) int hr_client_fail(const struct hr_client_options *o,
                                                         int code, const char *fmt, ...);

/* Which of the two sockets. */
struct hr_client_place {
    const char *variable; /* that names it */
    const char *prefix;   /* of its name without that */
    bool first;           /* process 1, if it has one, is it: no look at what else there is */
};

/* A connection to one of them. */
struct hr_client_link {
    int fd;
    int64_t supervisor;             /* its pid: both sockets are process 1's */
    char name[HR_CONTROL_NAME_MAX]; /* of the socket */
};

/* Find it and connect, in no longer than that; a later recv() and send() may wait as long each.
 * 0 or 69. */
int hr_client_connect(const struct hr_client_options *o, const struct hr_client_place *place,
                      unsigned timeout_ms, struct hr_client_link *ret);

/* The listening sockets with this prefix that a text in the form of /proc/net/unix lists. */
struct hr_client_found {
    int64_t pids[HR_CLIENT_FOUND_MAX]; /* of supervisors in this pid namespace */
    size_t npids;
    bool elsewhere; /* there are some of other pid namespaces */
};
void hr_client_scan(FILE *list, const char *prefix, uint64_t space, struct hr_client_found *ret);

#endif
