/* SPDX-License-Identifier: MIT
 * The words of an instruction, by the different rules that instructions have.  See parse.h. */
#include "common/buf.h"
#include "common/utf8.h"
#include "parse.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* Words while they are read.  `text` of a word is collected in `part`, for it can lose bytes. */
struct reader {
    struct hr_dockerfile *d;
    struct hr_buf words; /* of struct hr_word */
    struct hr_buf part;
    const char *start; /* where the word begins */
    bool started;      /* it is one, even if nothing has been collected: it was quoted */
};

/* ---- spaces ---------------------------------------------------------------------------------- */

size_t hr_space_at(const char *p)
{
    static const char *const wide[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
                                       "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
                                       "\xe2\x81\x9f", "\xe3\x80\x80"};
    const unsigned char *u = (const unsigned char *)p;
    if (*u < 0x80)
        return *u == ' ' || (*u >= '\t' && *u <= '\r') ? 1 : 0;
    if (u[0] == 0xe2 && u[1] == 0x80 && u[2] >= 0x80 && u[2] <= 0x8a)
        return 3;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (strncmp(p, wide[i], strlen(wide[i])) == 0)
            return strlen(wide[i]);
    return 0;
}

const char *hr_skip_space(const char *p)
{
    size_t n;
    while ((n = hr_space_at(p)))
        p += n;
    return p;
}

const char *hr_skip_blanks(const char *p)
{
    while (hr_is_blank(*p))
        p++;
    return p;
}

const char *hr_skip_to_blank(const char *p)
{
    while (*p && !hr_is_blank(*p))
        p++;
    return p;
}

/* ---- collecting ------------------------------------------------------------------------------ */

static void init(struct reader *r, struct hr_dockerfile *d)
{
    *r = (struct reader){.d = d};
    hr_buf_init(&r->words, HR_DOCKERFILE_WORDS * sizeof(struct hr_word));
    hr_buf_init(&r->part, HR_DOCKERFILE_MAX);
}

static size_t count(const struct reader *r)
{
    return r->words.len / sizeof(struct hr_word);
}

static struct hr_word *word(const struct reader *r, size_t i)
{
    return &((struct hr_word *)(void *)r->words.data)[i]; /* malloc() has aligned it */
}

static int add_word(struct reader *r, const char *at, const char *text, size_t n)
{
    struct hr_word w = {.text = hr_arena_copy(&r->d->arena, text, n)};
    if (!w.text)
        return -ENOMEM;
    hr_dockerfile_place(r->d, at, &w.line, &w.column);
    int err = hr_buf_add(&r->words, &w, sizeof(w));
    if (err != -E2BIG)
        return err;
    hr_problem_at(r->d, HR_PROBLEM_LIMIT, at, "more than %d words in an instruction",
                  HR_DOCKERFILE_WORDS);
    return -EINVAL;
}

/* Split all words at their first '='. */
static int split_words(struct reader *r)
{
    for (size_t i = 0; i < count(r); i++) {
        struct hr_word *w = word(r, i);
        const char *equals = strchr(w->text, '=');
        if (!equals)
            continue;
        w->value = equals + 1;
        w->text = hr_arena_copy(&r->d->arena, w->text, (size_t)(equals - w->text));
        if (!w->text)
            return -ENOMEM;
    }
    return 0;
}

static int end_word(struct reader *r)
{
    int err = 0;
    if (r->started || r->part.len)
        err = add_word(r, r->start, hr_buf_str(&r->part), r->part.len);
    hr_buf_reset(&r->part);
    r->started = false;
    return err;
}

static int finish(struct reader *r, int err, struct hr_words *ret)
{
    struct hr_word *at = err ? NULL : hr_arena_alloc(&r->d->arena, r->words.len);
    if (at && r->words.len)
        memcpy(at, r->words.data, r->words.len);
    if (at)
        *ret = (struct hr_words){.at = at, .n = count(r)};
    hr_buf_free(&r->words);
    hr_buf_free(&r->part);
    return err || at ? err : -ENOMEM;
}

/* ---- the rules ------------------------------------------------------------------------------- */

/* Apart by blanks, quotes mean nothing: FROM, EXPOSE, COPY and others. */
int hr_words_blank(struct hr_dockerfile *d, const char *text, struct hr_words *ret)
{
    struct reader r;
    int err = 0;
    init(&r, d);
    for (const char *p = text; !err && *p;) {
        const char *end = hr_skip_to_blank(p);
        err = add_word(&r, p, p, (size_t)(end - p));
        p = hr_skip_blanks(end);
    }
    return finish(&r, err, ret);
}

/* The whole text: USER, WORKDIR and others. */
int hr_words_whole(struct hr_dockerfile *d, const char *text, struct hr_words *ret)
{
    struct reader r;
    init(&r, d);
    return finish(&r, *text ? add_word(&r, text, text, strlen(text)) : 0, ret);
}

/* A quoted stretch, quotes kept.  What comes after it. */
static const char *read_quoted(struct reader *r, const char *p, int *err)
{
    char quote = *p;
    *err |= hr_buf_addc(&r->part, *p++);
    while (*p) {
        if (*p == r->d->escape && quote != '\'') {
            if (!p[1])
                return p + 1;
            *err |= hr_buf_addc(&r->part, *p++);
        } else if (*p == quote) {
            *err |= hr_buf_addc(&r->part, *p);
            return p + 1;
        }
        *err |= hr_buf_addc(&r->part, *p++);
    }
    return p;
}

