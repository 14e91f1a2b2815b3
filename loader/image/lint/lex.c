/* SPDX-License-Identifier: MIT
 * Quotes, escapes and variables.  See lex.h. */
#include "lex.h"

#include "parse.h"
#include "pattern.h"

#include <errno.h>
#include <string.h>

/* A level of nesting: the text of a word, or of the word inside ${X:-word}. */
struct level {
    struct hr_lex *l;
    const char *p; /* what comes next */
    struct hr_buf *out;
    struct hr_buf *words;
    bool in_word, keep_escapes;
    unsigned depth;
};

static const char unknown_modifier[] = "a substitution that BuildKit does not know";

static int wrong(struct level *v, const char *why)
{
    v->l->error = why;
    return -EINVAL;
}

/* ---- results --------------------------------------------------------------------------------- */

/* What belongs to a word, spaces and all. */
static int add_raw(struct level *v, const char *text, size_t n)
{
    int err = hr_buf_add(v->out, text, n);
    if (!err && v->words && n) {
        v->in_word = true;
        err = hr_buf_add(v->words, text, n);
    }
    return err;
}

/* What falls apart at spaces. */
static int add_loose(struct level *v, const char *text, size_t n)
{
    int err = hr_buf_add(v->out, text, n);
    for (size_t i = 0; !err && v->words && i < n;) {
        size_t space = hr_space_at(text + i);
        if (space && v->in_word)
            err = hr_buf_addc(v->words, '\0');
        else if (!space)
            err = hr_buf_addc(v->words, text[i]);
        v->in_word = !space;
        i += space ? space : 1;
    }
    return err;
}

/* ---- variables ------------------------------------------------------------------------------- */

