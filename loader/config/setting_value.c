/* SPDX-License-Identifier: MIT
 * One setting's value.  See setting_value.h. */
#include "setting_value.h"

#include "common/fd.h"
#include "common/utf8.h"
#include "rewrite.h"
#include "web_url.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { MS = 1000, DECIMALS = 3 };

int hr_seconds_parse(const char *text, int64_t min_ms, int64_t max_ms, int64_t *ret_ms)
{
    char whole[HR_SECONDS_TEXT];
    int64_t seconds = 0;
    int64_t ms = 0;
    size_t n = strcspn(text, ".");
    if (n >= sizeof(whole) || *text == '-')
        return -EINVAL;
    memcpy(whole, text, n);
    whole[n] = '\0';
    int err = hr_parse_int(whole, 0, INT_MAX, &seconds);
    if (err)
        return err;
    if (text[n] == '.') {
        const char *digits = text + n + 1;
        size_t count = strspn(digits, "0123456789");
        if (count < 1 || count > DECIMALS || digits[count])
            return -EINVAL;
        for (size_t i = 0; i < DECIMALS; i++)
            ms = ms * 10 + (i < count ? digits[i] - '0' : 0);
    }
    ms += seconds * MS;
    if (ms < min_ms || ms > max_ms)
        return -ERANGE;
    *ret_ms = ms;
    return 0;
}

void hr_seconds_format(int64_t ms, char out[HR_SECONDS_TEXT])
{
    int n = snprintf(out, HR_SECONDS_TEXT, "%lld.%03d", (long long)(ms / MS), (int)(ms % MS));
    while (out[n - 1] == '0')
        out[--n] = '\0';
    if (out[n - 1] == '.')
        out[n - 1] = '\0';
}

/* The place of a word in "none|known|all", or -EINVAL. */
static int word_place(const char *words, const char *text)
{
    size_t len = strlen(text);
    for (int i = 0;; i++) {
        size_t n = strcspn(words, "|");
        if (n == len && strncmp(words, text, n) == 0)
            return i;
        if (!words[n])
            return -EINVAL;
        words += n + 1;
    }
}

/* The other way. */
static void word_at(const char *words, int64_t i, char *out, size_t size)
{
    while (i-- > 0 && strchr(words, '|'))
        words = strchr(words, '|') + 1;
    (void)snprintf(out, size, "%.*s", (int)strcspn(words, "|"), words);
}

/* Numbers of any width: enumerations, switches, counts, times. */
static void put_number(struct hr_config *c, const struct hr_setting *s, int64_t value)
{
    void *at = (char *)c + s->offset;
    uint8_t byte = (uint8_t)value;
    uint16_t half = (uint16_t)value;
    uint32_t word = (uint32_t)value;
    switch (s->size) {
    case sizeof(byte): memcpy(at, &byte, sizeof(byte)); break;
    case sizeof(half): memcpy(at, &half, sizeof(half)); break;
    case sizeof(word): memcpy(at, &word, sizeof(word)); break;
    default: memcpy(at, &value, sizeof(value)); break;
    }
}

static int64_t get_number(const struct hr_config *c, const struct hr_setting *s)
{
    const void *at = (const char *)c + s->offset;
    uint8_t byte = 0;
    uint16_t half = 0;
    uint32_t word = 0;
    int64_t value = 0;
    switch (s->size) {
    case sizeof(byte): memcpy(&byte, at, sizeof(byte)); return byte;
    case sizeof(half): memcpy(&half, at, sizeof(half)); return half;
    case sizeof(word): memcpy(&word, at, sizeof(word)); return word;
    default: memcpy(&value, at, sizeof(value)); return value;
    }
}

static int parse_address(const struct hr_setting *s, const char *text, struct hr_address *ret)
{
    char host[HR_ADDRESS_TEXT];
    (void)snprintf(host, sizeof(host), "%.*s",
                   (int)(strrchr(s->fallback_text, ':') - s->fallback_text), s->fallback_text);
    return hr_address_parse(text, host, ret);
}

