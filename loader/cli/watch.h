/* SPDX-License-Identifier: MIT
 * Looking at something again and again.
 *
 * On a terminal each look is a frame on its other screen, of which only the lines that have changed
 * are written, and of which those that are too wide are folded; so nothing flickers, and what was
 * there before is there again afterwards.  The cursor and the terminal's modes come back on every
 * way out: the key q, a signal that ends us or stops us, an error.  Anywhere else the looks follow
 * each other, with an empty line between them.
 */
#ifndef HR_CLI_WATCH_H
#define HR_CLI_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Print what there is to see.  0; or an exit code, and what was printed says why there is nothing
 * to be seen. */
typedef int hr_watch_look(FILE *out, void *arg);

/* Look every period_ms until somebody ends it.  lines: as for no terminal, and without the empty
 * lines.  The first look's code if that fails, with its words on standard error; or 0 for q, or 74
 * if nothing can be written any more. */
int hr_watch(hr_watch_look *look, void *arg, int64_t period_ms, bool lines);

#endif
