/* SPDX-License-Identifier: MIT
 * Help texts, on standard output. */
#ifndef HR_CLI_HELP_H
#define HR_CLI_HELP_H

/* `handrail --help`: what comes before the list of commands, and after it. */
void hr_help_main(void);
void hr_help_commands_end(void);

/* `handrail run --help`. */
void hr_help_run(void);
void hr_help_mcp(void);

#endif
