/* SPDX-License-Identifier: MIT
 * The sidecar of `handrail mcp`: the native tools, over standard input and output, for the program
 * that has started handrail, and nothing else (mcp/standard_io.h).  It has one life: what the
 * client has said before would be missing in a second one.  So a reload, for which the other
 * sidecar is started anew, comes as an order (common/handoff.h). */
#ifndef HR_SIDECAR_STDIO_PROGRAM_H
#define HR_SIDECAR_STDIO_PROGRAM_H

#include "program.h"

/* The program has begun.  The exit code. */
int hr_stdio_main(struct hr_program *p);

#endif