/* "143,130".  The table is untouched on failure. */
static int parse_codes(const char *text, bool codes[HR_EXIT_CODES])
{
    bool table[HR_EXIT_CODES];
    char number[4];
    int64_t code = 0;
    memcpy(table, codes, sizeof(table));
    for (;; text++) {
        size_t n = strcspn(text, ",");
        if (n >= sizeof(number))
            return -EINVAL;
        memcpy(number, text, n);
        number[n] = '\0';
        int err = hr_parse_int(number, 0, HR_EXIT_CODES - 1, &code);
        if (err)
            return err;
        table[code] = true;
        text += n;
        if (!*text)
            break;
    }
    memcpy(codes, table, sizeof(table));
    return 0;
}

static void format_codes(const bool codes[HR_EXIT_CODES], char out[HR_SETTING_TEXT])
{
    size_t used = 0;
    for (int i = 0; i < HR_EXIT_CODES; i++)
        if (codes[i])
            used +=
                (size_t)snprintf(out + used, HR_SETTING_TEXT - used, "%s%d", used ? "," : "", i);
}

static void *place(struct hr_config *c, const struct hr_setting *s)
{
    return (char *)c + s->offset;
}

int hr_setting_parse(const struct hr_setting *s, const char *text, struct hr_config *c)
{
    char why[HR_SETTING_EXPECTED];
    int64_t number = 0;
    int err = 0;
    switch (s->type) {
    case HR_SETTING_SWITCH:
    case HR_SETTING_CHOICE:
        number = word_place(s->value, text);
        err = number < 0 ? -EINVAL : 0;
        break;
    case HR_SETTING_SECONDS: err = hr_seconds_parse(text, s->min, s->max, &number); break;
    case HR_SETTING_COUNT: err = hr_parse_int(text, s->min, s->max, &number); break;
    case HR_SETTING_ABSOLUTE: /* it may be handed down in JSON */
        if (*text != '/' || hr_utf8_valid(text, strlen(text)) != strlen(text))
            return -EINVAL;
        memcpy(place(c, s), &text, sizeof(text));
        return 0;
    case HR_SETTING_PATH:
        if (!*text)
            return -EINVAL;
        memcpy(place(c, s), &text, sizeof(text));
        return 0;
    case HR_SETTING_URL:
        if (hr_web_url_check(text, HR_WEB_TLS))
            return -EINVAL;
        memcpy(place(c, s), &text, sizeof(text));
        return 0;
    case HR_SETTING_ADDRESS: return parse_address(s, text, place(c, s));
    case HR_SETTING_REWRITE: return hr_rewrite_parse(text, place(c, s));
    case HR_SETTING_CODES: return parse_codes(text, place(c, s));
    case HR_SETTING_CHECKS: return hr_check_settings_parse(place(c, s), text, why, sizeof(why));
    }
    if (!err)
        put_number(c, s, number);
    return err;
}

void hr_setting_fall_back(const struct hr_setting *s, struct hr_config *c)
{
    switch (s->type) {
    case HR_SETTING_PATH:
    case HR_SETTING_ABSOLUTE:
    case HR_SETTING_URL: memcpy(place(c, s), &s->fallback_text, sizeof(s->fallback_text)); break;
    case HR_SETTING_ADDRESS: (void)parse_address(s, s->fallback_text, place(c, s)); break;
    case HR_SETTING_REWRITE: hr_rewrite_none(place(c, s)); break;
    case HR_SETTING_CODES:
    case HR_SETTING_CHECKS: memset(place(c, s), 0, s->size); break;
    default: put_number(c, s, s->fallback); break;
    }
}

