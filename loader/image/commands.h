/* SPDX-License-Identifier: MIT
 * What an author of images needs.  A program of its own, which PID 1 is not linked to; "handrail
 * lint" becomes it, and so on.
 *
 * argv[0] is the command's name, its arguments follow.  The result is the exit code: 0 no errors
 * were found, 1 some were, 64 wrong usage, 66 what was to be looked at cannot be read, 70 something
 * is wrong with this program's surroundings. */
#ifndef HR_IMAGE_COMMANDS_H
#define HR_IMAGE_COMMANDS_H

int hr_image_install(char **argv);
int hr_image_uninstall(char **argv);
int hr_image_check(char **argv);
int hr_image_explain(char **argv);

#endif
