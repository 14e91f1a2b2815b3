/* SPDX-License-Identifier: MIT
 * One instruction of a Dockerfile, from its joined text.  See parse.h. */
#include "parse.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* How its words are to be read. */
enum form {
    WORDS,  /* apart by blanks */
    LIST,   /* a JSON array, or words apart by blanks */
    SCRIPT, /* a JSON array, or a script for a shell */
    WHOLE,  /* one word */
    NAMES,  /* NAME or NAME=VALUE */
    PAIRS,  /* NAME=VALUE, or one NAME and its value */
    HEALTH, /* a type, then a SCRIPT */
    TRIGGER /* another instruction */
};

/* By enum hr_instruction_kind.  flags: each between two blanks, with "=" if it needs a value, and
 * "*" behind that if it may be there more than once. */
static const struct type {
    const char *name;
    enum form form;
    size_t least; /* words, unless it is a script */
    const char *flags;
} types[] = {
    [HR_INSTRUCTION_UNKNOWN] = {"", WHOLE, 0, ""},
    [HR_ADD] = {"ADD", LIST, 2, " chown= chmod= checksum= exclude=* link keep-git-dir unpack "},
    [HR_ARG] = {"ARG", NAMES, 1, ""},
    [HR_CMD] = {"CMD", SCRIPT, 0, ""},
    [HR_COPY] = {"COPY", LIST, 2, " chown= chmod= from= exclude=* link parents "},
    [HR_ENTRYPOINT] = {"ENTRYPOINT", SCRIPT, 0, ""},
    [HR_ENV] = {"ENV", PAIRS, 1, ""},
    [HR_EXPOSE] = {"EXPOSE", WORDS, 1, ""},
    [HR_FROM] = {"FROM", WORDS, 1, " platform= "},
    [HR_HEALTHCHECK] = {"HEALTHCHECK", HEALTH, 0,
                        " interval= timeout= start-period= start-interval= retries= "},
    [HR_LABEL] = {"LABEL", PAIRS, 1, ""},
    [HR_MAINTAINER] = {"MAINTAINER", WHOLE, 1, ""},
    [HR_ONBUILD] = {"ONBUILD", TRIGGER, 0, ""},
    [HR_RUN] = {"RUN", SCRIPT, 0, " mount=* network= security= device=* "},
    [HR_SHELL] = {"SHELL", SCRIPT, 0, ""},
    [HR_STOPSIGNAL] = {"STOPSIGNAL", WHOLE, 1, ""},
    [HR_USER] = {"USER", WHOLE, 1, ""},
    [HR_VOLUME] = {"VOLUME", LIST, 1, ""},
    [HR_WORKDIR] = {"WORKDIR", WHOLE, 1, ""},
};

const char *hr_instruction_name(enum hr_instruction_kind kind)
{
    return types[kind].name;
}

const char *hr_instruction_flag(const struct hr_instruction *i, const char *name)
{
    for (size_t k = 0; k < i->flags.n; k++)
        if (strcmp(i->flags.at[k].text, name) == 0)
            return i->flags.at[k].value ? i->flags.at[k].value : "";
    return NULL;
}

static enum hr_instruction_kind kind_of(const char *word, size_t n)
{
    for (size_t k = 1; k < sizeof(types) / sizeof(types[0]); k++)
        if (strlen(types[k].name) == n && strncasecmp(types[k].name, word, n) == 0)
            return (enum hr_instruction_kind)k;
    return HR_INSTRUCTION_UNKNOWN;
}

/* ---- what an instruction asks for ------------------------------------------------------------ */

static void bad(struct hr_dockerfile *d, struct hr_instruction *i, const char *at, const char *what)
{
    i->broken = true;
    hr_problem_at(d, HR_PROBLEM_SYNTAX, at, "%s %s", hr_instruction_name(i->kind), what);
}

