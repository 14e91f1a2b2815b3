/* SPDX-License-Identifier: MIT
 * Reloading the settings of agent_config.json: those that are looked at when they are needed are
 * changed in place (`live` in the table of settings); what else has changed is named in the log, as
 * it takes a start of the container: what the server was started with, sockets, paths.
 *
 * Of reload.c; the supervisor's configuration is the only thing that is written to. */
#ifndef HR_SUPERVISOR_RELOAD_SETTINGS_H
#define HR_SUPERVISOR_RELOAD_SETTINGS_H

#include "loader/config/config.h"

struct hr_supervisor;

/* fresh: what the files say now, and what was said otherwise, checked as a whole. */
void hr_reload_settings(struct hr_supervisor *sup, const struct hr_config *fresh);

#endif
