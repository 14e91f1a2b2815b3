/* SPDX-License-Identifier: MIT
 * Which units there are, and the policy of each: the server, the sidecar, the hook, and a toolhost
 * for every place that a plugin has had. */
#ifndef HR_SUPERVISOR_UNITS_H
#define HR_SUPERVISOR_UNITS_H

#include <stdint.h>

struct hr_supervisor;
struct hr_unit;

/* At start: those of the configuration.  A plain init has the server alone.  0 or -errno. */
int hr_units_make(struct hr_supervisor *sup);

/* The unit for the plugin in that place, and for those before it, as far as they are not there yet.
 * 0 or -errno. */
int hr_units_add_toolhost(struct hr_supervisor *sup, uint32_t place);

/* Settings that these go by have changed: from their next event on they go by the new ones. */
void hr_units_settings_changed(struct hr_supervisor *sup);

/* Capture what its process writes.  0 or -errno. */
int hr_units_add_output(struct hr_supervisor *sup, struct hr_unit *u);

#endif
