/* SPDX-License-Identifier: MIT
 * A whole command in one argument, as some launchers give it:
 * handrail "/usr/local/bin/openhands-agent-server --port 60000". */
#ifndef HR_CONFIG_ONE_STRING_H
#define HR_CONFIG_ONE_STRING_H

/* Plain words whose first is a program are run as they are, which is what a shell would do, so that
 * no shell stands between us and the server; anything else becomes /bin/sh -c TEXT.
 * The list is allocated (its words with it) and NULL-ended: free(*ret_argv).  0 or -ENOMEM. */
int hr_one_string(const char *text, char ***ret_argv);

#endif
