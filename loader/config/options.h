/* SPDX-License-Identifier: MIT
 * The options of `handrail run`: the settings of settings.h as a command line.
 *
 *   --name=VALUE  --name VALUE  -x VALUE  -xVALUE      any setting but a switch
 *   --name  --name=on|off  --no-name  -x               a switch
 *
 * Letters of switches may be run together, "-gr1:15".  Some words of tini and dumb-init are taken
 * too; the manual (loader/README.md) lists them. */
#ifndef HR_CONFIG_OPTIONS_H
#define HR_CONFIG_OPTIONS_H

#include "config.h"

/* An option of the caller's own, alone and without a value. */
struct hr_flag {
    const char *option; /* with its dashes; NULL ends a list */
    bool *set;          /* becomes true */
};

/* argv: NULL-ended, options from argv[0] on, then optionally "--", then the command, which may be
 * empty.  flags: what else is taken among them; NULL: nothing.  0, or 64 after one line that says
 * what is wrong. */
int hr_options_parse(char **argv, const struct hr_flag *flags, struct hr_config *c,
                     char ***ret_command);

#endif
