/* SPDX-License-Identifier: MIT
 * The configuration of checks.  See check_setting.h. */
#include "check_setting.h"

#include "common/buf.h"
#include "common/fd.h"
#include "common/utf8.h"
#include "setting_value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    PERIOD_MIN_MS = 100,
    PERIOD_MAX_MS = 24 * 3600 * 1000,
    TIMEOUT_MIN_MS = 10,
    TIMEOUT_MAX_MS = 600 * 1000,
    LIMIT_MIN_MS = 1,
    COUNT_MAX = 100,
    WORD_MAX = HR_CHECK_SETTING_PATH, /* bytes of a value, with its NUL */
};

#define KEY(name) (1U << HR_CHECK_##name)
#define TIMES     (KEY(PERIOD) | KEY(FAILURES) | KEY(SUCCESSES) | KEY(GATE))

static const struct {
    const char *name;
    unsigned keys;
} checks[] = {
    {"alive", TIMES | KEY(TIMEOUT) | KEY(LIMIT)},
    {"ready", TIMES | KEY(TIMEOUT)},
    {"api", TIMES | KEY(TIMEOUT)},
    {"loop-lag", TIMES | KEY(LIMIT)},
    {"workspace", TIMES | KEY(TIMEOUT) | KEY(PATH)},
    {"disk", TIMES | KEY(TIMEOUT) | KEY(FREE)},
    {"memory", TIMES | KEY(FREE) | KEY(PRESSURE)},
    {"port/", TIMES | KEY(TIMEOUT)},
};

enum kind { SECONDS, COUNT, GATES, SIZE, PERCENT, PATH };

static const struct {
    const char *name;
    enum kind kind;
    int64_t min;
    int64_t max;
    const char *expected;
} keys[HR_CHECK_NKEYS] = {
    [HR_CHECK_PERIOD] = {"period", SECONDS, PERIOD_MIN_MS, PERIOD_MAX_MS,
                         "seconds from 0.1 to 86400"},
    [HR_CHECK_TIMEOUT] = {"timeout", SECONDS, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS,
                          "seconds from 0.01 to 600"},
    [HR_CHECK_FAILURES] = {"failures", COUNT, 1, COUNT_MAX, "a whole number from 1 to 100"},
    [HR_CHECK_SUCCESSES] = {"successes", COUNT, 1, COUNT_MAX, "a whole number from 1 to 100"},
    [HR_CHECK_GATE] = {"gate", GATES, 0, 0, "none, ready, live or ready+live"},
    [HR_CHECK_LIMIT] = {"limit", SECONDS, LIMIT_MIN_MS, PERIOD_MAX_MS,
                        "seconds from 0.001 to 86400"},
    [HR_CHECK_FREE] = {"free", SIZE, 0, INT64_MAX, "a share such as 5% or a size such as 500M"},
    [HR_CHECK_PRESSURE] = {"pressure", PERCENT, 1, 100, "a share from 1% to 100%"},
    [HR_CHECK_PATH] = {"path", PATH, 0, 0, "a path that begins with /, in UTF-8"},
};

/* ---- one value ---- */

static int parse_percent(const char *text, int64_t min, int64_t *ret)
{
    char digits[8];
    size_t n = strcspn(text, "%");
    if (n >= sizeof(digits) || strcmp(text + n, "%") != 0)
        return -EINVAL;
    memcpy(digits, text, n);
    digits[n] = '\0';
    return hr_parse_int(digits, min, 100, ret);
}

/* "500M" in bytes. */
static int parse_bytes(const char *text, int64_t *ret)
{
    static const char units[] = "KMGT";
    char digits[24];
    size_t n = strspn(text, "0123456789");
    const char *unit = text[n] ? strchr(units, text[n]) : units;
    int64_t value = 0;
    if (!n || n >= sizeof(digits) || !unit || (text[n] && text[n + 1]))
        return -EINVAL;
    memcpy(digits, text, n);
    digits[n] = '\0';
    int shift = text[n] ? 10 * ((int)(unit - units) + 1) : 0;
    int err = hr_parse_int(digits, 0, INT64_MAX >> shift, &value);
    if (!err)
        *ret = value << shift;
    return err;
}

static int parse_gates(const char *text, int64_t *ret)
{
    static const char *const names[] = {"ready", "live"};
    int64_t gates = 0;
    while (strcmp(text, "none") != 0) {
        size_t n = strcspn(text, "+");
        int64_t bit = 0;
        for (int i = 0; i < 2; i++)
            if (strlen(names[i]) == n && strncmp(text, names[i], n) == 0)
                bit = 1 << i;
        if (!bit)
            return -EINVAL;
        gates |= bit;
        if (!text[n]) {
            *ret = gates;
            return 0;
        }
        text += n + 1;
    }
    *ret = 0;
    return gates ? -EINVAL : 0;
}

