/* SPDX-License-Identifier: MIT
 * Stages and variables.  See stages.h. */
#include "stages.h"

#include "lex.h"
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reader {
    struct hr_dockerfile *d;
    struct hr_stages *s;
    struct hr_stage *stage; /* NULL: before the first FROM */
    size_t nvariables;
    size_t text; /* bytes that may still come of substitution */
    size_t work; /* steps that may still be taken for its patterns */
};

/* ---- variables ------------------------------------------------------------------------------- */

static const struct hr_variable *find(const struct hr_variable *newest, const char *name, size_t n)
{
    for (; newest; newest = newest->before)
        if (strncmp(newest->name, name, n) == 0 && !newest->name[n])
            return newest;
    return NULL;
}

const struct hr_variable *hr_stage_variable(const struct hr_stage *s, const char *name)
{
    const struct hr_variable *v = s->variables;
    while (v && (!v->environment || strcmp(v->name, name) != 0))
        v = v->before;
    return v;
}

/* Those that BuildKit sets before the first FROM. */
static bool is_platform(const char *name, size_t n)
{
    static const char *const prefixes[] = {"TARGET", "BUILD"};
    static const char *const rest[] = {"PLATFORM", "OS", "ARCH", "VARIANT", "STAGE"};
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < sizeof(rest) / sizeof(rest[0]); k++) {
            size_t p = strlen(prefixes[i]);
            if (n == p + strlen(rest[k]) && strncmp(name, prefixes[i], p) == 0 &&
                strncmp(name + p, rest[k], n - p) == 0)
                return true;
        }
    return false;
}

static enum hr_variable_state get(const void *context, const char *name, size_t n,
                                  const char **ret_value)
{
    const struct reader *r = context;
    const struct hr_variable *v = find(r->stage ? r->stage->variables : r->s->arguments, name, n);
    if (v && v->value)
        *ret_value = v->value;
    if (v)
        return v->value ? HR_VARIABLE_SET : v->by ? HR_VARIABLE_OPEN : HR_VARIABLE_UNKNOWN;
    if (!r->stage)
        return is_platform(name, n) ? HR_VARIABLE_UNKNOWN : HR_VARIABLE_UNSET;
    /* Of an empty image all is known but BuildKit's own PATH. */
    const struct hr_stage *root = hr_stage_root(r->stage);
    bool empty = root->base_known && strcmp(root->base, "scratch") == 0;
    bool path = n == 4 && strncmp(name, "PATH", n) == 0;
    return empty && !path ? HR_VARIABLE_UNSET : HR_VARIABLE_UNKNOWN;
}

/* Set one.  value: NULL: not known. */
static int set(struct reader *r, const struct hr_instruction *by, const struct hr_word *word,
               const char *value)
{
    const struct hr_variable **newest = r->stage ? &r->stage->variables : &r->s->arguments;
    if (r->nvariables == HR_STAGES_VARIABLES) {
        hr_problem_in_line(r->d, HR_PROBLEM_LIMIT, word->line, "more than %d variables",
                           HR_STAGES_VARIABLES);
        r->nvariables++;
    }
    if (r->nvariables > HR_STAGES_VARIABLES)
        return 0;
    struct hr_variable *v = hr_arena_alloc(&r->d->arena, sizeof(*v));
    if (!v)
        return -ENOMEM;
    *v = (struct hr_variable){.before = *newest,
                              .name = word->text,
                              .value = value,
                              .environment = by->kind == HR_ENV,
                              .by = by,
                              .word = word};
    *newest = v;
    r->nvariables++;
    return 0;
}

/* ---- substitution ---------------------------------------------------------------------------- */

