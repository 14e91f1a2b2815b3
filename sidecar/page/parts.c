/* SPDX-License-Identifier: MIT
 * What the parts of the page share.  See parts.h. */
#include "parts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *hr_page_text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

long long hr_page_count(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

bool hr_page_is_number(const json_t *object, const char *key)
{
    return json_is_number(json_object_get(object, key));
}

double hr_page_number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

void hr_page_worst_first(struct hr_html *h, const json_t *list,
                         enum hr_tone (*tone_of)(const json_t *item),
                         void (*put)(struct hr_html *h, const json_t *item, const void *arg),
                         const void *arg)
{
    static const enum hr_tone order[] = {HR_TONE_BAD, HR_TONE_WARN, HR_TONE_BUSY, HR_TONE_OK,
                                         HR_TONE_OFF};
    for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++) {
        size_t i = 0;
        const json_t *item = NULL;
        json_array_foreach (list, i, item)
            if (tone_of(item) == order[o])
                put(h, item, arg);
    }
}

void hr_page_state(struct hr_html *h, enum hr_tone tone, const char *word)
{
    static const char *const classes[] = {"ok", "busy", "warn", "bad", "off"};
    hr_html(h, "<span class=\"state %s\">%s</span>", classes[tone], word);
}

/* Bytes of "2026-11-26" and of "2026-11-26T12:34:56". */
enum { DAY = 10, SECOND = 19 };

static bool is_time(const char *time)
{
    static const char form[] = "0000-00-00T00:00:00";
    for (size_t i = 0; form[i]; i++)
        if (form[i] == '0' ? !isdigit((unsigned char)time[i]) : time[i] != form[i])
            return false;
    return true;
}

void hr_page_when(struct hr_html *h, const char *time, const json_t *status)
{
    char text[SECOND + 1] = "";
    bool today = strncmp(time, hr_page_text(status, "time"), DAY) == 0;
    if (is_time(time))
        (void)snprintf(text, sizeof(text), "%.*s%s%.*s", today ? 0 : DAY, time, today ? "" : " ",
                       SECOND - DAY - 1, time + DAY + 1);
    hr_html(h, "<time datetime=\"%s\">%s</time>", time, text);
}

void hr_page_things(struct hr_html *h, long long n, const char *thing)
{
    hr_html(h, "%lld %s%s", n, thing, n == 1 ? "" : "s");
}

void hr_page_duration(struct hr_html *h, const json_t *object, const char *key)
{
    char text[HR_HUMAN_MAX] = "\xe2\x80\x93";
    if (hr_page_is_number(object, key))
        hr_human_duration(text, hr_page_number(object, key));
    hr_html(h, "%s", text);
}

void hr_page_exit(struct hr_html *h, const json_t *exit)
{
    long long number = hr_page_count(exit, "signal");
    if (number)
        hr_html(h, "ended by signal %lld", number);
    else if (json_object_get(exit, "code"))
        hr_html(h, "ended with code %lld", hr_page_count(exit, "code"));
}
