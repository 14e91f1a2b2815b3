/* SPDX-License-Identifier: MIT
 * The services that a plugin is given: the table of handrail/plugin.h. */
#ifndef HR_TOOLHOST_HOST_H
#define HR_TOOLHOST_HOST_H

#include <handrail/plugin.h>

/* The table, constant from here on for the life of the process.  plugin_id names whose log lines
 * these are; borrowed for ever.  minor: HANDRAIL_ABI_MINOR, or an older one, as which the host then
 * appears to the plugin: how the plugin does there can be tried so. */
void hr_host_init(const char *plugin_id, uint32_t minor);
const handrail_host *hr_host_services(void);

/* End this process, which has lost what it serves calls with: nothing of it can be trusted after
 * the plugin has closed descriptors that are not its own.  err: -errno.  Any thread. */
_Noreturn void hr_host_lost(int err);

#endif
