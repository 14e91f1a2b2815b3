/* SPDX-License-Identifier: MIT
 * handrail plugin check: a case's own process, made into a toolhost that serves nobody.  Once, and
 * there is no way back: it is confined. */
#ifndef HR_PLUGIN_TOOL_INSIDE_H
#define HR_PLUGIN_TOOL_INSIDE_H

#include "check.h"
#include "loader/toolhost/load.h"

#include <stdbool.h>

/* Open, confine, load and create the plugin.  false after having said why not. */
bool hr_inside_create(struct hr_check *c, struct hr_plugin *ret);

/* The threads of this process, once those that end have had a moment for it. */
long hr_inside_threads_after(long before);

#endif
