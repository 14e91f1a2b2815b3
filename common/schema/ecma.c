/* SPDX-License-Identifier: MIT
 * ECMAScript's regular expressions in PCRE2's words.  Most text is the same in both; what differs
 * is rewritten, and what ECMAScript does not have is refused, because the next program that reads
 * the schema would refuse it too, or take it for something else. */
#include "common/buf.h"
#include "regex.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ECMAScript's white space and line ends, and all the rest, for use inside a class. */
#define SPACES                                                                                     \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"           \
    "\\x{205f}\\x{3000}\\x{feff}"
#define NOT_SPACES                                                                                 \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"               \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"                 \
    "\\x{3001}-\\x{d7ff}\\x{e000}-\\x{fefe}\\x{ff00}-\\x{10ffff}"
#define NOT_DIGITS "\\x{0}-\\x{2f}\\x{3a}-\\x{d7ff}\\x{e000}-\\x{10ffff}"
#define NOT_WORDS                                                                                  \
    "\\x{0}-\\x{2f}\\x{3a}-\\x{40}\\x{5b}-\\x{5e}\\x{60}\\x{7b}-\\x{d7ff}\\x{e000}-\\x{10ffff}"
#define ANY_BUT_LINE_END "[^\\n\\r\\x{2028}\\x{2029}]"
#define NAME_CHARACTERS  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
#define NOTHING          "[^\\x{0}-\\x{10ffff}]"

struct reader {
    const char *p, *end;
    struct hr_buf *out;
    char *why;
    size_t size;
};

static int bad(const struct reader *x, const char *text)
{
    (void)snprintf(x->why, x->size, "%s", text);
    return -EINVAL;
}

static int bad_escape(const struct reader *x, char c)
{
    (void)snprintf(x->why, x->size,
                   "has \\%c, which means nothing in ECMAScript's regular expressions: use what "
                   "they have, such as ^ $ \\d \\w \\s \\b",
                   c);
    return -EINVAL;
}

static bool next_is(const struct reader *x, char c)
{
    return x->p < x->end && *x->p == c;
}

