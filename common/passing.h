/* SPDX-License-Identifier: MIT
 * Errors of the system that say nothing about what was asked for: a moment later, with memory,
 * descriptors or a disk that answers, the same can succeed. */
#ifndef HR_COMMON_PASSING_H
#define HR_COMMON_PASSING_H

#include <stdbool.h>

/* err: an errno, not negated. */
bool hr_error_passes(int err);

/* Of one that only its text, as strerror() has it, is known of. */
bool hr_error_text_passes(const char *text);

#endif