static int parse_value(struct hr_check_setting *c, enum hr_check_key key, const char *text)
{
    int64_t *to = key < HR_CHECK_PATH ? &c->number[key] : NULL;
    switch (keys[key].kind) {
    case SECONDS: return hr_seconds_parse(text, keys[key].min, keys[key].max, to);
    case COUNT: return hr_parse_int(text, keys[key].min, keys[key].max, to);
    case GATES: return parse_gates(text, to);
    case PERCENT: return parse_percent(text, keys[key].min, to);
    case SIZE:
        c->free_is_percent = parse_percent(text, 0, to) == 0;
        return c->free_is_percent ? 0 : parse_bytes(text, to);
    case PATH: break;
    }
    if (*text != '/' || text[hr_utf8_valid(text, strlen(text))]) /* it is handed down as JSON */
        return -EINVAL;
    (void)snprintf(c->path, sizeof(c->path), "%s", text);
    return 0;
}

/* ---- one check ---- */

/* The keys that the check with this name of n bytes has; 0 if there is no such check. */
static unsigned keys_of(const char *name, size_t n)
{
    char digits[HR_CHECK_SETTING_NAME];
    int64_t port = 0;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        size_t len = strlen(checks[i].name);
        if (checks[i].name[len - 1] != '/') {
            if (len == n && memcmp(name, checks[i].name, n) == 0)
                return checks[i].keys;
            continue;
        }
        if (n <= len || n - len >= sizeof(digits) || memcmp(name, checks[i].name, len) != 0)
            continue;
        memcpy(digits, name + len, n - len);
        digits[n - len] = '\0';
        /* "port/080" would be another name for the same port. */
        if (digits[0] != '0' && digits[0] != '+' && !hr_parse_int(digits, 1, 65535, &port))
            return checks[i].keys;
    }
    return 0;
}

static void say_checks(char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s%s",
                                 i ? ", " : "a check: ", checks[i].name,
                                 checks[i].name[strlen(checks[i].name) - 1] == '/' ? "PORT" : "");
}

static void say_keys(unsigned have, const char *name, size_t n, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "KEY=VALUE, %.*s having the keys", (int)n, name);
    for (int k = 0; k < HR_CHECK_NKEYS && used < size; k++)
        if (have & (1U << k))
            used += (size_t)snprintf(out + used, size - used, " %s", keys[k].name);
}

/* One "KEY=VALUE" of n bytes. */
static int parse_pair(struct hr_check_setting *c, unsigned have, const char *text, size_t n,
                      char *out, size_t size)
{
    char value[WORD_MAX];
    const char *sign = memchr(text, '=', n);
    size_t len = sign ? (size_t)(sign - text) : n;
    for (int k = 0; k < HR_CHECK_NKEYS && sign; k++) {
        if (!(have & (1U << k)) || strlen(keys[k].name) != len ||
            strncmp(keys[k].name, text, len) != 0)
            continue;
        size_t rest = n - len - 1;
        if (rest < sizeof(value)) {
            memcpy(value, sign + 1, rest);
            value[rest] = '\0';
            if (parse_value(c, (enum hr_check_key)k, value) == 0) {
                c->set |= 1U << k;
                return 0;
            }
        }
        (void)snprintf(out, size, "%s of %s to be %s", keys[k].name, c->name, keys[k].expected);
        return -EINVAL;
    }
    say_keys(have, c->name, strlen(c->name), out, size);
    return -EINVAL;
}

/* The entry of that name, a new one if need be; NULL if there is no room. */
static struct hr_check_setting *entry(struct hr_check_settings *s, const char *name, size_t n)
{
    for (int i = 0; i < s->count; i++)
        if (strlen(s->list[i].name) == n && strncmp(s->list[i].name, name, n) == 0)
            return &s->list[i];
    if (s->count == HR_CHECK_SETTINGS_MAX)
        return NULL;
    struct hr_check_setting *c = &s->list[s->count++];
    memset(c, 0, sizeof(*c));
    memcpy(c->name, name, n);
    return c;
}

/* One "NAME:KEY=VALUE,..." of n bytes. */
static int parse_check(struct hr_check_settings *s, const char *text, size_t n, char *out,
                       size_t size)
{
    const char *colon = memchr(text, ':', n);
    size_t len = colon ? (size_t)(colon - text) : n;
    unsigned have = keys_of(text, len);
    struct hr_check_setting *c = have ? entry(s, text, len) : NULL;
    if (!have) {
        say_checks(out, size);
        return -EINVAL;
    }
    if (!c) {
        (void)snprintf(out, size, "no more than %d checks", HR_CHECK_SETTINGS_MAX);
        return -EINVAL;
    }
    if (!colon) { /* a port to look at, with all defaults */
        if (strchr(c->name, '/'))
            return 0;
        say_keys(have, c->name, len, out, size);
        return -EINVAL;
    }
    for (const char *p = colon + 1, *end = text + n;;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        size_t here = (size_t)((comma ? comma : end) - p);
        if (parse_pair(c, have, p, here, out, size))
            return -EINVAL;
        if (!comma)
            return 0;
        p = comma + 1;
    }
}

