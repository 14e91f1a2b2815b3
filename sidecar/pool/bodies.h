/* SPDX-License-Identifier: MIT
 * What the server answers to GET /api/init, /server_info and /api/conversations/count.  Any server
 * may run here, and any process may listen on its port: nothing is believed that does not have the
 * right shape.
 * Pure.  Fuzzed by tests/fuzz/fuzz_pool_bodies.c. */
#ifndef HR_SIDECAR_POOL_BODIES_H
#define HR_SIDECAR_POOL_BODIES_H

#include <stddef.h>
#include <stdint.h>

enum hr_init_state {
    HR_INIT_UNKNOWN, /* not asked yet, or no answer */
    HR_INIT_NONE,    /* there is no deferred initialisation */
    HR_INIT_DORMANT,
    HR_INIT_RUNNING, /* "initializing" */
    HR_INIT_DONE,    /* "ready" */
};

/* "dormant", "initializing", "ready"; NULL for the others. */
const char *hr_init_state_name(enum hr_init_state state);

/* Answer to GET /api/init.  0 or -EPROTO. */
int hr_init_body(const char *body, size_t len, enum hr_init_state *ret);

enum { HR_SERVER_VERSION_MAX = 64 }; /* bytes, with the NUL */

struct hr_server_info {
    double uptime_s; /* -1: not told */
    double idle_s;   /* since its last event, or since its start; -1: not told */
    char version[HR_SERVER_VERSION_MAX]; /* printable ASCII; "": not told */
};

/* Answer to GET /server_info.  0 or -EPROTO. */
int hr_server_info_body(const char *body, size_t len, struct hr_server_info *ret);

/* Answer to GET /api/conversations/count, a number.  0 or -EPROTO. */
int hr_count_body(const char *body, size_t len, int64_t *ret);

#endif