/* What a text stands for; ret_known: there is no unknown variable in it.  NULL: no memory. */
static const char *expand(struct reader *r, struct hr_instruction *i, const struct hr_word *w,
                          const char *text, bool *ret_known)
{
    const char plain[] = {'$', '"', '\'', r->d->escape, '\0'};
    *ret_known = true;
    if (!text[strcspn(text, plain)])
        return text;
    struct hr_buf out;
    hr_buf_init(&out, r->text < HR_LEX_VALUE ? r->text : HR_LEX_VALUE);
    struct hr_lex l = {
        .escape = r->d->escape, .get = get, .context = r, .work = r->work, .out = &out};
    int err = hr_lex(&l, text);
    r->work = l.work;
    const char *result = err ? text : hr_arena_copy(&r->d->arena, hr_buf_str(&out), out.len);
    if (err == -ENOMEM)
        result = NULL;
    else if (err)
        hr_problem_in_line(r->d, err == -E2BIG ? HR_PROBLEM_LIMIT : HR_PROBLEM_SYNTAX, w->line,
                           "%.100s: %s", text,
                           err == -E2BIG ? "it becomes too long, or takes too long" : l.error);
    if (err)
        i->broken = true;
    *ret_known = !err && !l.unknown;
    r->text -= err ? 0 : out.len;
    hr_buf_free(&out);
    return result;
}

static int expand_words(struct reader *r, struct hr_instruction *i, struct hr_words *words)
{
    for (size_t k = 0; k < words->n; k++) {
        struct hr_word *w = &words->at[k];
        w->expanded = expand(r, i, w, w->value ? w->value : w->text, &w->known);
        if (!w->expanded)
            return -ENOMEM;
    }
    return 0;
}

static int expand_names(struct reader *r, struct hr_instruction *i)
{
    bool known;
    for (size_t k = 0; k < i->words.n; k++) {
        struct hr_word *w = &i->words.at[k];
        w->text = expand(r, i, w, w->text, &known);
        if (!w->text)
            return -ENOMEM;
    }
    return 0;
}

/* ---- instructions ---------------------------------------------------------------------------- */

/* One name after the other: each can use those before it. */
static int read_arg(struct reader *r, struct hr_instruction *i)
{
    int err = expand_names(r, i);
    for (size_t k = 0; !err && k < i->words.n; k++) {
        struct hr_word *w = &i->words.at[k];
        const struct hr_variable *above =
            w->value || !r->stage ? NULL : find(r->s->arguments, w->text, strlen(w->text));
        w->expanded = w->value ? expand(r, i, w, w->value, &w->known) : "";
        w->known = w->value ? w->known : false;
        if (!w->expanded)
            return -ENOMEM;
        if (above && above->value) {
            w->expanded = above->value;
            w->known = true;
        }
        /* Without a value it leaves alone what has been set. */
        if (w->known || w->value ||
            !find(r->stage ? r->stage->variables : r->s->arguments, w->text, strlen(w->text)))
            err = set(r, i, w, w->known ? w->expanded : NULL);
    }
    return err;
}

/* All values first: a name of the same instruction is not seen by them. */
static int read_env(struct reader *r, struct hr_instruction *i)
{
    bool sets = i->kind == HR_ENV && !i->onbuild && r->stage;
    int err = expand_words(r, i, &i->words);
    if (!err)
        err = expand_names(r, i);
    for (size_t k = 0; !err && sets && k < i->words.n; k++)
        err = set(r, i, &i->words.at[k], i->words.at[k].known ? i->words.at[k].expanded : NULL);
    return err;
}

static const struct hr_stage *find_named(const struct hr_stages *s, const char *name)
{
    for (size_t k = s->n; k-- > 0;)
        if (s->at[k].name && strcasecmp(s->at[k].name, name) == 0)
            return &s->at[k];
    return NULL;
}

