/* SPDX-License-Identifier: MIT
 * The pod's phase, for a plugin that asks (handrail/phase.h): what the present one is, and telling
 * the plugin of it, on a thread of its own, so that no call waits for that, nor it for calls.
 *
 * Only the latest event is kept, in memory that is there from the beginning: a plugin that is slow
 * misses some, and nothing can pile up.  A call of on_phase() is a call like others (call.h), with
 * a deadline: one that is not over HR_GRACE_MS after that ends the process (dispatch.h).  There is
 * never more than one at a time.
 *
 * Main thread only, but for hr_phase_present(). */
#ifndef HR_TOOLHOST_PHASE_H
#define HR_TOOLHOST_PHASE_H

#include "call.h"
#include "load.h"
#include "workers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_PHASE_TIMEOUT_MS = 5 * 1000, /* for one call */
    HR_PHASE_RETRY_MS = 1000,       /* after there was no memory, or no thread, for one */
};

struct hr_plugin_phase {
    struct hr_plugin *plugin;
    struct hr_workers *workers; /* one thread; NULL: the plugin does not listen */
    struct hr_call *call;       /* NULL: none runs */
    bool untold;                /* the present event */
    int64_t retry_ms;           /* not before that, monotonic */
    handrail_status answer;     /* of the last call that has ended, */
    bool reason_given;          /* with set_error() */
};

/* Ask the plugin, which is created, whether it listens.  plugin: borrowed.  0 or -ENOMEM. */
int hr_plugin_phase_init(struct hr_plugin_phase *p, struct hr_plugin *plugin);

/* The payload of a frame PHASE; the one that was told last is passed over.  0 or -EPROTO. */
int hr_plugin_phase_take(struct hr_plugin_phase *p, const void *payload, size_t len);

/* When hr_plugin_phase_start() is to be called, monotonic; INT64_MAX: not for now. */
int64_t hr_plugin_phase_due(const struct hr_plugin_phase *p);
void hr_plugin_phase_start(struct hr_plugin_phase *p, int64_t now_ms);

/* Its call has ended; it is not freed yet.  Or it has reached its deadline. */
void hr_plugin_phase_ended(struct hr_plugin_phase *p, struct hr_call *c);
void hr_plugin_phase_late(struct hr_plugin_phase *p);
/* The call is about to be freed. */
void hr_plugin_phase_freed(struct hr_plugin_phase *p);

/* Copy the present event, as handrail_phase_source's present() has it.  Any thread. */
size_t hr_phase_present(char *json, size_t size);

#endif