/* Apart by spaces outside of quotes, which are kept: ENV, ARG, LABEL. */
static int read_quotable(struct reader *r, const char *text)
{
    int err = 0;
    for (const char *p = hr_skip_space(text); !err && *p;) {
        size_t space = hr_space_at(p);
        if (!r->part.len && !r->started)
            r->start = p;
        if (space) {
            err = end_word(r);
            p = hr_skip_space(p);
        } else if (*p == '\'' || *p == '"') {
            r->started = true;
            p = read_quoted(r, p, &err);
        } else if (*p == r->d->escape && p[1]) {
            err = hr_buf_add(&r->part, p, 2);
            p += 2;
        } else if (*p == r->d->escape) {
            p++;
        } else {
            err = hr_buf_addc(&r->part, *p++);
        }
    }
    return err ? err : end_word(r);
}

int hr_words_names(struct hr_dockerfile *d, const char *text, struct hr_words *ret)
{
    struct reader r;
    init(&r, d);
    int err = read_quotable(&r, text);
    return finish(&r, err ? err : split_words(&r), ret);
}

/* The old form: a name, and everything after it is the value. */
static int read_one_pair(struct reader *r, const char *keyword, const char *text)
{
    const char *end = hr_skip_to_blank(text);
    const char *value = hr_skip_blanks(end);
    if (!*value) {
        hr_problem_at(r->d, HR_PROBLEM_SYNTAX, text, "%s %s: there is no value", keyword, text);
        return -EINVAL;
    }
    hr_buf_reset(&r->words);
    int err = add_word(r, text, text, (size_t)(end - text));
    if (err)
        return err;
    word(r, 0)->value = hr_arena_copy(&r->d->arena, value, strlen(value));
    return word(r, 0)->value ? 0 : -ENOMEM;
}

static int read_pairs(struct reader *r, const char *keyword, const char *text)
{
    int err = split_words(r);
    for (size_t i = 0; !err && i < count(r); i++)
        if (!word(r, i)->value || !*word(r, i)->text) {
            hr_problem_at(r->d, HR_PROBLEM_SYNTAX, text, "%s: %s%s is not NAME=VALUE", keyword,
                          word(r, i)->text, word(r, i)->value ? "=" : "");
            return -EINVAL;
        }
    return err;
}

int hr_words_pairs(struct hr_dockerfile *d, const char *keyword, const char *text,
                   struct hr_words *ret)
{
    struct reader r;
    init(&r, d);
    int err = read_quotable(&r, text);
    if (!err && count(&r))
        err = strchr(word(&r, 0)->text, '=') ? read_pairs(&r, keyword, text)
                                             : read_one_pair(&r, keyword, text);
    return finish(&r, err, ret);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *load_array(const char *text)
{
    struct hr_buf clean;
    hr_buf_init(&clean, (size_t)3 * HR_DOCKERFILE_MAX);
    json_t *array = NULL;
    if (hr_utf8_clean(&clean, text, strlen(text)) == 0)
        array = json_loadb(hr_buf_str(&clean), clean.len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL,
                           NULL);
    hr_buf_free(&clean);
    return array;
}

/* The next string of a text that is an array of strings: its quote. */
static const char *next_string(const char *p)
{
    while (*p != '"')
        p++;
    return p;
}

static const char *end_of_string(const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p + 1;
}

static int add_strings(struct reader *r, const char *text, const json_t *array)
{
    int err = 0;
    const char *p = text;
    for (size_t i = 0; !err && i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (!json_is_string(item)) {
            hr_problem_at(r->d, HR_PROBLEM_SYNTAX, text, "a JSON form may hold strings only");
            return -EINVAL;
        }
    }
    for (size_t i = 0; !err && i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        p = next_string(p);
        err = add_word(r, p, json_string_value(item), strlen(json_string_value(item)));
        p = end_of_string(p);
    }
    return err;
}

int hr_words_json(struct hr_dockerfile *d, const char *text, struct hr_words *ret_words,
                  bool *ret_json)
{
    struct reader r;
    const char *p = hr_skip_space(text);
    *ret_json = false;
    if (*p != '[')
        return 0;
    json_t *array = load_array(p);
    if (!array)
        return 0;
    init(&r, d);
    int err = add_strings(&r, p, array);
    json_decref(array);
    *ret_json = !err;
    return finish(&r, err, ret_words);
}

/* ---- flags ----------------------------------------------------------------------------------- */

static const char *skip_byte_spaces(const char *p)
{
    while (hr_is_byte_space(*p))
        p++;
    return p;
}

/* Like a word of ENV, but quotes and escapes go: what they are is not looked at again. */
static const char *read_flag(struct reader *r, const char *p, int *err)
{
    char quote = 0;
    for (r->start = p; *p && !*err; p++) {
        if (*p == r->d->escape) {
            if (!p[1])
                continue;
            *err = hr_buf_addc(&r->part, *++p);
        } else if (quote ? *p == quote : *p == '\'' || *p == '"') {
            quote = (char)(quote ? '\0' : *p);
            r->started = true;
        } else if (!quote && hr_is_byte_space(*p)) {
            break;
        } else {
            *err = hr_buf_addc(&r->part, *p);
        }
    }
    return p;
}

int hr_words_flags(struct hr_dockerfile *d, const char *text, struct hr_words *ret_words,
                   const char **ret_rest)
{
    struct reader r;
    bool more = true;
    int err = 0;
    init(&r, d);
    const char *p = skip_byte_spaces(text);
    while (!err && more && p[0] == '-' && p[1] == '-') {
        p = skip_byte_spaces(read_flag(&r, p, &err));
        if (err)
            break;
        more = strcmp(hr_buf_str(&r.part), "--") != 0;
        hr_buf_consume(&r.part, 2);
        r.started = more;
        err = end_word(&r);
    }
    if (!err)
        *ret_rest = hr_skip_space(p);
    return finish(&r, err ? err : split_words(&r), ret_words);
}
