/* SPDX-License-Identifier: MIT
 * Orders to the sidecar from a supervisor that is the test, about a server that is, too: a board, a
 * packet socket, the fake server, and what was told and seen, which is compared and forgotten.
 * Descriptors and bodies that are left over at the end are a failure. */
#ifndef HR_TESTS_UNIT_ORDERS_FIXTURE_H
#define HR_TESTS_UNIT_ORDERS_FIXTURE_H

#include "fake_server.h"
#include "sidecar/orders/orders.h"

#include <sys/resource.h>

enum { RETRY_MS = 50, TIMEOUT_MS = 250, SETTLE_MS = 60, WAIT_MS = 5000 };

#define BODY       "{\"session_api_keys\":[\"k1\",\"k2\"],\"secret_key\":\"s\"}"
#define SEEN       "POST /api/init [init key] {application/json} " BODY "\n"
#define LOOK       "GET /api/init [-] {-} \n"
#define PAUSE(key) "POST /api/conversations/prepare-for-sandbox-pause [" key "] {-} \n"

struct orders_fixture {
    struct ev_loop *loop;
    struct fake_server server;
    struct hr_orders_config cfg;
    struct hr_orders *orders;
    int socket; /* the supervisor's end */
};

/* One at a time.  The server has life 2, nothing was said about it. */
extern struct orders_fixture fix;

int orders_set_up(void **state);
int orders_tear_down(void **state);

/* Another sidecar, with fix.cfg, in place of the one there is. */
void new_sidecar(void);

/* What the board says, and that it has changed.  pid 0: no process. */
void put_life(uint32_t starts, int pid);
void put_state(uint32_t starts, int pid, uint32_t state);
void put_replay_life(uint32_t life);

/* A pipe that holds the text; the read end. */
int pipe_of(const char *text, size_t len);
/* An order with a descriptor, which is closed, or -1; and one with a pipe. */
void send_fd(const char *order, int fd);
void send_body(const char *order, const char *body);

/* Run until exactly this was told since the last call, and a moment longer. */
void assert_told(const char *want);
/* One such line, with a number at its end. */
void assert_told_number(const char *what, int number);
/* Run until the server was asked to initialise so many times, and has answered if it does. */
void await_init(int count);
/* Exactly this was asked of the server since the last call. */
void assert_seen(const char *want);
/* hr_orders_init_ok() says err, and a reason with this in it. */
void assert_init(uint32_t life, int err, const char *part);

/* From now on no descriptor can be had; until the limit is what it was. */
rlim_t no_descriptors(void);
void limit_descriptors(rlim_t limit);

/* What came with the last PLUGINS, or 0. */
extern int orders_plugins_fd;

/* So many bodies are held. */
void assert_bodies(int count);

#endif
