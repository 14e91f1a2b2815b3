/* SPDX-License-Identifier: MIT
 * A supervisor that is nothing but its control socket, with operations that write down what they
 * were asked, and clients of it in the same process and on the same loop. */
#ifndef HR_TESTS_UNIT_CONTROL_FIXTURE_H
#define HR_TESTS_UNIT_CONTROL_FIXTURE_H

#include "loader/supervisor/control.h"

struct fixture {
    struct ev_loop *loop;
    struct hr_control control;
    char asked[1024];   /* "restart server;drain 1;" */
    unsigned calls;     /* of any operation */
    int result;         /* of every operation */
    const char *reason; /* that it gives, or NULL */
    size_t document;    /* bytes of a document, 0: nothing is written */
    const char *text;   /* the document, instead of one made up */
    const char *effect; /* what an operation leaves in the log, or NULL */
    bool stop_inside;   /* the operation closes the control socket */
};

extern struct fixture fx;
extern const struct hr_control_ops fixture_ops;

/* Setup and teardown: the socket is an abstract one of this test's own. */
int open_fixture(void **state);
int close_fixture(void **state);

/* Let the supervisor run for this long. */
void turn(int64_t ms);

/* A connection that does not block. */
int join(void);

/* Send all of it, letting the supervisor run meanwhile. */
void say(int fd, const char *data, size_t n);

/* The next line, without its newline, letting the supervisor run; NULL at the end of the
 * connection.  Valid until the next call.  Fails the test after 3 s. */
const char *hear(int fd);

/* say() one line and hear() the answer. */
const char *ask(int fd, const char *line);

/* Has the other side closed the connection within this time? */
bool hung_up(int fd, int64_t ms);

/* Descriptors this process has open. */
int count_fds(void);

/* Connections that the supervisor has open. */
int count_conns(void);

#endif
