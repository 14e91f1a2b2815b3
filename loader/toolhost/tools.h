/* SPDX-License-Identifier: MIT
 * The tools of a plugin: what may be offered to an agent, and how it is told.  Used by load.c. */
#ifndef HR_TOOLHOST_TOOLS_H
#define HR_TOOLHOST_TOOLS_H

#include "load.h"

/* Copy p->api.tools into p->tools and check each.  0, -ENOMEM, or -EINVAL with *why set; what was
 * copied is freed by hr_plugin_release(). */
int hr_tools_check(struct hr_plugin *p, struct hr_why *why);

/* Write the payload of the frame TOOLS into p->tools_json.  0, -ENOMEM, or -EINVAL with *why. */
int hr_tools_describe(struct hr_plugin *p, struct hr_why *why);

#endif
