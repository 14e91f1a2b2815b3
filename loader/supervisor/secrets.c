/* SPDX-License-Identifier: MIT
 * Which values are secrets.  See secrets.h. */
#include "common/json_escape.h"
#include "common/log.h"
#include "common/utf8.h"
#include "secrets_table.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_BYTES = 256 }; /* of a JSON member; a longer name is taken for a secret's */

struct hr_secrets hr_secrets_table;

/* ---- names --------------------------------------------------------------------------------- */

static bool begins(const char *s, size_t n, const char *word)
{
    size_t len = strlen(word);
    return n >= len && strncasecmp(s, word, len) == 0;
}

static bool is(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(s, word, n) == 0;
}

/* Is this word at `at`, and by itself, as in GITHUB_PAT and PAT_2, not in PATH? */
static bool stands_alone(const char *s, size_t n, size_t at, const char *word)
{
    size_t end = at + strlen(word);
    return begins(s + at, n - at, word) && (at == 0 || !isalnum((unsigned char)s[at - 1])) &&
           (end == n || !isalpha((unsigned char)s[end]));
}

/* Too many are masked rather than too few.  But a report in which every "openhands" is gone because
 * that is the author's name of git is worth nothing, and no more is one without a severity. */
static bool is_harmless(const char *s, size_t n)
{
    return begins(s, n, "KEYBOARD") || (begins(s, n, "AUTHOR") && !begins(s, n, "AUTHORI"));
}

bool hr_secrets_name(const char *name, size_t n)
{
    static const char *const words[] = {"KEY",        "TOKEN",  "SECRET", "PASSWORD",   "PASSWD",
                                        "PASSPHRASE", "PWD",    "CREDS",  "CREDENTIAL", "AUTH",
                                        "COOKIE",     "BEARER", "JWT",    "DSN"};
    static const char level[] = "LOG_JSON_LEVEL_KEY"; /* of the server: how its logs name it */
    if (n == sizeof(level) - 1 && begins(name, n, level))
        return false;
    if (is(name, n, "PWD") || is(name, n, "OLDPWD")) /* a shell's folders */
        return false;
    if (n >= 4 && begins(name + n - 4, 4, "PASS"))
        return true;
    for (size_t i = 0; i < n; i++) {
        if (stands_alone(name, n, i, "PAT") || stands_alone(name, n, i, "PW"))
            return true;
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
            if (begins(name + i, n - i, words[w]) && !is_harmless(name + i, n - i))
                return true;
    }
    return false;
}

/* ---- escapes ------------------------------------------------------------------------------- */

bool hr_secret_special(unsigned char c)
{
    return c < 0x20 || c >= 0x7f || strchr("\"\\/'<>&", c) != NULL;
}

/* "\\xHH", Python's for control characters; above them it may be a byte or a character. */
static size_t hex_escape(const char *p, size_t n, uint32_t *ret)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    if (n < 4 || p[1] != 'x' || p[2] < '0' || p[2] > '7')
        return 0;
    const char *low = p[3] ? strchr(digits, p[3]) : NULL;
    if (!low)
        return 0;
    *ret = (uint32_t)(p[2] - '0') << 4 | (uint32_t)((low - digits) & 15);
    return 4;
}

/* The character of the escape at p, which is a backslash.  The bytes of the text, 0 if it is none.
 */
static size_t escape(const char *p, size_t n, uint32_t *ret)
{
    size_t len = hr_json_unescape(p, n, ret);
    if (len == 0 && n > 1 && p[1] == '\'') { /* Python's too */
        *ret = '\'';
        return 2;
    }
    return len ? len : hex_escape(p, n, ret);
}

int hr_unescape_next(struct hr_unescape *u)
{
    uint32_t c = 0;
    if (u->nparts)
        return u->part[--u->nparts];
    if (u->at == u->end)
        return -1;
    if (!u->escaped || *u->at != '\\')
        return (unsigned char)*u->at++;
    size_t n = escape(u->at, (size_t)(u->end - u->at), &c);
    if (!n)
        return -1;
    char bytes[4];
    unsigned len = (unsigned)hr_utf8_encode(bytes, c);
    u->at += n;
    for (unsigned i = len - 1; i > 0; i--) /* the last to be given lies lowest */
        u->part[len - 1 - i] = (unsigned char)bytes[i];
    u->nparts = len - 1;
    return (unsigned char)bytes[0];
}

