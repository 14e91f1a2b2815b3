/* SPDX-License-Identifier: MIT
 * handrail-plugin: the program behind "handrail plugin". */
#ifndef HR_PLUGIN_TOOL_PROGRAM_H
#define HR_PLUGIN_TOOL_PROGRAM_H

/* Be that program, with its command line; argv[0] is "plugin".  The exit code. */
int hr_plugin_tool_program(int argc, char **argv);

#endif