void hr_setting_expected(const struct hr_setting *s, const char *text,
                         char out[HR_SETTING_EXPECTED])
{
    char least[HR_SECONDS_TEXT];
    char most[HR_SECONDS_TEXT];
    struct hr_check_settings none = {.count = 0};
    size_t used = 0;
    switch (s->type) {
    case HR_SETTING_SWITCH:
    case HR_SETTING_CHOICE: /* "never, on-failure or always" */
        out[0] = '\0';
        for (const char *w = s->value; *w && used < HR_SETTING_EXPECTED;) {
            size_t n = strcspn(w, "|");
            const char *glue = !used ? "" : w[n] ? ", " : " or ";
            used +=
                (size_t)snprintf(out + used, HR_SETTING_EXPECTED - used, "%s%.*s", glue, (int)n, w);
            w += n + (w[n] == '|');
        }
        break;
    case HR_SETTING_SECONDS:
        hr_seconds_format(s->min, least);
        hr_seconds_format(s->max, most);
        (void)snprintf(out, HR_SETTING_EXPECTED, "seconds from %s to %s, such as 5 or 0.5", least,
                       most);
        break;
    case HR_SETTING_COUNT:
        (void)snprintf(out, HR_SETTING_EXPECTED, "a whole number from %lld to %lld",
                       (long long)s->min, (long long)s->max);
        break;
    case HR_SETTING_PATH: (void)snprintf(out, HR_SETTING_EXPECTED, "a path"); break;
    case HR_SETTING_ABSOLUTE:
        (void)snprintf(out, HR_SETTING_EXPECTED, "a path that begins with /, in UTF-8");
        break;
    case HR_SETTING_ADDRESS:
        (void)snprintf(out, HR_SETTING_EXPECTED, "a numeric address and port such as %s",
                       s->fallback_text);
        break;
    case HR_SETTING_URL:
        (void)snprintf(out, HR_SETTING_EXPECTED,
                       "a URL such as http://host:8080/path, in ASCII, without user, password and "
                       "#fragment (%s_AUTHORIZATION is for credentials)%s",
                       s->variable,
                       HR_WEB_TLS ? ""
                                  : ", and without TLS, which this handrail does not have: a proxy "
                                    "beside it can do that");
        break;
    case HR_SETTING_REWRITE:
        (void)snprintf(out, HR_SETTING_EXPECTED,
                       "signals such as TERM:INT or HUP:0, commas between, and none that is "
                       "not ours to rewrite: KILL, STOP, CHLD");
        break;
    case HR_SETTING_CODES:
        (void)snprintf(out, HR_SETTING_EXPECTED,
                       "exit codes from 0 to %d, such as 143, commas between", HR_EXIT_CODES - 1);
        break;
    case HR_SETTING_CHECKS:
        (void)snprintf(out, HR_SETTING_EXPECTED, "no more than %d checks", HR_CHECK_SETTINGS_MAX);
        (void)hr_check_settings_parse(&none, text, out, HR_SETTING_EXPECTED);
        break;
    }
}

void hr_setting_format(const struct hr_config *c, const struct hr_setting *s,
                       char out[HR_SETTING_TEXT])
{
    const void *at = (const char *)c + s->offset;
    const char *path = NULL;
    out[0] = '\0';
    switch (s->type) {
    case HR_SETTING_SWITCH:
    case HR_SETTING_CHOICE: word_at(s->value, get_number(c, s), out, HR_SETTING_TEXT); break;
    case HR_SETTING_SECONDS: hr_seconds_format(get_number(c, s), out); break;
    case HR_SETTING_COUNT:
        (void)snprintf(out, HR_SETTING_TEXT, "%lld", (long long)get_number(c, s));
        break;
    case HR_SETTING_PATH:
    case HR_SETTING_ABSOLUTE:
    case HR_SETTING_URL:
        memcpy(&path, at, sizeof(path));
        (void)snprintf(out, HR_SETTING_TEXT, "%s", path ? path : "");
        break;
    case HR_SETTING_ADDRESS: hr_address_format(at, out); break;
    case HR_SETTING_REWRITE: hr_rewrite_format(at, out); break;
    case HR_SETTING_CODES: format_codes(at, out); break;
    case HR_SETTING_CHECKS: hr_check_settings_format(at, out); break;
    }
}
