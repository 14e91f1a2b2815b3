/* SPDX-License-Identifier: MIT
 * Which here-documents an instruction opens.  BuildKit does not ask a shell: it takes every word
 * that looks like one.  See parse.h. */
#include "common/buf.h"
#include "lex.h"
#include "parse.h"

#include <errno.h>
#include <string.h>

static size_t count_quotes(const char *p)
{
    size_t n = 0;
    for (; *p; p++)
        n += *p == '\'' || *p == '"';
    return n;
}

/* How many there can be at most. */
static size_t count_openers(const char *text)
{
    size_t n = 0;
    for (const char *p = text; n < HR_DOCKERFILE_HEREDOCS && (p = strstr(p, "<<")); p += 2)
        n++;
    return n;
}

/* The only word of a text, in out; -EINVAL: it has another number of them, or is wrong. */
static int only_word(const char *text, bool keep_quotes, struct hr_buf *out)
{
    struct hr_buf whole;
    hr_buf_init(&whole, HR_LEX_VALUE);
    struct hr_lex l = {.escape = '\\',
                       .keep_quotes = keep_quotes,
                       .leave_open = true,
                       .out = &whole,
                       .words = out};
    int err = hr_lex(&l, text);
    hr_buf_free(&whole);
    if (!err && (!out->len || strlen(hr_buf_str(out)) + 1 != out->len))
        err = -EINVAL;
    return err;
}

/* A word of a line: DIGITS<<-NAME?  0, or -ENOMEM. */
static int add_if_one(struct hr_dockerfile *d, struct hr_instruction *i, const char *text)
{
    struct hr_buf plain;
    struct hr_buf quoted;
    const char *p = text + strspn(text, "0123456789");
    if (p[0] != '<' || p[1] != '<')
        return 0;
    bool chomp = p[2] == '-';
    p = hr_skip_space(p + (chomp ? 3 : 2));
    if (!*p || strchr(p, '<'))
        return 0;
    if (i->nheredocs == HR_DOCKERFILE_HEREDOCS) {
        hr_problem_in_line(d, HR_PROBLEM_LIMIT, i->line,
                           "more than %d here-documents in an instruction", HR_DOCKERFILE_HEREDOCS);
        return 0;
    }
    hr_buf_init(&plain, HR_LEX_VALUE);
    hr_buf_init(&quoted, HR_LEX_VALUE);
    int err = only_word(p, false, &plain);
    if (!err)
        err = only_word(p, true, &quoted);
    const char *name = err ? NULL : hr_arena_copy(&d->arena, plain.data, plain.len - 1);
    if (!err && !name)
        err = -ENOMEM;
    if (!err)
        i->heredocs[i->nheredocs++] = (struct hr_heredoc){
            .name = name,
            .chomp = chomp,
            .expand = count_quotes(hr_buf_str(&plain)) == count_quotes(hr_buf_str(&quoted)),
            .body = ""};
    hr_buf_free(&plain);
    hr_buf_free(&quoted);
    return err == -ENOMEM ? err : 0;
}

int hr_heredocs_find(struct hr_dockerfile *d, struct hr_instruction *i, const char *text)
{
    struct hr_buf whole;
    struct hr_buf words;
    if (!strstr(text, "<<"))
        return 0;
    hr_buf_init(&whole, (size_t)2 * HR_DOCKERFILE_MAX);
    hr_buf_init(&words, (size_t)2 * HR_DOCKERFILE_MAX);
    struct hr_lex l = {.escape = '\\',
                       .keep_quotes = true,
                       .keep_escapes = true,
                       .leave_open = true,
                       .out = &whole,
                       .words = &words};
    int err = hr_lex(&l, text);
    i->heredocs = hr_arena_alloc(&d->arena, count_openers(text) * sizeof(*i->heredocs));
    if (!i->heredocs)
        err = -ENOMEM;
    for (size_t at = 0; !err && at < words.len; at += strlen(words.data + at) + 1)
        err = add_if_one(d, i, words.data + at);
    hr_buf_free(&whole);
    hr_buf_free(&words);
    return err == -ENOMEM ? err : 0; /* a line that cannot be read opens none */
}
