/* SPDX-License-Identifier: MIT
 * Scalars without quotes.  See scalar.h. */
#include "scalar.h"

#include "expression.h"

#include <string.h>

/* The first that matches.  Those of YAML 1.1 are PyYAML's, whose own tests these agree with; those
 * of 1.2 are of its core schema. */
static const struct {
    enum hr_yaml_kind kind;
    enum hr_spec_regex pattern;
    const char *what;
} rows[] = {
    {HR_YAML_NULL, HR_RE_YAML_NULL, "null, which is no text"},
    {HR_YAML_BOOLEAN, HR_RE_YAML_TRUE, "the boolean true"},
    {HR_YAML_BOOLEAN, HR_RE_YAML_FALSE, "the boolean false"},
    {HR_YAML_INTEGER, HR_RE_YAML_DECIMAL, "a number"},
    {HR_YAML_NUMBER, HR_RE_YAML_OCTAL, "an octal number to some readers"},
    {HR_YAML_NUMBER, HR_RE_YAML_INTEGER, "a number to some readers"},
    {HR_YAML_NUMBER, HR_RE_YAML_BASE60, "a number in base 60 to some readers"},
    {HR_YAML_NUMBER, HR_RE_YAML_FLOAT11, "a number"},
    {HR_YAML_NUMBER, HR_RE_YAML_FLOAT12, "a number to some readers"},
    {HR_YAML_DATE, HR_RE_YAML_DATE, "a date to some readers"},
    {HR_YAML_OTHER, HR_RE_YAML_OTHER, "a sign with a meaning of its own to some readers"},
};

enum hr_yaml_kind hr_yaml_scalar_kind(const char *text, const char **ret_what)
{
    /* What none of them begins with is text: most is. */
    if (*text && !strchr("-+.0123456789~nNtTfFyYoO<=", *text)) {
        *ret_what = "text";
        return HR_YAML_TEXT;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (hr_spec_matches(rows[i].pattern, text)) {
            *ret_what = rows[i].what;
            return rows[i].kind;
        }
    *ret_what = "text";
    return HR_YAML_TEXT;
}

/* ---- characters ------------------------------------------------------------------------------ */

static const struct {
    uint32_t first, last;
    const char *what;
} odd[] = {
    {0x00, 0x00, "a NUL character"},
    {0x01, 0x08, "a control character"},
    {0x0B, 0x0C, "a control character"},
    {0x0E, 0x1F, "a control character"},
    {0x7F, 0x84, "a control character"},
    {0x85, 0x85, "U+0085, which is the end of a line to some readers"},
    {0x86, 0x9F, "a control character"},
    {0x2028, 0x2029, "a Unicode line separator, which is the end of a line to some readers"},
    {0x202A, 0x202E, "a character that changes the direction in which text is read"},
    {0x2066, 0x2069, "a character that changes the direction in which text is read"},
    {0xFEFF, 0xFEFF, "a byte order mark"},
    {0xFFFE, 0xFFFF, "what is no character"},
};

/* The character at s, which is valid UTF-8; *ret_n: its bytes. */
static uint32_t decode(const unsigned char *s, size_t *ret_n)
{
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    uint32_t c = s[0] & masks[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3F);
    *ret_n = n;
    return c;
}

size_t hr_yaml_find_odd(const char *text, size_t n, const char **ret_what)
{
    for (size_t i = 0, bytes = 0; i < n; i += bytes) {
        uint32_t c = decode((const unsigned char *)text + i, &bytes);
        for (size_t k = 0; k < sizeof(odd) / sizeof(odd[0]) && c >= odd[k].first; k++)
            if (c <= odd[k].last) {
                *ret_what = odd[k].what;
                return i;
            }
    }
    return n;
}
