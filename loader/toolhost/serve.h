/* SPDX-License-Identifier: MIT
 * Serving calls: the listening socket, its connections, and the loop of the main thread. */
#ifndef HR_TOOLHOST_SERVE_H
#define HR_TOOLHOST_SERVE_H

#include "load.h"

#include <stdint.h>

enum {
    HR_CONNS_MAX = 8,
    HR_ACCEPT_RETRY_MS = 1000, /* after accept() had no descriptor or memory */
};

/* Make what a plugin's create() may already need: the eventfd that calls wake the loop with. Before
 * any plugin code runs.  0 or -errno. */
int hr_serve_init(void);

/* Say READY=1, and serve the plugin on the listening socket, made non-blocking, until SIGTERM or
 * SIGINT, and then wait for its calls to end.  key: the first frame of every peer.  Heartbeats are
 * sent several times in watchdog_ms; 0 for none.
 * 0: nothing of the plugin runs any more.  -EBUSY: stopped, but calls were not let go of.
 * -ETIMEDOUT: while serving, a call was not let go of; this process cannot go on.  -errno. */
int hr_serve(struct hr_plugin *plugin, int listener, const char *key, int64_t watchdog_ms);

#endif
