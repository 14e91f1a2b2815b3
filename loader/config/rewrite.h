/* SPDX-License-Identifier: MIT
 * The rewriting of signals: "TERM:INT,HUP:0", as dumb-init has it. */
#ifndef HR_CONFIG_REWRITE_H
#define HR_CONFIG_REWRITE_H

#include <stddef.h>

enum { HR_REWRITE_TEXT = 1024 }; /* bytes that hold any table as text */

/* A name, with or without SIG, in any case ("TERM", "sigusr1"), or a number from 1 to 64.
 * The text has n bytes.  The signal, or -EINVAL. */
int hr_signal_parse(const char *text, size_t n);

/* Every signal becomes itself. */
void hr_rewrite_none(unsigned char rewrite[65]);

/* Apply a list of "A:B" with commas between: signal A becomes B, or is dropped when B is 0.
 * 0, -EINVAL, or -EPERM for an A that cannot be rewritten: KILL and STOP are never seen, CHLD is
 * ours.  The table is untouched on failure. */
int hr_rewrite_parse(const char *text, unsigned char rewrite[65]);

/* The table as such a list of numbers; empty when every signal becomes itself. */
void hr_rewrite_format(const unsigned char rewrite[65], char out[HR_REWRITE_TEXT]);

#endif
