/* SPDX-License-Identifier: MIT
 * The image that a command is about: the one it runs in, or, with --root, a folder. */
#ifndef HR_IMAGE_ROOT_H
#define HR_IMAGE_ROOT_H

#include <limits.h>

/* Make the folder this process's root, for all that follows; NULL: stay.  Without privileges this
 * takes a user namespace.  The environment's PATH is not that of the image, and is dropped.
 * Nothing of such an image may be run: it may be another machine's, or somebody else's.  0, or
 * HR_REPORT_EXIT_NO_INPUT after saying why, in the command's name. */
int hr_root_enter(const char *command, const char *folder);

/* Handrail as the image has it, in bin: /opt/handrail/bin/NAME below another root, else beside
 * ourselves. */
void hr_root_program(const char *name, char out[PATH_MAX]);

#endif
