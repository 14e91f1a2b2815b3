/* SPDX-License-Identifier: MIT
 * Text for people.  See text.h. */
#include "text.h"

#include <stdbool.h>
#include <string.h>

static void print(FILE *out, const char *s, size_t n, bool lines)
{
    for (const char *end = s + n; s < end; s++) {
        unsigned char c = (unsigned char)*s;
        /* U+0080 to U+009F are control characters too: C2 80 to C2 9F */
        bool c1 =
            c == 0xc2 && s + 1 < end && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] <= 0x9f;
        if (c1)
            (void)fprintf(out, "^%c", (unsigned char)*++s - 0x40);
        else if (c == 0x7f)
            (void)fputs("^?", out);
        else if (c < 0x20 && !(lines && (c == '\n' || c == '\t')))
            (void)fprintf(out, "^%c", c + 0x40);
        else
            (void)fputc(c, out);
    }
}

void hr_text_print(FILE *out, const char *s)
{
    print(out, s, strlen(s), false);
}

void hr_text_print_lines(FILE *out, const char *s, size_t n)
{
    print(out, s, n, true);
}

const char *hr_text_get(const json_t *object, const char *key, const char *missing)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : missing;
}

void hr_text_get_duration(char out[HR_HUMAN_MAX], const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (json_is_number(v))
        hr_human_duration(out, json_number_value(v));
    else
        (void)snprintf(out, HR_HUMAN_MAX, "-");
}
