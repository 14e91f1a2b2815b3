/* SPDX-License-Identifier: MIT
 * The commands that talk to a running handrail over its control socket, or over the probe socket of
 * its sidecar (control_client.h).
 *
 * argv[0] is the command's name, its arguments follow.  The result is the exit code: 0 done, 1
 * refused or not found, with the supervisor's reason on standard error, 64 wrong usage, 69 handrail
 * cannot be reached. */
#ifndef HR_CLI_COMMANDS_H
#define HR_CLI_COMMANDS_H

int hr_cli_status(char **argv);
int hr_cli_restart(char **argv);
int hr_cli_stop(char **argv);
int hr_cli_reload(char **argv);
int hr_cli_drain(char **argv);
int hr_cli_crashes(char **argv);
int hr_cli_probe(char **argv);

/* `handrail config`, which needs no running handrail: 0, 64, or 78 for a wrong configuration. */
int hr_cli_config(char **argv);

#endif
