/* SPDX-License-Identifier: MIT
 * What the server's own command line tells: where it will listen, and which program it is. */
#ifndef HR_CONFIG_SERVER_COMMAND_H
#define HR_CONFIG_SERVER_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/* A boolean variable as the agent-server reads it: "1" or "true" in any case, else false. */
bool hr_server_bool(const char *text);

/* The last value of an option in a command line ("--port 60000" or "--port=60000"), borrowed, or
 * NULL.  argv[0] is the program and is not looked at. */
const char *hr_command_option(char *const *argv, const char *name);

/* Find the real server for a call by its own name: $HANDRAIL_SERVER, or "<name>.real" beside the
 * file that was called (found through PATH when the name has no slash), or beside one that its
 * links lead to.  The path is allocated.
 * 0, -ENOENT, -ENOMEM, or -EINVAL for a $HANDRAIL_SERVER that is not absolute or is handrail. */
int hr_real_server(const char *argv0, char **ret_path);

#endif