int hr_check_settings_parse(struct hr_check_settings *s, const char *text, char *expected,
                            size_t size)
{
    struct hr_check_settings copy = *s;
    for (;;) {
        size_t n = strcspn(text, ";");
        int err = parse_check(&copy, text, n, expected, size);
        if (err)
            return err;
        if (!text[n])
            break;
        text += n + 1;
    }
    *s = copy;
    return 0;
}

/* ---- out again ---- */

static void put_size(struct hr_buf *b, const struct hr_check_setting *c)
{
    static const char units[] = "KMGT";
    int64_t value = c->number[HR_CHECK_FREE];
    int unit = 0;
    for (; !c->free_is_percent && value && value % 1024 == 0 && units[unit]; unit++)
        value /= 1024;
    (void)hr_buf_addf(b, "%lld", (long long)value);
    if (c->free_is_percent)
        (void)hr_buf_addc(b, '%');
    else if (unit)
        (void)hr_buf_addc(b, units[unit - 1]);
}

static void put_value(struct hr_buf *b, const struct hr_check_setting *c, enum hr_check_key key)
{
    static const char *const gates[] = {"none", "ready", "live", "ready+live"};
    char seconds[HR_SECONDS_TEXT];
    switch (keys[key].kind) {
    case SECONDS:
        hr_seconds_format(c->number[key], seconds);
        (void)hr_buf_adds(b, seconds);
        break;
    case COUNT: (void)hr_buf_addf(b, "%d", (int)c->number[key]); break;
    case GATES: (void)hr_buf_adds(b, gates[c->number[key] & 3]); break;
    case SIZE: put_size(b, c); break;
    case PERCENT: (void)hr_buf_addf(b, "%d%%", (int)c->number[key]); break;
    case PATH: (void)hr_buf_adds(b, c->path); break;
    }
}

void hr_check_settings_format(const struct hr_check_settings *s, char out[HR_CHECK_SETTING_TEXT])
{
    struct hr_buf b;
    hr_buf_init(&b, HR_CHECK_SETTING_TEXT - 1);
    for (int i = 0; i < s->count; i++) {
        const struct hr_check_setting *c = &s->list[i];
        char glue = ':';
        (void)hr_buf_addf(&b, "%s%s", i ? ";" : "", c->name);
        for (int k = 0; k < HR_CHECK_NKEYS; k++) {
            if (!(c->set & (1U << k)))
                continue;
            (void)hr_buf_addf(&b, "%c%s=", glue, keys[k].name);
            put_value(&b, c, (enum hr_check_key)k);
            glue = ',';
        }
    }
    (void)snprintf(out, HR_CHECK_SETTING_TEXT, "%s", hr_buf_str(&b));
    hr_buf_free(&b);
}

static json_t *gates_json(int64_t gates)
{
    json_t *list = json_array();
    if (gates & HR_CHECK_GATE_READY)
        (void)json_array_append_new(list, json_string("ready"));
    if (gates & HR_CHECK_GATE_LIVE)
        (void)json_array_append_new(list, json_string("live"));
    return list;
}

static json_t *one_json(const struct hr_check_setting *c)
{
    static const char *const names[] = {
        [HR_CHECK_PERIOD] = "period_ms",  [HR_CHECK_TIMEOUT] = "timeout_ms",
        [HR_CHECK_FAILURES] = "failures", [HR_CHECK_SUCCESSES] = "successes",
        [HR_CHECK_GATE] = "gates",        [HR_CHECK_LIMIT] = "limit_ms",
        [HR_CHECK_FREE] = "free_bytes",   [HR_CHECK_PRESSURE] = "pressure_percent",
    };
    json_t *j = json_object();
    for (int k = 0; k < HR_CHECK_PATH; k++) {
        if (!(c->set & (1U << k)))
            continue;
        const char *name = k == HR_CHECK_FREE && c->free_is_percent ? "free_percent" : names[k];
        json_t *value = k == HR_CHECK_GATE ? gates_json(c->number[k]) : json_integer(c->number[k]);
        (void)json_object_set_new(j, name, value);
    }
    if (c->set & KEY(PATH))
        (void)json_object_set_new(j, "path", json_string(c->path));
    return j;
}

json_t *hr_check_settings_json(const struct hr_check_settings *s)
{
    json_t *all = json_object();
    for (int i = 0; i < s->count; i++)
        (void)json_object_set_new(all, s->list[i].name, one_json(&s->list[i]));
    return all;
}
