/* SPDX-License-Identifier: MIT
 * The requests to the health listener, and to the unix socket of `handrail probe`.  Read-only,
 * without secrets, for anyone who can reach them.  Nothing here waits for anything.
 */
#ifndef HR_SIDECAR_HEALTH_H
#define HR_SIDECAR_HEALTH_H

#include "common/board.h"
#include "sidecar/checks/checks.h"
#include "sidecar/http/server.h"
#include "sidecar/mcp/mcp.h"
#include "sidecar/metrics/metrics.h"
#include "sidecar/metrics/page.h"
#include "sidecar/metrics/resources.h"
#include "sidecar/pool/pool.h"
#include "sidecar/webhook/webhook.h"

/* What an answer is made of; all borrowed. */
struct hr_health {
    struct ev_loop *loop;
    const struct hr_board *board;
    struct hr_checks *checks;
    const struct hr_mcp *mcp;
    const struct hr_webhook *webhook; /* NULL: none */
    struct hr_resources *resources;
    struct hr_pool *pool;
    const char *agent_host;
    int agent_port;
    int deferred; /* nonzero: the server starts dormant */
    struct hr_metrics metrics;
    struct hr_metrics_page metrics_page; /* ours; freed by whoever has us */
    struct hr_metrics_requests requests;
    unsigned turn;    /* of the loop, by its own count */
    int64_t spent_us; /* in it, of the processor's time, on pages */
};

/* The handler of the listener; arg is the struct hr_health. */
hr_http_handler hr_health_handle;

/* status.c: everything known, for people and the CLI; and the same without "plugins", which may be
 * long.  New reference, or NULL without memory. */
json_t *hr_status(const struct hr_health *h);
json_t *hr_status_of_pod(const struct hr_health *h);
/* One death that nobody asked for, without its output; and all of them, the newest first.
 * Likewise. */
json_t *hr_crash(const struct hr_board_crash *c);
json_t *hr_crashes(const struct hr_health *h);

/* "2026-11-21T09:30:00.123Z"; null for a time that is none.  New reference. */
json_t *hr_wall_time(int64_t ms);

/* healthz.c: all checks as draft-inadarei-api-health-check-06 has it (application/health+json).
 * ret_status: of HTTP.  New reference, or NULL without memory. */
json_t *hr_healthz(const struct hr_health *h, unsigned *ret_status);

#endif
