/* SPDX-License-Identifier: MIT
 * handrail plugin: what an author of plugins needs.  A program of its own, which PID 1 is not
 * linked to; "handrail plugin" becomes it.
 *
 * argv[0] is the command's name, its arguments follow.  The result is the exit code: 0 done, 1 the
 * plugin did not do it, or is refused, 64 wrong usage, 70 something is wrong with this program's
 * surroundings, 78 the registry is wrong. */
#ifndef HR_PLUGIN_TOOL_COMMANDS_H
#define HR_PLUGIN_TOOL_COMMANDS_H

int hr_plugin_new(char **argv);
int hr_plugin_inspect(char **argv);
int hr_plugin_check_all(char **argv);
int hr_plugin_call(char **argv);
int hr_plugin_bench(char **argv);

#endif
