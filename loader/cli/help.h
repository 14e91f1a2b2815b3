/* SPDX-License-Identifier: MIT
 * Help texts. */
#ifndef HR_CLI_HELP_H
#define HR_CLI_HELP_H

void hr_help_main(void);
void hr_help_run(void);

#endif
