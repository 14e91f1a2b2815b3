/* SPDX-License-Identifier: MIT
 * One setting's value: from text into the configuration, and back.  Used by settings.c alone. */
#ifndef HR_CONFIG_SETTING_VALUE_H
#define HR_CONFIG_SETTING_VALUE_H

#include "settings.h"

enum {
    HR_SETTING_EXPECTED = 240, /* bytes */
    HR_SECONDS_TEXT = 32,      /* bytes that hold any time as text */
};

/* Seconds with at most three decimals ("25", "0.5") in milliseconds, without sign or white space.
 * 0, -EINVAL or -ERANGE. */
int hr_seconds_parse(const char *text, int64_t min_ms, int64_t max_ms, int64_t *ret_ms);
/* The other way, with no more decimals than needed. */
void hr_seconds_format(int64_t ms, char out[HR_SECONDS_TEXT]);

/* Read text into the setting's place.  0, or a negative errno and nothing has changed. */
int hr_setting_parse(const struct hr_setting *s, const char *text, struct hr_config *c);

/* Put the default there. */
void hr_setting_fall_back(const struct hr_setting *s, struct hr_config *c);

/* In words, what hr_setting_parse() would take instead of text. */
void hr_setting_expected(const struct hr_setting *s, const char *text,
                         char out[HR_SETTING_EXPECTED]);

#endif
