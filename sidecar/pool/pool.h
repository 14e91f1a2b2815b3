/* SPDX-License-Identifier: MIT
 * The pod between a warm pool and its user: finds out which phase it is in (phases.h), from
 *
 *   - the board: the server's process, whether it is ready, what has been found before;
 *   - the downwardAPI volume: pooled, or claimed (podwatch.h, podinfo.h);
 *   - GET /api/init, asked often until it is settled: dormant, initializing, ready; 404 is a server
 *     that is not deferred.  One that is being initialised is somebody's;
 *   - GET /server_info, which is no activity: how long ago the server was last used.  Asked rarely,
 *     and when the helper in the server says that it may have been used.
 *
 *   - GET /api/conversations/count, with the session key: for /metrics only.
 *
 * What it finds is told to PID 1, which keeps it (common/phase.h); nothing is lost with this
 * process.  When a claim is known and the server is ready the claim is handed to PID 1 for the
 * hook, once (README.md).
 *
 * Made by main.c; loop's thread only; nothing here waits for anything. */
#ifndef HR_SIDECAR_POOL_POOL_H
#define HR_SIDECAR_POOL_POOL_H

#include "bodies.h"
#include "common/board.h"
#include "common/buf.h"
#include "common/expo.h"
#include "common/phase.h"
#include "sidecar/checks/checks.h"
#include "sidecar/http/client.h"

#include <ev.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hr_pool;

enum {
    HR_POOL_INIT_FAST_MS = 250,   /* GET /api/init while it is not settled, */
    HR_POOL_INIT_SLOW_MS = 2000,  /* and while the server is dormant */
    HR_POOL_USE_MS = 5000,        /* GET /server_info while the first use is waited for without a
                                     helper, */
    HR_POOL_USE_SOON_MS = 300,    /* once more after the helper has spoken of it, */
    HR_POOL_IDLE_MS = 30000,      /* and otherwise; GET /api/conversations/count */
    HR_POOL_CLAIM_WAIT_MS = 5000, /* known from the server alone: the labels get this long */
    HR_POOL_USE_SLACK_MS = 1000,  /* a client is that much ahead of the labels, at most */
    HR_POOL_HAND_AGAIN_MS = 1000, /* between two tries to hand over the claim */
};

/* Everything is borrowed for the life of the object. */
struct hr_pool_config {
    struct ev_loop *loop;
    const struct hr_board *board;
    struct hr_client *client;
    const char *host; /* numeric address of the server */
    int port;
    const char *podinfo_dir; /* of the downwardAPI volume; NULL or "": none */
    bool deferred;           /* the server is expected to start dormant */
    /* Tell PID 1; without a newline. */
    void (*notify)(const char *line, void *arg);
    /* Hand it a notification with a descriptor, which stays the caller's.  0 or -errno. */
    int (*hand_over)(const char *line, int fd, void *arg);
    /* Does /readyz pass?  0, or a negative number and a sentence in reason. */
    int (*ready_ok)(char *reason, size_t size, void *arg);
    /* The pod's labels are others than before.  news: PID 1 has been told what they say, so the
     * board will change.  May be NULL. */
    void (*on_labels)(bool news, void *arg);
    void *arg;               /* of all of them */
    int64_t (*now_ms)(void); /* NULL: hr_now_ms */
};

/* 0 or -errno. */
int hr_pool_new(const struct hr_pool_config *config, struct hr_pool **ret);
/* NULL is fine. */
void hr_pool_free(struct hr_pool *p);

/* Begin: read the volume, and from here on tell and ask. */
void hr_pool_start(struct hr_pool *p);

void hr_pool_board_changed(struct hr_pool *p);

/* The session key has become known, or another one; copied, and wiped at the end.  NULL: none. */
void hr_pool_set_key(struct hr_pool *p, const char *key);

/* For a copy of this process that asks nothing. */
void hr_pool_forget_key(struct hr_pool *p);

/* The labels and annotations as last read, borrowed until the next event of the loop; NULL: never.
 */
const json_t *hr_pool_labels(const struct hr_pool *p);
const json_t *hr_pool_annotations(const struct hr_pool *p);

/* How far the initialisation of the server is, as it said in its present life; unknown: nothing
 * yet.
 */
enum hr_init_state hr_pool_init_state(const struct hr_pool *p);

/* "phase" of /status.  New reference. */
json_t *hr_pool_status(const struct hr_pool *p);

/* The answer of "/warmz" or "/warmz/unused", in the format of the Kubernetes API server, appended
 * to out.  Returns the HTTP status: 200 if the pod can be claimed, else 503 and always verbose; 404
 * with nothing appended if there is no such check. */
unsigned hr_pool_warm(const struct hr_pool *p, const char *path, const struct hr_checks_query *q,
                      struct hr_buf *out);

hr_collector hr_pool_collect; /* arg is the struct hr_pool */

#endif