/* What is wrong with a flag, or NULL. */
static const char *wrong_flag(const struct hr_instruction *i, const struct hr_word *flag)
{
    const char *all = types[i->kind].flags;
    char plain[64];
    char valued[64];
    (void)snprintf(plain, sizeof(plain), " %s ", flag->text);
    (void)snprintf(valued, sizeof(valued), " %s=", flag->text);
    const char *at = strstr(all, valued);
    if (!at && !strstr(all, plain))
        return "is no flag of it";
    if (at && !flag->value)
        return "needs a value";
    if (!at && flag->value && strcasecmp(flag->value, "true") != 0 &&
        strcasecmp(flag->value, "false") != 0)
        return "is either true or false";
    for (const struct hr_word *before = i->flags.at; before < flag; before++)
        if (strcmp(before->text, flag->text) == 0 && !(at && at[strlen(valued)] == '*'))
            return "is there twice";
    return NULL;
}

static void check_flags(struct hr_dockerfile *d, struct hr_instruction *i, const char *text)
{
    for (size_t k = 0; k < i->flags.n; k++) {
        const struct hr_word *flag = &i->flags.at[k];
        const char *wrong = wrong_flag(i, flag);
        if (!wrong)
            continue;
        i->broken = true;
        hr_problem_at(d, HR_PROBLEM_SYNTAX, text, "%s: --%.100s %s", hr_instruction_name(i->kind),
                      flag->text, wrong);
    }
}

static void check_from(struct hr_dockerfile *d, struct hr_instruction *i)
{
    const struct hr_words *w = &i->words;
    if (w->n == 1)
        return;
    if (w->n != 3 || strcasecmp(w->at[1].text, "as") != 0) {
        bad(d, i, i->rest, "takes IMAGE, or IMAGE AS NAME");
        return;
    }
    const char *name = w->at[2].text;
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789-_.";
    if (!strchr(first, *name) || strspn(name, more) != strlen(name))
        bad(d, i, i->rest, "AS: the name of a stage is a letter, then letters, digits and -_.");
}

/* "1m30s", as Go reads it; "0" needs no unit. */
static bool is_duration(const char *p)
{
    static const char units[] = " ns us \xc2\xb5s \xce\xbcs ms s m h ";
    static const char digits[] = "0123456789.";
    char unit[8];
    if (strcmp(p, "0") == 0)
        return true;
    while (*p) {
        size_t number = strspn(p, digits);
        size_t n = strcspn(p + number, digits);
        (void)snprintf(unit, sizeof(unit), " %.*s ", (int)n, p + number);
        if (!number || !n || n > 3 || !strstr(units, unit))
            return false;
        p += number + n;
    }
    return true;
}

/* Nothing is substituted in them. */
static void check_times(struct hr_dockerfile *d, struct hr_instruction *i)
{
    for (size_t k = 0; k < i->flags.n; k++) {
        const struct hr_word *flag = &i->flags.at[k];
        bool retries = strcmp(flag->text, "retries") == 0;
        if (flag->value && (retries ? flag->value[strspn(flag->value, "0123456789")] == '\0'
                                    : is_duration(flag->value)))
            continue;
        bad(d, i, i->rest,
            retries ? "--retries takes a number" : "takes durations with units, such as 30s");
    }
}

static void check_health(struct hr_dockerfile *d, struct hr_instruction *i)
{
    bool none = i->health_type && strcasecmp(i->health_type, "NONE") == 0;
    bool command = i->health_type && strcasecmp(i->health_type, "CMD") == 0;
    bool empty = i->json ? !i->words.n : !*i->rest;
    if (!none && !command)
        bad(d, i, i->rest, "takes NONE, or CMD and a command");
    else if (none != empty)
        bad(d, i, i->rest, none ? "NONE takes nothing more" : "CMD: there is no command");
    else if (command)
        check_times(d, i);
}

static void check_copy(struct hr_dockerfile *d, struct hr_instruction *i, const char *text)
{
    const char *from = hr_instruction_flag(i, "from");
    if (from && strchr(from, '$'))
        bad(d, i, text, "--from takes no variable: FROM does, and AS gives that stage a name");
}