/* Digits of a code point, from least to most of them.  -1: there are not that many. */
static int32_t read_hex(struct reader *x, int least, int most)
{
    int32_t value = 0;
    int n = 0;
    for (; n < most && x->p < x->end && isxdigit((unsigned char)*x->p); n++, x->p++) {
        int c = tolower((unsigned char)*x->p);
        value = 16 * value + (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return n < least ? -1 : value;
}

/* Behind "\u": four digits, two of these for a surrogate pair, or any number in braces. */
static int32_t read_unicode(struct reader *x)
{
    if (next_is(x, '{')) {
        x->p++;
        int32_t c = read_hex(x, 1, 6);
        if (c < 0 || !next_is(x, '}'))
            return -1;
        x->p++;
        return c;
    }
    int32_t high = read_hex(x, 4, 4);
    if (high < 0xd800 || high > 0xdbff)
        return high;
    if (x->end - x->p < 6 || x->p[0] != '\\' || x->p[1] != 'u')
        return -1;
    x->p += 2;
    int32_t low = read_hex(x, 4, 4);
    return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static int add_code_point(struct reader *x, int32_t c)
{
    if (c < 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return bad(x, "has a broken \\x or \\u escape: use \\xHH, \\uHHHH or \\u{H...}");
    return hr_buf_addf(x->out, "\\x{%x}", (unsigned)c);
}

/* --- \p{...} -------------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *code;
} categories[] = {
    {"Cased_Letter", "L&"},
    {"Close_Punctuation", "Pe"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"LC", "L&"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Unassigned", "Cn"},
    {"Uppercase_Letter", "Lu"},
    {"cntrl", "Cc"},
    {"digit", "Nd"},
    {"punct", "P"},
};

static const char *category(const char *name)
{
    for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++)
        if (strcmp(categories[i].name, name) == 0)
            return categories[i].code;
    return name;
}

static int add_property(struct reader *x, char p)
{
    char name[64] = "";
    const char *close = next_is(x, '{') ? memchr(x->p, '}', (size_t)(x->end - x->p)) : NULL;
    size_t len = close ? (size_t)(close - x->p) - 1 : 0;
    if (!len || len >= sizeof(name))
        return bad(x, "has a \\p or \\P without a name in braces: write \\p{Letter}");
    memcpy(name, x->p + 1, len);
    x->p = close + 1;
    if (strspn(name, NAME_CHARACTERS "=") != len) /* PCRE2 takes {^L}, {L&} and { L} */
        return bad(x, "has a \\p{NAME} whose name is not of letters, digits and _: correct it");

    char *equals = strchr(name, '=');
    if (!equals)
        return hr_buf_addf(x->out, "\\%c{%s}", p, category(name));
    *equals = '\0';
    const char *value = equals + 1;
    if (strcmp(name, "General_Category") == 0 || strcmp(name, "gc") == 0)
        return hr_buf_addf(x->out, "\\%c{%s}", p, category(value));
    if (strcmp(name, "Script") == 0 || strcmp(name, "sc") == 0)
        return hr_buf_addf(x->out, "\\%c{sc:%s}", p, value);
    if (strcmp(name, "Script_Extensions") == 0 || strcmp(name, "scx") == 0)
        return hr_buf_addf(x->out, "\\%c{scx:%s}", p, value);
    return bad(x, "has a \\p{NAME=VALUE} whose name is not Script, Script_Extensions or "
                  "General_Category: use one of these");
}

/* --- escapes -------------------------------------------------------------------------------------
 */

/* Those that mean the same inside a class and outside.  c: behind the backslash, and read. */
static int add_common_escape(struct reader *x, char c)
{
    switch (c) {
    case 'd':
    case 'D':
    case 'w':
    case 'W':
    case 'f':
    case 'n':
    case 'r':
    case 't': return hr_buf_addf(x->out, "\\%c", c);
    case 'v': return add_code_point(x, '\v');
    case '0':
        if (x->p < x->end && isdigit((unsigned char)*x->p))
            return bad(x, "has an octal escape: use \\xHH");
        return add_code_point(x, 0);
    case 'c':
        if (x->p == x->end || !isalpha((unsigned char)*x->p))
            return bad(x, "has a \\c without a letter: correct it");
        return add_code_point(x, *x->p++ & 31);
    case 'x': return add_code_point(x, read_hex(x, 2, 2));
    case 'u': return add_code_point(x, read_unicode(x));
    case 'p':
    case 'P': return add_property(x, c);
    default:
        if (isalnum((unsigned char)c))
            return bad_escape(x, c);
        /* Itself; PCRE2 takes a backslash before ASCII only. */
        return (unsigned char)c < 0x80 ? hr_buf_addf(x->out, "\\%c", c) : hr_buf_addc(x->out, c);
    }
}

static int add_escape(struct reader *x)
{
    if (x->p == x->end)
        return bad(x, "ends with a backslash: remove it, or write \\\\");
    char c = *x->p++;
    if (c == 'b' || c == 'B')
        return hr_buf_addf(x->out, "\\%c", c);
    if (c == 's')
        return hr_buf_adds(x->out, "[" SPACES "]");
    if (c == 'S')
        return hr_buf_adds(x->out, "[^" SPACES "]");
    if (c == 'k')
        return next_is(x, '<') ? hr_buf_adds(x->out, "\\k")
                               : bad(x, "has a \\k without <NAME>: correct it");
    if (c < '1' || c > '9')
        return add_common_escape(x, c);
    int err = hr_buf_addf(x->out, "\\g{%c", c);
    while (!err && x->p < x->end && isdigit((unsigned char)*x->p))
        err = hr_buf_addc(x->out, *x->p++);
    return err ? err : hr_buf_addc(x->out, '}');
}

/* The members of a set that PCRE2 has not, or forgets in a negated class with a \p (10.42: \D and
 * \W beyond U+00FF).  NULL for any other. */
static const char *members_of(char c)
{
    switch (c) {
    case 's': return SPACES;
    case 'S': return NOT_SPACES;
    case 'D': return NOT_DIGITS;
    case 'W': return NOT_WORDS;
    default: return NULL;
    }
}

static int add_class_escape(struct reader *x)
{
    if (x->p == x->end)
        return bad(x, "ends with a backslash: remove it, or write \\\\");
    char c = *x->p++;
    if (c == 'b')
        return add_code_point(x, '\b');
    const char *members = members_of(c);
    int err = members ? hr_buf_adds(x->out, members) : add_common_escape(x, c);
    if (!err && strchr("dDpPsSwW", c) && x->end - x->p > 1 && x->p[0] == '-' && x->p[1] != ']') {
        x->p++; /* no range can begin with a set */
        err = hr_buf_adds(x->out, "\\-");
    }
    return err;
}

/* --- structure -----------------------------------------------------------------------------------
 */

/* Behind "[". */
static int add_class(struct reader *x)
{
    if (next_is(x, ']')) { /* nothing: of PCRE2's [] a repetition would be ignored */
        x->p++;
        return hr_buf_adds(x->out, NOTHING);
    }
    int err = hr_buf_addc(x->out, '[');
    if (!err && next_is(x, '^')) {
        x->p++;
        err = hr_buf_addc(x->out, '^');
    }
    while (!err && x->p < x->end) {
        char c = *x->p++;
        if (c == ']')
            return hr_buf_addc(x->out, c);
        if (c == '\\')
            err = add_class_escape(x);
        else if (strchr("[:.=", c) && c) /* or they could be taken for [:alpha:] */
            err = hr_buf_addf(x->out, "\\%c", c);
        else
            err = hr_buf_addc(x->out, c);
    }
    return err ? err : bad(x, "has a [ without its ]: add it, or write \\[");
}

/* Behind "(": what ECMAScript has there is (?: (?= (?! (?<= (?<! (?<NAME>, or no question mark. */
static int add_group(struct reader *x)
{
    if (next_is(x, '*'))
        return bad(x, "has (*, which repeats nothing: write \\(");
    if (!next_is(x, '?'))
        return hr_buf_addc(x->out, '(');
    char c = '\0';
    char d = '\0';
    if (x->end - x->p > 1)
        c = x->p[1];
    if (x->end - x->p > 2)
        d = x->p[2];
    bool known = c == ':' || c == '=' || c == '!' ||
                 (c == '<' && (d == '=' || d == '!' || isalpha((unsigned char)d) || d == '_'));
    if (!known)
        return bad(x, "has a group that ECMAScript's regular expressions do not know: it may begin "
                      "with (?: (?= (?! (?<= (?<! (?<NAME> or ( only");
    x->p++;
    return hr_buf_adds(x->out, "(?");
}

/* The length of {N}, {N,} or {N,M} at p, or 0. */
static size_t braces(const char *p, const char *end)
{
    const char *start = p++;
    const char *digits = p;
    while (p < end && isdigit((unsigned char)*p))
        p++;
    if (p == digits)
        return 0;
    if (p < end && *p == ',')
        do
            p++;
        while (p < end && isdigit((unsigned char)*p));
    return p < end && *p == '}' ? (size_t)(p + 1 - start) : 0;
}

/* A quantifier of len bytes, and the "?" behind it; a "+" there is PCRE2's own invention. */
static int add_quantifier(struct reader *x, size_t len)
{
    int err = hr_buf_add(x->out, x->p, len);
    x->p += len;
    if (!err && next_is(x, '?'))
        err = hr_buf_addc(x->out, *x->p++);
    if (!err && (next_is(x, '+') || next_is(x, '*') || next_is(x, '?')))
        return bad(x, "repeats a repetition: put it in (?: ) first");
    return err;
}

int hr_schema_regex_translate(struct hr_buf *out, const char *pattern, size_t len, char *why,
                              size_t size)
{
    struct reader x = {pattern, pattern + len, out, why, size};
    int err = 0;
    while (!err && x.p < x.end) {
        char c = *x.p;
        size_t brace = c == '{' ? braces(x.p, x.end) : 0;
        if (brace || c == '*' || c == '+' || c == '?') {
            err = add_quantifier(&x, brace ? brace : 1);
            continue;
        }
        x.p++;
        if (c == '\\')
            err = add_escape(&x);
        else if (c == '[')
            err = add_class(&x);
        else if (c == '(')
            err = add_group(&x);
        else if (c == '.')
            err = hr_buf_adds(out, ANY_BUT_LINE_END);
        else if (c == '{')
            err = hr_buf_adds(out, "\\{");
        else
            err = hr_buf_addc(out, c);
    }
    return err == -E2BIG ? bad(&x, "is too long: shorten it") : err;
}
