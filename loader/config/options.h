/* SPDX-License-Identifier: MIT
 * The options of `handrail run`. */
#ifndef HR_CONFIG_OPTIONS_H
#define HR_CONFIG_OPTIONS_H

#include "config.h"

struct hr_options {
    int sidecar;      /* 0 or 1; -1: not given */
    int restart;      /* enum hr_restart; -1: not given */
    int64_t grace_ms; /* -1: not given */
    const char *registry;
    const char *config_dir;
    char **command; /* what follows the options; may be empty (command[0] NULL) */
};

/* argv: NULL-ended, options from argv[0] on, then optionally "--", then the command.
 * 0, or 64 after one line that says what is wrong. */
int hr_options_parse(char **argv, struct hr_options *ret);

/* "never", "on-failure", "always".  0 or -EINVAL. */
int hr_restart_parse(const char *text, int *ret);

/* Seconds, 0 to a day, to milliseconds.  0 or -EINVAL. */
int hr_grace_parse(const char *text, int64_t *ret_ms);

/* The option list, for help texts. */
extern const char hr_options_help[];

#endif
