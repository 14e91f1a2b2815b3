/* SPDX-License-Identifier: MIT
 * The screen of `handrail config`, from its JSON. */
#ifndef HR_CLI_CONFIG_SCREEN_H
#define HR_CLI_CONFIG_SCREEN_H

#include <jansson.h>
#include <stdio.h>

/* all: whether the settings that are their default are among the others. */
void hr_config_screen(FILE *out, const json_t *config, int all);

#endif
