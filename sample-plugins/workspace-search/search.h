/* SPDX-License-Identifier: MIT
 * One call from its arguments to its answer. */
#ifndef WS_SEARCH_H
#define WS_SEARCH_H

#include "args.h"
#include "settings.h"

/* Search as args say, below settings->root, and hand the result or the reason to the host. */
handrail_status ws_search(const struct kit_call *c, const struct ws_settings *settings,
                          const struct ws_args *args);

#endif
