/* SPDX-License-Identifier: MIT
 * What tells a secret: names of variables, and the form of values and of well-known tokens.  See
 * secret.h. */
#include "secret.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* ---- names of variables ---------------------------------------------------------------------- */

static bool is_any(const char *word, size_t n, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == n && strncasecmp(word, list[i], n) == 0)
            return true;
    return false;
}

#define IS_ANY(word, n, list) is_any(word, n, list, sizeof(list) / sizeof((list)[0]))

/* Unlike what is masked in logs, where too much is better than too little, a name here must mean a
 * secret: GPG_KEY, MAX_TOKENS and TOKENIZERS_PARALLELISM are none. */
bool hr_secret_variable(const char *name)
{
    static const char *const secret[] = {"TOKEN",       "SECRET",    "PASSWORD",  "PASSWD",
                                         "PASSPHRASE",  "PASS",      "PAT",       "CREDENTIAL",
                                         "CREDENTIALS", "APIKEY",    "AUTHTOKEN", "JWT",
                                         "SECRETS",     "PASSWORDS", "DSN"};
    static const char *const whose[] = {"API",        "ACCESS",  "SECRET",  "PRIVATE",
                                        "ENCRYPTION", "SIGNING", "AUTH",    "SESSION",
                                        "DEPLOY",     "SSH",     "ACCOUNT", "MASTER"};
    static const char *const keys[] = {"KEY", "KEYS"};
    static const char *const harmless[] = {
        "FILE",    "PATH",     "DIR",     "FOLDER", "URL",       "URI",      "NAME",
        "ID",      "LENGTH",   "LIMIT",   "MAX",    "MIN",       "TTL",      "EXPIRY",
        "TIMEOUT", "PUBLIC",   "HASH",    "ALGO",   "TYPE",      "FORMAT",   "HEADER",
        "COUNT",   "REQUIRED", "ENABLED", "ISSUER", "ALGORITHM", "AUDIENCE", "EXPIRATION",
        "SCOPE",   "HOST",     "PORT",    "USER",   "USERNAME",  "PROVIDER", "BACKEND",
        "MODE",    "POLICY",   "EXPIRES", "STORE",  "HELPER",    "PREFIX",   "REALM",
        "SIZE",    "VERSION"};
    bool found = false;
    size_t before = 0;
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "_-.");
        if (IS_ANY(p, n, harmless))
            return false;
        found = found || IS_ANY(p, n, secret) ||
                (before && IS_ANY(p, n, keys) && IS_ANY(p - before - 1, before, whose));
        before = n;
        p += n + (p[n] != '\0');
    }
    return found;
}

bool hr_secret_literal(const char *value)
{
    static const char *const nothing[] = {"true",        "false",    "none",      "null",
                                          "yes",         "no",       "unset",     "dummy",
                                          "placeholder", "changeme", "change-me", "example",
                                          "redacted",    "required", "optional"};
    size_t n = strlen(value);
    if (n < 3 || IS_ANY(value, n, nothing))
        return false;
    if (strchr("/~<$", *value) || strncmp(value, "./", 2) == 0 ||
        strncasecmp(value, "your", 4) == 0)
        return false;
    return strspn(value, "*xX.") != n && (n > 4 || strspn(value, "0123456789") != n);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

enum {
    DIFFERENT = 7, /* characters that a real token has at least; "xxxx..." has one */
    /* Bytes that are looked at to tell a token, or the first part of one: what is full of
     * beginnings of tokens would else be walked over from each of them to its end. */
    ENOUGH = 256,
};

static bool looks_random(const char *p, size_t n)
{
    bool seen[256] = {false};
    size_t different = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        different += !seen[c];
        seen[c] = true;
    }
    return different >= DIFFERENT && !memmem(p, n, "EXAMPLE", 7) && !memmem(p, n, "example", 7);
}

static bool is_token_character(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Token characters from p on, but no more than max. */
static size_t token_span(const char *p, size_t max)
{
    size_t n = 0;
    while (n < max && is_token_character(p[n]))
        n++;
    return n;
}

/* A JSON Web Token: three parts with dots between. */
static size_t web_token(const char *p)
{
    size_t n = 0;
    for (int part = 0; part < 3; part++) {
        size_t length = token_span(p + n, part ? SIZE_MAX : (size_t)4 * ENOUGH);
        n += length;
        if (length < 10 || (part < 2 && p[n++] != '.'))
            return 0;
    }
    return n;
}

size_t hr_secret_token(const char *p, const char **ret_what)
{
    static const struct {
        const char *prefix, *what;
        size_t least; /* characters behind the prefix */
    } forms[] = {
        {"ghp_", "a GitHub token", 30},      {"gho_", "a GitHub token", 30},
        {"ghu_", "a GitHub token", 30},      {"ghs_", "a GitHub token", 30},
        {"ghr_", "a GitHub token", 30},      {"github_pat_", "a GitHub token", 22},
        {"glpat-", "a GitLab token", 20},    {"sk-", "an API key", 32},
        {"sk_live_", "a Stripe key", 20},    {"rk_live_", "a Stripe key", 20},
        {"AKIA", "an AWS access key", 16},   {"ASIA", "an AWS access key", 16},
        {"AIza", "a Google API key", 35},    {"xoxb-", "a Slack token", 20},
        {"xoxp-", "a Slack token", 20},      {"xoxa-", "a Slack token", 20},
        {"xapp-", "a Slack token", 20},      {"npm_", "an npm token", 36},
        {"pypi-AgEI", "a PyPI token", 50},   {"hf_", "a Hugging Face token", 30},
        {"dckr_pat_", "a Docker token", 20}, {"dop_v1_", "a DigitalOcean token", 60},
        {"glsa_", "a Grafana token", 30},    {"lsv2_pt_", "a LangSmith key", 32},
    };
    size_t web = strncmp(p, "eyJ", 3) == 0 ? web_token(p) : 0;
    if (web && looks_random(p, web)) {
        *ret_what = "a JSON Web Token";
        return web;
    }
    if (strncmp(p, "-----BEGIN ", 11) == 0) {
        size_t line = strnlen(p, ENOUGH);
        size_t n = 0;
        while (n < line && !strchr("\\\n\"'", p[n]))
            n++;
        *ret_what = "a private key";
        return memmem(p, n, "PRIVATE KEY", 11) ? n : 0;
    }
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        size_t m = strlen(forms[i].prefix);
        if (strncmp(p, forms[i].prefix, m) != 0)
            continue;
        size_t n = token_span(p + m, ENOUGH);
        *ret_what = forms[i].what;
        if (n < forms[i].least || !looks_random(p + m, n))
            return 0;
        return m + n + token_span(p + m + n, SIZE_MAX);
    }
    return 0;
}