static const char *lower(struct hr_dockerfile *d, const char *name)
{
    char *copy = hr_arena_copy(&d->arena, name, strlen(name));
    for (char *c = copy; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static int read_from(struct reader *r, struct hr_instruction *i)
{
    if (r->s->n == HR_STAGES_MAX) {
        hr_problem_in_line(r->d, HR_PROBLEM_LIMIT, i->line, "more than %d stages", HR_STAGES_MAX);
        return 0;
    }
    r->stage = NULL; /* for its variables */
    int err = expand_words(r, i, &i->words);
    if (!err)
        err = expand_words(r, i, &i->flags);
    if (err)
        return err;
    struct hr_stage *s = &r->s->at[r->s->n];
    *s = (struct hr_stage){.first = (size_t)(i - r->d->instructions), .from = i, .base = ""};
    if (i->words.n) {
        s->base = i->words.at[0].expanded;
        s->base_known = i->words.at[0].known;
        s->parent = s->base_known ? find_named(r->s, s->base) : NULL;
    }
    if (i->words.n == 3 && !(s->name = lower(r->d, i->words.at[2].text)))
        return -ENOMEM;
    if (s->parent) {
        const struct hr_stage own = *s;
        *s = *s->parent;
        s->name = own.name;
        s->first = own.first;
        s->from = own.from;
        s->parent = own.parent;
        s->base = own.base;
        s->base_known = true;
    }
    r->stage = s;
    r->s->n++;
    return 0;
}

/* What the instruction leaves in the stage. */
static void keep(struct hr_stage *s, const struct hr_instruction *i)
{
    switch (i->kind) {
    case HR_ENTRYPOINT:
        s->entrypoint = i;
        if (s->cmd && s->cmd < s->from)
            s->cmd = NULL; /* what comes from outside of the stage goes */
        break;
    case HR_CMD: s->cmd = i; break;
    case HR_USER: s->user = i; break;
    case HR_WORKDIR: s->workdir = i; break;
    case HR_STOPSIGNAL: s->stopsignal = i; break;
    case HR_HEALTHCHECK: s->healthcheck = i; break;
    case HR_SHELL: s->shell_name = i->words.n ? i->words.at[0].text : NULL; break;
    default: break;
    }
}

static int read_one(struct reader *r, struct hr_instruction *i)
{
    switch (i->kind) {
    case HR_FROM: return i->onbuild ? 0 : read_from(r, i);
    case HR_ARG: return read_arg(r, i);
    case HR_ENV:
    case HR_LABEL: return read_env(r, i);
    case HR_ADD:
    case HR_COPY:
    case HR_EXPOSE:
    case HR_STOPSIGNAL:
    case HR_USER:
    case HR_VOLUME:
    case HR_WORKDIR: return expand_words(r, i, &i->words);
    default: return 0;
    }
}

/* Words that nobody substitutes stand for themselves. */
static void leave_words(struct hr_words *words)
{
    for (size_t k = 0; k < words->n; k++) {
        struct hr_word *w = &words->at[k];
        if (w->expanded)
            continue;
        w->expanded = w->value ? w->value : w->text;
        w->known = true;
    }
}

int hr_stages_read(struct hr_dockerfile *d, struct hr_stages *s)
{
    struct reader r = {.d = d, .s = s, .text = HR_STAGES_TEXT, .work = HR_STAGES_WORK};
    *s = (struct hr_stages){.at = hr_arena_alloc(&d->arena, HR_STAGES_MAX * sizeof(*s->at))};
    if (!s->at)
        return -ENOMEM;
    for (size_t k = 0; k < d->ninstructions; k++) {
        struct hr_instruction *i = &d->instructions[k];
        int err = read_one(&r, i);
        if (err)
            return err;
        leave_words(&i->words);
        leave_words(&i->flags);
        if (!r.stage && !i->broken && i->kind != HR_ARG)
            hr_problem_in_line(d, HR_PROBLEM_SYNTAX, i->line, "%s stands before the first FROM",
                               hr_instruction_name(i->kind));
        if (r.stage && !i->onbuild)
            keep(r.stage, i);
        if (r.stage)
            r.stage->end = k + 1;
    }
    for (const struct hr_stage *kept = s->n ? &s->at[s->n - 1] : NULL; kept; kept = kept->parent)
        s->at[kept - s->at].kept = true;
    return 0;
}

/* ---- questions ------------------------------------------------------------------------------- */

const struct hr_stage *hr_stage_of(const struct hr_stages *s, const struct hr_dockerfile *d,
                                   const struct hr_instruction *i)
{
    size_t index = (size_t)(i - d->instructions);
    for (size_t k = 0; k < s->n; k++)
        if (index >= s->at[k].first && index < s->at[k].end)
            return &s->at[k];
    return NULL;
}

const struct hr_stage *hr_stage_find(const struct hr_stages *s, const char *name)
{
    char *end = NULL;
    unsigned long number = strtoul(name, &end, 10);
    if (*name >= '0' && *name <= '9' && !*end)
        return number < s->n ? &s->at[number] : NULL;
    return find_named(s, name);
}

const struct hr_stage *hr_stage_root(const struct hr_stage *s)
{
    while (s->parent)
        s = s->parent;
    return s;
}