/* ---- values -------------------------------------------------------------------------------- */

/* Without the white space around it: files have a newline at their end, which nobody prints. */
static size_t trimmed(const char **p, size_t n, bool escaped)
{
    while (n && isspace((unsigned char)**p)) {
        (*p)++;
        n--;
    }
    for (const char *end = *p + n;; end = *p + n) {
        if (n && isspace((unsigned char)end[-1]))
            n--;
        else if (escaped && n > 2 && end[-2] == '\\' && end[-3] != '\\' && strchr("nrt", end[-1]))
            n -= 2;
        else
            return n;
    }
}

static int add(const char *p, size_t n, bool escaped)
{
    struct hr_secrets *t = &hr_secrets_table;
    n = trimmed(&p, n, escaped);
    struct hr_secret s = {.p = p, .n = n, .escaped = escaped && n && memchr(p, '\\', n)};
    struct hr_unescape u = {.at = p, .end = p + n, .escaped = s.escaped};
    size_t bytes = 0;
    int c = -1;
    while ((c = hr_unescape_next(&u)) >= 0) {
        s.special = s.special || hr_secret_special((unsigned char)c);
        bytes++;
    }
    if (bytes < HR_SECRET_MIN)
        return -EINVAL;
    if (t->n == HR_SECRETS_MAX) {
        if (!t->full)
            hr_warn("more than %d secrets are known: output is left out of crash reports from now "
                    "on",
                    HR_SECRETS_MAX);
        t->full = true;
        return -ENOSPC;
    }
    t->all[t->n++] = s;
    t->changed = true;
    return 0;
}

int hr_secrets_add(const char *value, size_t n)
{
    return add(value, n, false);
}

/* The credentials alone of "Bearer abc", the value of a header. */
static void add_credentials(const char *p, size_t n, bool escaped)
{
    static const char *const schemes[] = {"Bearer ", "Basic ", "Token ", "ApiKey "};
    while (n && isspace((unsigned char)*p)) {
        p++;
        n--;
    }
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (begins(p, n, schemes[i]))
            (void)add(p + strlen(schemes[i]), n - strlen(schemes[i]), escaped);
}

/* Length of the part of a secret that begins here.  It ends at a comma, or with the line.
 * ret_separator: bytes of what ends it, 0 at the end of all. */
static size_t part_length(const char *p, size_t n, bool escaped, size_t *ret_separator)
{
    for (size_t i = 0; i < n; i++) {
        *ret_separator = p[i] == ',' || p[i] == '\n' ? 1 : 0;
        if (escaped && p[i] == '\\' && i + 1 < n) {
            *ret_separator = p[i + 1] == 'n' ? 2 : 0;
            i += *ret_separator == 0; /* the second of two backslashes begins no escape */
        }
        if (*ret_separator)
            return i;
    }
    *ret_separator = 0;
    return n;
}

/* A value that is secret, and each part of it: of a list, "key1,key2", or of a key of many lines,
 * which a log has one by one. */
static void add_secret(const char *p, size_t n, bool escaped)
{
    size_t separator = 0;
    n = trimmed(&p, n, escaped);
    (void)add(p, n, escaped);
    for (size_t at = 0, len = 0; at < n; at += len + separator) {
        len = part_length(p + at, n - at, escaped, &separator);
        if (len < n)
            (void)add(p + at, len, escaped);
        add_credentials(p + at, len, escaped);
    }
}

/* The password of every "scheme://user:password@host". */
static void add_passwords(const char *p, size_t n, bool escaped)
{
    const char *end = p + n;
    const char *at = NULL;
    while ((at = memmem(p, (size_t)(end - p), "://", 3))) {
        p = at + 3;
        const char *colon = NULL;
        const char *host = NULL;
        for (const char *q = p; q < end && !strchr("/?# \t\n\"", *q); q++) {
            if (*q == ':' && !colon)
                colon = q;
            if (*q == '@')
                host = q;
        }
        if (colon && host && colon < host)
            (void)add(colon + 1, (size_t)(host - colon - 1), escaped);
    }
}

