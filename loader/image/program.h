/* SPDX-License-Identifier: MIT
 * handrail-image: the program behind those commands of handrail that are about images. */
#ifndef HR_IMAGE_PROGRAM_H
#define HR_IMAGE_PROGRAM_H

/* Be that program, with its command line; argv[0] is the command.  The exit code. */
int hr_image_program(int argc, char **argv);

#endif
