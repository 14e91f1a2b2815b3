/* SPDX-License-Identifier: MIT
 * A setting's value as JSON, as the object "handrail" of agent_config.json has it:
 *
 *   a switch           true, false
 *   seconds, a count   a number; seconds are rounded to a millisecond
 *   check, rewrite     an array of strings, each as one use of the option
 *   anything else      a string, as on the command line */
#ifndef HR_CONFIG_SETTING_JSON_H
#define HR_CONFIG_SETTING_JSON_H

#include "config_file.h"
#include "settings.h"

/* Set s in c, which borrows from v; or say what is wrong, and *c is untouched. */
void hr_setting_take_json(struct hr_config_file *f, const char *pointer, const struct hr_setting *s,
                          const json_t *v, struct hr_config *c);

/* The value in c as JSON.  New reference; JSON null if it has none. */
json_t *hr_setting_json(const struct hr_config *c, const struct hr_setting *s);

#endif