/* ---- commands ------------------------------------------------------------------------------ */

static bool is_of_a_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* What the shell or the program takes for the value that begins here. */
static void add_value(const char *p)
{
    static const char end[] = " \t\n'\"";
    p += strspn(p, end);
    if (*p == '$')
        return;
    size_t line = strcspn(p, "\n'\"");
    add_credentials(p, line, false);
    (void)add(p, strcspn(p, end), false);
}

void hr_secrets_add_command(const char *command)
{
    add_passwords(command, strlen(command), false);
    for (const char *p = command; *p; p++) {
        const char *name = p;
        while (is_of_a_name(*p))
            p++;
        bool named = *p == '=' || *p == ':' || (*p == ' ' && *name == '-');
        if (named && hr_secrets_name(name, (size_t)(p - name)))
            add_value(p + 1);
        if (!*p)
            return;
    }
}

/* ---- JSON ---------------------------------------------------------------------------------- */

/* Length of the string whose inside begins at p; without its quote it goes to the end. */
static size_t string_length(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] != '"')
        i += p[i] == '\\' && i + 1 < n ? 2 : 1;
    return i;
}

static bool secret_member(const char *p, size_t n)
{
    struct hr_unescape u = {.at = p, .end = p + n, .escaped = true};
    char name[NAME_MAX_BYTES];
    size_t len = 0;
    int c = -1;
    while ((c = hr_unescape_next(&u)) >= 0) {
        if (len == sizeof(name))
            return true;
        name[len++] = (char)c;
    }
    return hr_secrets_name(name, len);
}

static void take_string(const char *p, size_t n, bool secret)
{
    add_passwords(p, n, true);
    if (secret)
        add_secret(p, n, true);
}

/* secret: all strings in it are. */
static void scan(const char *json, size_t n, bool secret)
{
    bool inside[HR_SECRETS_DEPTH + 1] = {secret}; /* what holds at each depth */
    bool next = secret;                           /* what holds for the value that comes */
    size_t depth = 0;
    for (size_t i = 0; i < n; i++) {
        size_t here = depth < HR_SECRETS_DEPTH ? depth : HR_SECRETS_DEPTH;
        if (json[i] == '{' || json[i] == '[') {
            inside[here < HR_SECRETS_DEPTH ? here + 1 : here] = next;
            depth++;
        } else if (json[i] == '}' || json[i] == ']') {
            depth -= depth > 0;
            next = inside[depth < HR_SECRETS_DEPTH ? depth : HR_SECRETS_DEPTH];
        } else if (json[i] == ',') {
            next = inside[here];
        } else if (json[i] == '"') {
            const char *p = json + i + 1;
            size_t len = string_length(p, n - i - 1);
            i += len + 1;
            size_t after = i + 1;
            while (after < n && isspace((unsigned char)json[after]))
                after++;
            if (after < n && json[after] == ':')
                next = inside[here] || secret_member(p, len);
            else
                take_string(p, len, next);
        }
    }
}

void hr_secrets_add_json(const char *json, size_t n)
{
    scan(json, n, false);
}

/* ---- the table ----------------------------------------------------------------------------- */

void hr_secrets_init(char *const *env)
{
    hr_secrets_table.n = 0;
    hr_secrets_table.full = false;
    hr_secrets_table.changed = true;
    for (; env && *env; env++) {
        size_t name = strcspn(*env, "=");
        if (!(*env)[name])
            continue;
        const char *value = *env + name + 1;
        size_t n = strlen(value);
        bool secret = hr_secrets_name(*env, name);
        char begin = value[strspn(value, " \t\r\n")];
        bool json = begin == '{' || begin == '[';
        if (secret && !json)
            add_secret(value, n, false);
        else if (secret)
            (void)add(value, n, false);
        if (json || begin == '"')
            scan(value, n, secret);
        if (!json)
            add_passwords(value, n, false);
    }
}

void hr_secrets_forget(const void *from, size_t n)
{
    struct hr_secrets *t = &hr_secrets_table;
    uintptr_t start = (uintptr_t)from;
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        uintptr_t at = (uintptr_t)t->all[i].p;
        if (at < start || at - start >= n)
            t->all[kept++] = t->all[i];
    }
    t->n = kept;
    t->changed = true;
}
