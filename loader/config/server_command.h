/* SPDX-License-Identifier: MIT
 * What can be told of the server from outside: where it will listen, which program it is, where its
 * home is. */
#ifndef HR_CONFIG_SERVER_COMMAND_H
#define HR_CONFIG_SERVER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where it listens if it is not told, and where its editor does. */
enum { HR_SERVER_PORT = 8000, HR_VSCODE_PORT = 8001 };

/* There is an editor if this is there. */
#define HR_VSCODE_PROGRAM "/openhands/.openvscode-server/bin/openvscode-server"

/* A boolean variable as the agent-server reads it: "1" or "true" in any case, else false. */
bool hr_server_bool(const char *text);

/* The last value of an option in a command line ("--port 60000" or "--port=60000"), borrowed, or
 * NULL.  argv[0] is the program and is not looked at. */
const char *hr_command_option(char *const *argv, const char *name);

/* The same of the agent-server's command, where an option may be cut short: argparse takes "--por"
 * for "--port". */
const char *hr_server_option(char *const *argv, const char *name);

/* Where that option stands, -1 if it does not.  ret_value: its value if that is in the same
 * argument, NULL if it is the next one, should there be one. */
int hr_server_option_at(char *const *argv, const char *name, const char **ret_value);

/* Its home folder as Python's Path.home() has it.  home: the value of HOME, where empty means the
 * root; NULL, if it is not set: then the password file tells, read without NSS, which could reach a
 * network.  0, -ENOENT if it cannot be told, or -ENAMETOOLONG. */
int hr_server_home(const char *home, char *out, size_t size);

/* Find the real server for a call by its own name: $HANDRAIL_SERVER, or "<name>.real" beside the
 * file that was called (found through PATH when the name has no slash), or beside one that its
 * links lead to.  The path is allocated.
 * 0, -ENOENT, -ENOMEM, or -EINVAL for a $HANDRAIL_SERVER that is not absolute or is handrail. */
int hr_real_server(const char *argv0, char **ret_path);

#endif
