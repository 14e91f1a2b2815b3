/* SPDX-License-Identifier: MIT
 * handrail-toolhost: the process around one plugin.  Started by handrail with descriptors and
 * settings as common/handoff.h has them; loads the plugin, says READY=1, serves calls until it is
 * told to stop.
 *
 * Exit codes: 0 stopped as asked; 64 not started by handrail; 70 something is wrong with this
 * program or its settings; 75 starting it again can help; 78 the plugin or its configuration has to
 * be changed first. */
#ifndef HR_TOOLHOST_PROGRAM_H
#define HR_TOOLHOST_PROGRAM_H

/* Be that program, with its command line. */
_Noreturn void hr_toolhost_program(int argc, char **argv);

#endif
