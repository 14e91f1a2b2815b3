/* SPDX-License-Identifier: MIT
 * The environment variables whose names begin with HANDRAIL_. */
#ifndef HR_CONFIG_VARIABLES_H
#define HR_CONFIG_VARIABLES_H

/* Warn of each that is set and not empty, and that is none of those handrail reads but has nearly
 * the name of one.  Others may have their own, as Kubernetes has for a Service named "handrail". */
void hr_variables_check(char *const *environment);

#endif
