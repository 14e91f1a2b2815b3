/* SPDX-License-Identifier: MIT
 * Which call runs when, and when one is given up: the main thread's side of all calls, those of the
 * plugin's health() and on_phase() among them.
 *
 * A call waits until its tool's max_concurrency and the number of workers let it start.  At its
 * deadline, or when it is cancelled, it is answered at once, whatever the plugin does; if the
 * plugin then does not let go of it within HR_GRACE_MS there is no way to take its thread back, and
 * the process has to end (hr_dispatch_expire).
 *
 * Answers go out through a callback.  Those that their peer is too slow to take stay in their
 * calls, and when they hold too much memory, no other call is started.
 *
 * Main thread only.
 */
#ifndef HR_TOOLHOST_DISPATCH_H
#define HR_TOOLHOST_DISPATCH_H

#include "call.h"
#include "health.h"
#include "load.h"
#include "phase.h"
#include "workers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_WORKERS_MAX = 16, /* threads inside invoke() */
    HR_WAITING_MAX = 256,
    HR_ARGS_MAX = 64 * 1024 * 1024, /* bytes of arguments held by all calls together */
    HR_HELD_MAX = 64 * 1024 * 1024, /* bytes of answers that wait for their peers */
    HR_GRACE_MS = 2000,
};

/* A frame for the call `id` of the connection `conn`; payload: borrowed. */
typedef void hr_send_fn(void *arg, uint64_t conn, enum hr_frame_type type, uint64_t id,
                        const void *payload, size_t len);
/* Should results for this connection wait? */
typedef bool hr_full_fn(void *arg, uint64_t conn);

struct hr_dispatch {
    struct hr_plugin *plugin;
    hr_send_fn *send;
    hr_full_fn *full;
    void *arg;
    struct hr_workers *workers;    /* for invoke() */
    struct hr_workers *cancellers; /* for cancel(), which must not wait for the former */
    struct hr_plugin_health health;
    struct hr_plugin_phase phase;
    struct hr_call *waiting; /* oldest first */
    unsigned nwaiting;
    unsigned busy;                  /* calls inside invoke() */
    unsigned running[HR_TOOLS_MAX]; /* calls of each tool that have started and are not freed */
    size_t args_bytes;
    size_t held_bytes; /* of answers that wait for their peers */
    bool stopping;
};

/* plugin: borrowed.  0 or -ENOMEM. */
int hr_dispatch_init(struct hr_dispatch *d, struct hr_plugin *plugin, hr_send_fn *send,
                     hr_full_fn *full, void *arg);

/* A frame CALL.  It is answered exactly once unless its connection is dropped; that may happen
 * before this returns.  0, or -EPROTO: it breaks the rules of common/frame.h. */
int hr_dispatch_call(struct hr_dispatch *d, uint64_t conn, uint64_t id, const void *payload,
                     size_t len);

/* A frame PHASE.  0, or -EPROTO. */
int hr_dispatch_phase(struct hr_dispatch *d, const void *payload, size_t len);

/* A frame CANCEL. */
void hr_dispatch_cancel(struct hr_dispatch *d, uint64_t conn, uint64_t id);

/* The connection is gone, and with it all who wait for its answers. */
void hr_dispatch_drop(struct hr_dispatch *d, uint64_t conn);

/* Take what plugin and workers have finished, answer it, start what can start now.  To be called
 * again when a connection is no longer full. */
void hr_dispatch_collect(struct hr_dispatch *d);

/* Let the deadlines before `now` pass.  Returns the milliseconds until the next one, -1 for none.
 * *ret_stuck is set to a call that was not let go of in time, and otherwise left alone. */
int hr_dispatch_expire(struct hr_dispatch *d, int64_t now, struct hr_call **ret_stuck);

/* Cancel everything, start nothing more. */
void hr_dispatch_stop(struct hr_dispatch *d);

/* No call is alive. */
bool hr_dispatch_idle(void);

#endif
