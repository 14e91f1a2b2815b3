/* SPDX-License-Identifier: MIT
 * The ambient plugin: ~/.agents/plugins/handrail/.mcp.json, which tells the agent-server where the
 * native tools are, so that every conversation has them.
 *
 * It is written before the server starts and holds the bearer token, so its mode is 0600.  It is
 * replaced only if it is ours (it says so itself) and appears whole or not at all.  Nothing else is
 * put into its folder: a manifest there could make the server drop the whole plugin. */
#ifndef HR_SUPERVISOR_AMBIENT_H
#define HR_SUPERVISOR_AMBIENT_H

struct hr_ambient {
    char path[4096]; /* "" while there is no file of ours */
};

/* Write it below the home folder of this user ($HOME, else the password file).  url: of the MCP
 * endpoint.  0, -EEXIST for a foreign file of that name (which stays), or -errno; said in the log
 * in each case.  Start-up only. */
int hr_ambient_write(struct hr_ambient *a, const char *url, const char *token);

/* The same after the start, in a child that is reaped like any other, because a home folder can lie
 * on a file system that hangs.  It says what it cannot do.  0, or -errno: there is no child. */
int hr_ambient_write_apart(struct hr_ambient *a, const char *url, const char *token);
int hr_ambient_remove_apart(struct hr_ambient *a);

/* Remove the file if it was written by us and still is ours. */
void hr_ambient_remove(struct hr_ambient *a);

#endif
