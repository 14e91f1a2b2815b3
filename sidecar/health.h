/* SPDX-License-Identifier: MIT
 * The health listener's requests: /startupz, /livez, /readyz, /metrics, /status, /plugins and
 * /crashes.  Read-only, without secrets, for anyone who can reach the port.  Nothing here waits for
 * anything.
 */
#ifndef HR_SIDECAR_HEALTH_H
#define HR_SIDECAR_HEALTH_H

#include "common/board.h"
#include "sidecar/checks/checks.h"
#include "sidecar/http/server.h"
#include "sidecar/mcp/mcp.h"
#include "sidecar/metrics/metrics.h"

/* What an answer is made of; all borrowed. */
struct hr_health {
    const struct hr_board *board;
    struct hr_checks *checks;
    const struct hr_mcp *mcp;
    const char *agent_host;
    int agent_port;
    int deferred; /* nonzero: the server starts dormant */
    struct hr_metrics metrics;
    struct hr_metrics_requests requests;
};

/* The handler of the listener; arg is the struct hr_health. */
hr_http_handler hr_health_handle;

/* status.c: everything known, for people and the CLI.  New reference, or NULL without memory. */
json_t *hr_status(const struct hr_health *h);
/* Deaths that nobody asked for, the newest first, without their output.  Likewise. */
json_t *hr_crashes(const struct hr_health *h);

#endif