static void check_words(struct hr_dockerfile *d, struct hr_instruction *i, const char *text)
{
    const struct type *type = &types[i->kind];
    if (i->kind == HR_INSTRUCTION_UNKNOWN) {
        i->broken = true;
        hr_problem_at(d, HR_PROBLEM_SYNTAX, text, "%.100s is no instruction", i->keyword);
        return;
    }
    if (i->words.n < type->least) {
        bad(d, i, i->rest,
            type->least == 2 ? "needs a source and a destination" : "needs an argument");
        return;
    }
    for (size_t k = 0; i->kind == HR_ARG && k < i->words.n; k++)
        if (!*i->words.at[k].text) {
            bad(d, i, i->rest, "needs a name before =");
            return;
        }
    if (i->onbuild && (i->kind == HR_MAINTAINER || i->kind == HR_FROM))
        bad(d, i, text, "cannot stand after ONBUILD");
    else if (i->kind == HR_FROM)
        check_from(d, i);
    else if (i->kind == HR_COPY)
        check_copy(d, i, text);
    else if (i->kind == HR_HEALTHCHECK)
        check_health(d, i);
    else if (i->kind == HR_SHELL && (!i->json || !i->words.n))
        bad(d, i, i->rest, "takes a JSON array");
    else if (i->kind == HR_ONBUILD)
        bad(d, i, text, i->onbuild ? "cannot stand after itself" : "needs an instruction");
}

/* ---- reading --------------------------------------------------------------------------------- */

static int read_health(struct hr_dockerfile *d, struct hr_instruction *i)
{
    const char *p = i->rest;
    while (*p && !hr_is_byte_space(*p))
        p++;
    if (p == i->rest)
        return 0;
    i->health_type = hr_arena_copy(&d->arena, i->rest, (size_t)(p - i->rest));
    while (hr_is_byte_space(*p))
        p++;
    i->rest = p;
    return i->health_type ? hr_words_json(d, i->rest, &i->words, &i->json) : -ENOMEM;
}

static int read_words(struct hr_dockerfile *d, struct hr_instruction *i)
{
    int err;
    switch (types[i->kind].form) {
    case WORDS: return hr_words_blank(d, i->rest, &i->words);
    case NAMES: return hr_words_names(d, i->rest, &i->words);
    case PAIRS: return hr_words_pairs(d, hr_instruction_name(i->kind), i->rest, &i->words);
    case HEALTH: return read_health(d, i);
    case SCRIPT: return hr_words_json(d, i->rest, &i->words, &i->json);
    case LIST:
        err = hr_words_json(d, i->rest, &i->words, &i->json);
        return err || i->json ? err : hr_words_blank(d, i->rest, &i->words);
    case WHOLE:
    case TRIGGER: return hr_words_whole(d, i->rest, &i->words);
    }
    return 0;
}

/* The keyword and what comes after it.  0 or -ENOMEM. */
static int read_keyword(struct hr_dockerfile *d, struct hr_instruction *i, const char *text)
{
    const char *end = hr_skip_to_blank(text);
    i->kind = kind_of(text, (size_t)(end - text));
    i->rest = hr_skip_blanks(end);
    hr_dockerfile_place(d, text, &i->line, &i->column);
    i->keyword = hr_arena_copy(&d->arena, text, (size_t)(end - text));
    return i->keyword ? 0 : -ENOMEM;
}

static void cut_space(char *text)
{
    char *end = text + strlen(text);
    for (char *p = end; p > text;) {
        do
            p--;
        while (p > text && ((unsigned char)*p & 0xc0) == 0x80);
        size_t n = hr_space_at(p);
        if (!n || p + n != end)
            return;
        *p = '\0';
        end = p;
    }
}

int hr_instruction_read(struct hr_dockerfile *d, struct hr_instruction *i, char *text)
{
    cut_space(text);
    text += hr_skip_space(text) - text;
    int err = read_keyword(d, i, text);
    const char *start = text;
    if (!err)
        err = hr_words_flags(d, i->rest, &i->flags, &i->rest);
    if (!err && i->kind == HR_ONBUILD && *i->rest) {
        check_flags(d, i, text);
        i->onbuild = true;
        start = i->rest;
        err = read_keyword(d, i, start);
        if (!err)
            err = hr_words_flags(d, i->rest, &i->flags, &i->rest);
    }
    if (!err)
        err = read_words(d, i);
    if (err == -EINVAL) { /* noted */
        i->broken = true;
        return 0;
    }
    if (err)
        return err;
    check_flags(d, i, start);
    check_words(d, i, start);
    return 0;
}
