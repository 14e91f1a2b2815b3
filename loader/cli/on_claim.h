/* SPDX-License-Identifier: MIT
 * `handrail __on-claim COMMAND`: not for people.  What PID 1 starts for the hook, because it does
 * not parse a claim itself: becomes `sh -c COMMAND`, with the claim in its environment
 * (claim_env.h) and, whole, as its standard input. */
#ifndef HR_CLI_ON_CLAIM_H
#define HR_CLI_ON_CLAIM_H

/* argv[1]: the command.  The claim is behind HR_FD_SETTINGS.  The exit code, if it returns. */
int hr_cli_on_claim(char **argv);

#endif
