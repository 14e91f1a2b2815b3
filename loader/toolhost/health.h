/* SPDX-License-Identifier: MIT
 * A plugin's own word on whether it can work: its optional health(), called on a thread of its own,
 * so that a plugin all of whose workers are busy is asked all the same.
 *
 * It is a call like others (call.h), with a deadline: one that is not over HR_GRACE_MS after that
 * ends the process (dispatch.h).  There is never more than one at a time.
 *
 * Main thread only. */
#ifndef HR_TOOLHOST_HEALTH_H
#define HR_TOOLHOST_HEALTH_H

#include "call.h"
#include "load.h"
#include "workers.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HR_HEALTH_EVERY_MS = 10 * 1000,  /* from one call to the next; the first comes at once */
    HR_HEALTH_TIMEOUT_MS = 5 * 1000, /* for one call */
    HR_HEALTH_REASON_MAX = 256,      /* bytes of what is passed on of its reason */
};

struct hr_plugin_health {
    struct hr_plugin *plugin;
    struct hr_workers *workers; /* one thread; NULL: the plugin has no health() */
    struct hr_call *call;       /* NULL: none runs */
    int64_t due_ms;             /* when the next may begin, monotonic */
    bool known;                 /* it has answered, or failed to */
    bool changed;               /* to something else than what was taken last */
    handrail_status status;
    char reason[HR_HEALTH_REASON_MAX + 1]; /* UTF-8; "" if the status is OK */
};

/* plugin: borrowed, created.  0 or -ENOMEM. */
int hr_plugin_health_init(struct hr_plugin_health *h, struct hr_plugin *plugin);

/* When hr_plugin_health_start() is to be called, monotonic; INT64_MAX: not for now. */
int64_t hr_plugin_health_due(const struct hr_plugin_health *h);
void hr_plugin_health_start(struct hr_plugin_health *h, int64_t now_ms);

/* Its call has ended; it is not freed yet.  Or it has reached its deadline. */
void hr_plugin_health_ended(struct hr_plugin_health *h, struct hr_call *c);
void hr_plugin_health_late(struct hr_plugin_health *h);
/* The call is about to be freed. */
void hr_plugin_health_freed(struct hr_plugin_health *h);

/* The payload of a frame HEALTH; false if nothing is known yet.  out: empty, with room for it. */
bool hr_plugin_health_frame(const struct hr_plugin_health *h, struct hr_buf *out);

#endif
