/* SPDX-License-Identifier: MIT */
#include "stop.h"

#include <string.h>

void da_stop_progress(const struct kit_watch *w, double percent, const char *step)
{
    const handrail_host *host = w->call.host;

    host->progress(host, w->call.call, percent, 100, step, strlen(step));
}

handrail_status da_stop_fail(const struct kit_watch *w, const char *doing)
{
    if (w->stop == KIT_STOP_CANCELLED)
        return kit_fail(&w->call, HANDRAIL_E_CANCELLED, "cancelled");
    return kit_fail(&w->call, HANDRAIL_E_TIMEOUT,
                    "there was not enough time to %s so many rows: set max_rows, or raise "
                    "timeout_ms in the configuration of this plugin",
                    doing);
}

handrail_status da_stop_memory(const struct kit_watch *w)
{
    return kit_fail(&w->call, HANDRAIL_E_NOMEM, "out of memory: set max_rows");
}
