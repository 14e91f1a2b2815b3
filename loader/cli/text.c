/* SPDX-License-Identifier: MIT
 * Text for people.  See text.h. */
#include "text.h"

#include "common/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How the character at s, of n bytes and more, is shown, if not as itself.  The bytes it has, or 0
 * for itself. */
static size_t replace(char out[16], const char *s, size_t n, bool lines)
{
    size_t steers = lines && (*s == '\n' || *s == '\t') ? 0 : hr_utf8_steers(s, n);
    if (steers == 3)
        (void)snprintf(out, 16, "<U+%04X>", 0x2000 | (s[1] & 0x3f) << 6 | (s[2] & 0x3f));
    else if (steers) /* U+0080 to U+009F as U+0040 to U+005F */
        (void)snprintf(out, 16, "^%c", *s == 0x7f ? '?' : (s[steers - 1] & 0x1f) + 0x40);
    return steers;
}

static void print(FILE *out, const char *s, size_t n, bool lines)
{
    char instead[16];
    for (size_t i = 0, taken = 0; i < n; i += taken ? taken : 1) {
        taken = replace(instead, s + i, n - i, lines);
        if (taken)
            (void)fputs(instead, out);
        else
            (void)fputc(s[i], out);
    }
}

void hr_text_print(FILE *out, const char *s)
{
    print(out, s, strlen(s), false);
}

void hr_text_print_with(FILE *out, const char *s, char c, const char *instead)
{
    for (const char *end = strchrnul(s, c);; s = end + 1, end = strchrnul(s, c)) {
        print(out, s, (size_t)(end - s), false);
        if (!*end)
            return;
        (void)fputs(instead, out);
    }
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
    char instead[16];
    size_t len = strlen(s);
    int n = 0;
    for (size_t i = 0, taken = 0; i < len; i += taken ? taken : 1) {
        taken = replace(instead, s + i, len - i, false);
        bool rest = ((unsigned char)s[i] & 0xc0) == 0x80; /* of a character that has been counted */
        n += taken ? (int)strlen(instead) : !rest;
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
