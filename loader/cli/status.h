/* SPDX-License-Identifier: MIT
 * The screen of `handrail status`. */
#ifndef HR_CLI_STATUS_H
#define HR_CLI_STATUS_H

#include <jansson.h>
#include <stdio.h>

/* Print an answer to the order status (loader/supervisor/control_status.h) for people. */
void hr_status_print(FILE *out, const json_t *status);

#endif
