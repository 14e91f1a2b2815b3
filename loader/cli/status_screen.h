/* SPDX-License-Identifier: MIT
 * The screens of `handrail status`: for 24 lines of 80 columns where there is not more to tell.
 *
 * Whatever members are missing, null or of another type: what is known is printed. */
#ifndef HR_CLI_STATUS_SCREEN_H
#define HR_CLI_STATUS_SCREEN_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* An answer to the order status (loader/supervisor/control_status.h), with what the sidecar's
 * /status has besides it; "sidecar_error" says why that is missing. */
void hr_status_print(FILE *out, const json_t *status);

/* An answer of /plugins: the plugins, and their tools, the busiest first.  before: the answer of
 * seconds ago, for rates; or NULL. */
void hr_status_print_plugins(FILE *out, const json_t *answer, const json_t *before, double seconds);

/* Of the outcomes in "calls": all, and all but "ok". */
long long hr_status_calls(const json_t *calls, long long *ret_errors);

#endif
