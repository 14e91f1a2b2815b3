/* SPDX-License-Identifier: MIT
 * A setting's value as JSON.  See setting_json.h. */
#include "setting_json.h"

#include "common/json_text.h"
#include "common/whole.h"
#include "setting_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXPECTED_MAX = HR_SETTING_EXPECTED + 64, /* bytes */
    NUMBER_MAX = 40,                         /* bytes of a number as text */
    MS = 1000,
};

static bool is_list(const struct hr_setting *s)
{
    return s->type == HR_SETTING_REWRITE || s->type == HR_SETTING_CHECKS ||
           s->type == HR_SETTING_CODES;
}

static bool is_number(const struct hr_setting *s)
{
    return s->type == HR_SETTING_SECONDS || s->type == HR_SETTING_COUNT;
}

static void say(struct hr_config_file *f, const char *pointer, const struct hr_setting *s,
                const json_t *v)
{
    char words[HR_SETTING_EXPECTED];
    char expected[EXPECTED_MAX];
    char came[HR_SETTING_EXPECTED];
    const char *text = json_string_value(v);
    const char *kind = is_number(s) ? "a number: " : "a string: ";
    if (s->type == HR_SETTING_SWITCH)
        (void)snprintf(expected, sizeof(expected), "true or false");
    else {
        hr_setting_expected(s, text ? text : "", words);
        (void)snprintf(expected, sizeof(expected), "%s%s", kind, words);
    }
    if (text && !is_number(s) && s->type != HR_SETTING_SWITCH)
        (void)snprintf(came, sizeof(came), "\"%s\"",
                       s->type == HR_SETTING_URL ? "..." : text); /* a password may be in it */
    else if (json_is_number(v))
        (void)snprintf(came, sizeof(came), "%.15g", json_number_value(v));
    else
        (void)snprintf(came, sizeof(came), "%s", hr_config_type_name(v));
    hr_config_problem(f, pointer, expected, came);
}

/* A number as text that hr_setting_parse() takes; false if it is none for this setting. */
static bool number_text(const struct hr_setting *s, const json_t *v, char out[NUMBER_MAX])
{
    bool seconds = s->type == HR_SETTING_SECONDS;
    double unit = seconds ? MS : 1;
    double value = json_number_value(v) + 0.0; /* -0 is 0 */
    /* Compared before it is rounded, as a JSON Schema does. */
    if (!json_is_number(v) || !(value >= (double)s->min / unit && value <= (double)s->max / unit) ||
        (!seconds && value != hr_whole_part(value)))
        return false;
    if (seconds && value > 0 && value < 1.0 / MS)
        value = 1.0 / MS; /* 0 often means something else */
    (void)snprintf(out, NUMBER_MAX, seconds ? "%.3f" : "%.0f", value);
    return true;
}

static void take_list(struct hr_config_file *f, const char *pointer, const struct hr_setting *s,
                      const json_t *v, struct hr_config *c)
{
    struct hr_pointer p;
    if (!json_is_array(v)) {
        hr_config_problem(
            f, pointer,
            s->type == HR_SETTING_CHECKS  ? "an array of strings, such as [\"disk:free=5%\"]"
            : s->type == HR_SETTING_CODES ? "an array of strings, such as [\"143\"]"
                                          : "an array of strings, such as [\"HUP:TERM\"]",
            hr_config_type_name(v));
        return;
    }
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *item = json_array_get(v, i);
        const char *text = json_string_value(item);
        if (!text || hr_setting_parse(s, text, c))
            say(f, hr_pointer_index(&p, pointer, i), s, item);
    }
}

void hr_setting_take_json(struct hr_config_file *f, const char *pointer, const struct hr_setting *s,
                          const json_t *v, struct hr_config *c)
{
    char number[NUMBER_MAX];
    const char *text = NULL;
    if (is_list(s)) {
        take_list(f, pointer, s, v, c);
        return;
    }
    if (s->type == HR_SETTING_SWITCH)
        text = json_is_boolean(v) ? json_is_true(v) ? "on" : "off" : NULL;
    else if (is_number(s))
        text = number_text(s, v, number) ? number : NULL;
    else
        text = json_string_value(v);
    if (!text || hr_setting_parse(s, text, c))
        say(f, pointer, s, v);
}

/* "a;b;c" as an array. */
static json_t *list_json(const char *text, const char *separator)
{
    json_t *list = json_array();
    while (*text) {
        size_t n = strcspn(text, separator);
        (void)json_array_append_new(list, hr_json_text(text, n));
        text += n + (text[n] != '\0');
    }
    return list;
}

json_t *hr_setting_json(const struct hr_config *c, const struct hr_setting *s)
{
    char text[HR_SETTING_TEXT];
    hr_setting_format(c, s, text);
    switch (s->type) {
    case HR_SETTING_SWITCH: return json_boolean(strcmp(text, "on") == 0);
    case HR_SETTING_COUNT: return json_integer(strtoll(text, NULL, 10));
    case HR_SETTING_SECONDS:
        return strchr(text, '.') ? json_real(strtod(text, NULL))
                                 : json_integer(strtoll(text, NULL, 10));
    case HR_SETTING_CODES:
    case HR_SETTING_REWRITE: return list_json(text, ",");
    case HR_SETTING_CHECKS: return list_json(text, ";");
    default: return *text ? hr_json_text(text, strlen(text)) : json_null();
    }
}