static bool is_name(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Bytes of the name at p: only digits, or one of the shell's own, or letters and so on. */
static size_t name_length(const char *p)
{
    size_t n = strspn(p, "0123456789");
    if (n)
        return n;
    if (*p && strchr("@*#?-$!", *p))
        return 1;
    while (is_name(p[n]))
        n++;
    return n;
}

struct variable {
    const char *name;
    size_t n;
    enum hr_variable_state state;
    const char *value; /* "" if it is not set */
};

static struct variable get(struct level *v, const char *name, size_t n)
{
    struct variable x = {.name = name, .n = n, .value = ""};
    x.state = v->l->get ? v->l->get(v->l->context, name, n, &x.value) : HR_VARIABLE_UNSET;
    return x;
}

/* A variable whose value is not to be had: what is written instead. */
static int leave(struct level *v, const struct variable *x, const char *modifier, size_t modifier_n)
{
    int err = add_loose(v, "${", 2);
    if (!err)
        err = add_loose(v, x->name, x->n);
    if (!err)
        err = add_loose(v, modifier, modifier_n);
    return err ? err : add_loose(v, "}", 1);
}

/* The value of a plain variable. */
static int put(struct level *v, const struct variable *x)
{
    if (x->state == HR_VARIABLE_SET)
        return add_loose(v, x->value, strlen(x->value));
    if (x->state != HR_VARIABLE_UNSET)
        v->l->unknown = true;
    else if (!v->l->leave_open)
        return 0;
    return leave(v, x, "", 0);
}

/* ---- ${X...} --------------------------------------------------------------------------------- */

static int resolve(struct level *v, char stop);

/* The word up to `stop`, resolved, into out. */
static int inner(struct level *v, char stop, bool keep_escapes, struct hr_buf *out)
{
    struct level in = {
        .l = v->l, .p = v->p, .out = out, .keep_escapes = keep_escapes, .depth = v->depth + 1};
    if (in.depth > HR_LEX_DEPTH)
        return wrong(v, "substitutions inside substitutions, too many of them");
    int err = resolve(&in, stop);
    v->p = in.p;
    return err;
}

static int cut(struct level *v, const struct variable *x, char kind, const char *pattern, size_t n)
{
    bool longest = n && *pattern == kind;
    size_t value_n = strlen(x->value);
    long found = -1;
    int err = hr_pattern_match(pattern + longest, n - longest, x->value, value_n, kind == '%',
                               longest, &v->l->work, &found);
    if (err)
        return err == -EINVAL ? wrong(v, "a pattern with an escape that means nothing") : err;
    size_t gone = found > 0 ? (size_t)found : 0;
    return add_loose(v, kind == '#' ? x->value + gone : x->value, value_n - gone);
}

/* What a modifier of a variable makes of the word behind it. */
static int modify(struct level *v, const struct variable *x, bool colon, char kind,
                  const struct hr_buf *word)
{
    bool set = x->state == HR_VARIABLE_SET && (!colon || *x->value);
    const char *text = hr_buf_str(word);
    switch (kind) {
    case '-': return set ? add_loose(v, x->value, strlen(x->value)) : add_loose(v, text, word->len);
    case '+': return set ? add_loose(v, text, word->len) : 0;
    case '?':
        return set ? add_loose(v, x->value, strlen(x->value))
                   : wrong(v, "a variable that must be set is not: ${...?...}");
    case '#':
    case '%': return cut(v, x, kind, text, word->len);
    default: return wrong(v, unknown_modifier);
    }
}

/* ${X} with one of - + ? # %, which v->p is behind. */
static int with_modifier(struct level *v, const struct variable *x, const char *from, bool colon,
                         char kind)
{
    struct hr_buf word;
    hr_buf_init(&word, HR_LEX_VALUE);
    int err = inner(v, '}', kind == '#' || kind == '%', &word);
    if (err)
        goto out;
    if (x->state == HR_VARIABLE_UNKNOWN || (x->state == HR_VARIABLE_OPEN && kind != '-')) {
        v->l->unknown = true;
        err = leave(v, x, "", 0);
    } else if (v->l->leave_open && x->state != HR_VARIABLE_SET) {
        err = leave(v, x, from, (size_t)(v->p - 1 - from));
    } else {
        err = modify(v, x, colon, kind, &word);
    }
out:
    hr_buf_free(&word);
    return err;
}

/* Replace the first match, or all. */
static int replace(struct level *v, const struct variable *x, bool all,
                   const struct hr_buf *pattern, const struct hr_buf *by)
{
    const char *p = x->value;
    bool more = pattern->len > 0;
    int err = 0;
    while (!err && *p) {
        long n = -1;
        if (more)
            err = hr_pattern_match(hr_buf_str(pattern), pattern->len, p, strlen(p), false, true,
                                   &v->l->work, &n);
        if (err)
            return err == -EINVAL ? wrong(v, "a pattern with an escape that means nothing") : err;
        if (n > 0) {
            err = add_loose(v, hr_buf_str(by), by->len);
            p += n;
            more = all;
        } else {
            err = add_loose(v, p++, 1);
        }
    }
    return err;
}

/* ${X/pattern/by}, which v->p is behind the first slash of. */
static int with_replacement(struct level *v, const struct variable *x)
{
    struct hr_buf pattern;
    struct hr_buf by;
    hr_buf_init(&pattern, HR_PATTERN_MAX);
    hr_buf_init(&by, HR_LEX_VALUE);
    bool all = *v->p == '/';
    v->p += all;
    int err = inner(v, '/', true, &pattern);
    if (!err)
        err = inner(v, '}', true, &by);
    if (!err)
        err = x->state == HR_VARIABLE_SET ? replace(v, x, all, &pattern, &by) : put(v, x);
    hr_buf_free(&pattern);
    hr_buf_free(&by);
    return err;
}

/* What v->p is behind the brace of. */
static int braced(struct level *v)
{
    if (!*v->p)
        return wrong(v, "${ without }");
    if (strchr("{}:", *v->p))
        return wrong(v, "a substitution without a name");
    struct variable x = get(v, v->p, name_length(v->p));
    v->p += x.n;
    const char *from = v->p;
    if (!*v->p)
        return wrong(v, "${ without }");
    char kind = *v->p++;
    bool colon = kind == ':';
    if (kind == '}')
        return put(v, &x);
    if (kind == '/')
        return with_replacement(v, &x);
    if (colon && *v->p)
        kind = *v->p++;
    if (colon ? kind == '#' || kind == '%' : !strchr("+-?#%", kind))
        return wrong(v, unknown_modifier);
    return with_modifier(v, &x, from, colon, kind);
}

/* What v->p is on the dollar of. */
static int dollar(struct level *v)
{
    v->p++;
    if (*v->p == '{') {
        v->p++;
        return braced(v);
    }
    size_t n = name_length(v->p);
    struct variable x = get(v, v->p, n);
    v->p += n;
    if (!n)
        return add_loose(v, "$", 1);
    if (v->l->leave_open && x.state == HR_VARIABLE_UNSET) {
        int err = add_loose(v, "$", 1);
        return err ? err : add_loose(v, x.name, n);
    }
    return put(v, &x);
}

/* ---- quotes ---------------------------------------------------------------------------------- */

static int single_quoted(struct level *v)
{
    const char *end = strchr(v->p + 1, '\'');
    if (!end)
        return wrong(v, "a ' without its second one");
    const char *from = v->l->keep_quotes ? v->p : v->p + 1;
    size_t n = (size_t)(end - from) + v->l->keep_quotes;
    v->p = end + 1;
    return add_raw(v, from, n);
}

/* Between double quotes.  Words do not fall apart there, so it is a level of its own. */
static int double_quoted(struct level *v)
{
    struct level in = *v;
    in.words = NULL;
    size_t start = v->out->len;
    int err = v->l->keep_quotes ? hr_buf_addc(v->out, '"') : 0;
    for (in.p++; !err && *in.p && *in.p != '"';) {
        if (*in.p == '$') {
            err = dollar(&in);
            continue;
        }
        bool escaped = *in.p == v->l->escape && in.p[1] && strchr("\"$", in.p[1]);
        escaped = escaped || (*in.p == v->l->escape && in.p[1] == v->l->escape);
        if (escaped && !v->keep_escapes)
            in.p++;
        else if (escaped)
            err = hr_buf_addc(v->out, *in.p++);
        if (!err)
            err = hr_buf_addc(v->out, *in.p++);
    }
    if (!err && !*in.p)
        return wrong(v, "a \" without its second one");
    v->p = in.p + 1;
    if (!err && v->l->keep_quotes)
        err = hr_buf_addc(v->out, '"');
    if (!err && v->words && v->out->len > start) {
        v->in_word = true;
        err = hr_buf_add(v->words, v->out->data + start, v->out->len - start);
    }
    return err;
}

static int escaped(struct level *v)
{
    int err = 0;
    if (v->keep_escapes)
        err = add_raw(v, v->p, 1);
    v->p++;
    if (!err && *v->p)
        err = add_raw(v, v->p++, 1);
    return err;
}

/* "<<" keeps the blanks behind it, so that "<< EOF" is one word. */
static int heredoc(struct level *v)
{
    const char *from = v->p++;
    if (*v->p == '<')
        for (v->p++; *v->p == ' ' || *v->p == '\t' || *v->p == '\r'; v->p++)
            ;
    return add_raw(v, from, (size_t)(v->p - from));
}

/* Up to `stop`, which is passed, or to the end. */
static int resolve(struct level *v, char stop)
{
    int err = 0;
    while (!err && *v->p) {
        if (*v->p == stop) {
            v->p++;
            return 0;
        }
        if (*v->p == '$')
            err = dollar(v);
        else if (*v->p == '\'')
            err = single_quoted(v);
        else if (*v->p == '"')
            err = double_quoted(v);
        else if (*v->p == '<')
            err = heredoc(v);
        else if (*v->p == v->l->escape)
            err = escaped(v);
        else {
            size_t n = hr_space_at(v->p);
            err = add_loose(v, v->p, n ? n : 1);
            v->p += n ? n : 1;
        }
    }
    return err || !stop ? err : wrong(v, "${ without }");
}

int hr_lex(struct hr_lex *l, const char *text)
{
    struct level v = {
        .l = l, .p = text, .out = l->out, .words = l->words, .keep_escapes = l->keep_escapes};
    l->unknown = false;
    l->error = NULL;
    int err = resolve(&v, '\0');
    if (!err && l->words && v.in_word)
        err = hr_buf_addc(l->words, '\0');
    return err;
}
