/* SPDX-License-Identifier: MIT
 * Help texts, on standard output. */
#ifndef HR_CLI_HELP_H
#define HR_CLI_HELP_H

#include <stdbool.h>

/* `handrail --help`: what comes before the list of commands, and after it. */
void hr_help_main(void);
void hr_help_commands_end(void);

/* What is told of beside the commands: the names in a line, and the text of one; false: there is no
 * such topic. */
void hr_help_topics(void);
bool hr_help_topic(const char *name);

/* `handrail run --help`. */
void hr_help_run(void);
void hr_help_mcp(void);

#endif
