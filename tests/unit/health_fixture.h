/* SPDX-License-Identifier: MIT
 * The health listener as the sidecar has it, in this process: its handler and everything behind it,
 * on a unix socket, with a server beside it that has been asked nothing yet.  For unit tests and
 * fuzzing; whatever goes wrong in here ends the process. */
#ifndef HR_TESTS_UNIT_HEALTH_FIXTURE_H
#define HR_TESTS_UNIT_HEALTH_FIXTURE_H

#include "common/buf.h"
#include "health.h"

#include <stddef.h>

struct health_fixture {
    struct ev_loop *loop;
    struct hr_board *board;
    int board_fd;
    struct hr_client *client;
    struct hr_mcp *mcp;
    struct hr_health health;
    struct hr_metrics_board board_source;
    struct hr_http *http;
    int listen_fd;
    struct hr_http *server; /* the agent-server: answers everything with server_status */
    int server_fd;
    int server_port;
    unsigned server_status;
};

void health_fixture_open(struct health_fixture *f);
void health_fixture_close(struct health_fixture *f);

/* Begin to ask the server, and run until /healthz answers with this status. */
void health_fixture_measure(struct health_fixture *f, unsigned status);

/* One connection: send this, end our direction of it, and read all that comes until the other side
 * ends too. */
void health_fixture_say(struct health_fixture *f, const void *data, size_t n, struct hr_buf *out);

#endif
