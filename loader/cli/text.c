/* SPDX-License-Identifier: MIT
 * Text for people.  See text.h. */
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static bool colours;

bool hr_text_is_screen(int fd)
{
    const char *term = getenv("TERM");
    return term && *term && strcmp(term, "dumb") != 0 && isatty(fd);
}

bool hr_text_wants_colours(int fd)
{
    const char *no = getenv("NO_COLOR");
    return (!no || !*no) && hr_text_is_screen(fd);
}

void hr_text_set_colours(bool on)
{
    colours = on;
}

/* Columns of what hr_text_print() makes of s, if no character is wider than one. */
static int columns(const char *s)
{
    int n = 0;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        bool rest = (c & 0xc0) == 0x80; /* of a character that has been counted */
        n += rest ? 0 : c < 0x20 || c == 0x7f ? 2 : 1;
    }
    return n;
}

void hr_text_cell(FILE *out, enum hr_paint paint, const char *s, int width)
{
    static const char *const codes[] = {"", "1", "2", "33", "31"};
    bool painted = colours && paint != HR_PLAIN;
    int pad = (width < 0 ? -width : width) - columns(s);
    pad = pad > 0 ? pad : 0;
    (void)fprintf(out, "%*s", width < 0 ? pad : 0, "");
    if (painted)
        (void)fprintf(out, "\033[%sm", codes[paint]);
    hr_text_print(out, s);
    if (painted)
        (void)fputs("\033[0m", out);
    (void)fprintf(out, "%*s", width > 0 ? pad : 0, "");
}

void hr_text_things(FILE *out, long long n, const char *thing)
{
    (void)fprintf(out, "%lld %s%s", n, thing, n == 1 ? "" : "s");
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
