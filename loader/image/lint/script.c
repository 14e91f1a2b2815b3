/* SPDX-License-Identifier: MIT
 * The commands of a script.  See script.h. */
#include "script.h"

#include "common/buf.h"

#include <errno.h>
#include <string.h>

struct reader {
    struct hr_dockerfile *d;
    char escape;            /* the shell's own */
    struct hr_buf commands; /* of struct hr_command */
    struct hr_buf words;    /* of struct hr_script_word: those of the present command */
    struct hr_buf part;     /* of the present word */
    const char *start;      /* where it begins; NULL: there is none */
    int err;
};

static int read_script(struct reader *r, const char *text, unsigned depth);

/* ---- words and commands ---------------------------------------------------------------------- */

static void put(struct reader *r, const char *at, char c)
{
    if (!r->start)
        r->start = at;
    if (!r->err)
        r->err = hr_buf_addc(&r->part, c);
}

static void end_word(struct reader *r)
{
    if (!r->start || r->err)
        return;
    struct hr_script_word w = {
        .text = hr_arena_copy(&r->d->arena, hr_buf_str(&r->part), r->part.len), .at = r->start};
    r->err = w.text ? hr_buf_add(&r->words, &w, sizeof(w)) : -ENOMEM;
    hr_buf_reset(&r->part);
    r->start = NULL;
}

static bool is_assignment(const char *word)
{
    size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return n && (word[n] == '=' || (word[n] == '+' && word[n + 1] == '=')) &&
           !(*word >= '0' && *word <= '9');
}

/* Words before a command that change nothing about what it is. */
static bool is_prefix(const char *word)
{
    static const char *const words[] = {"if",    "then", "else", "elif",    "while",
                                        "until", "do",   "!",    "{",       "time",
                                        "sudo",  "exec", "env",  "command", "nohup"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static void name_command(struct hr_command *c)
{
    bool prefixed = false; /* sudo -E */
    c->name = "";
    for (c->first = 0; c->first < c->n; c->first++) {
        const char *word = c->words[c->first].text;
        const char *slash = strrchr(word, '/');
        const char *name = slash ? slash + 1 : word;
        prefixed = prefixed || is_prefix(name);
        if (is_assignment(word) || is_prefix(name) || (prefixed && *word == '-'))
            continue;
        c->name = name;
        return;
    }
    c->first = c->n - 1;
}

static void end_command(struct reader *r)
{
    end_word(r);
    if (!r->words.len || r->err)
        return;
    struct hr_command c = {.n = r->words.len / sizeof(*c.words),
                           .words = hr_arena_alloc(&r->d->arena, r->words.len)};
    if (!c.words) {
        r->err = -ENOMEM;
        return;
    }
    memcpy(c.words, r->words.data, r->words.len);
    name_command(&c);
    r->err = hr_buf_add(&r->commands, &c, sizeof(c));
    hr_buf_reset(&r->words);
}

/* ---- one script ------------------------------------------------------------------------------ */

/* A quoted stretch, from its quote.  What comes after it. */
static const char *read_quoted(struct reader *r, const char *p)
{
    char quote = *p;
    if (!r->start)
        r->start = p;
    for (p++; *p && *p != quote; p++) {
        if (quote == '"' && *p == r->escape && p[1] && strchr("\"\\$`\n", p[1]))
            p++;
        put(r, p, *p);
    }
    return *p ? p + 1 : p;
}

/* ${...} is one piece, whatever is in it. */
static const char *read_braces(struct reader *r, const char *p)
{
    unsigned depth = 0;
    do {
        if (*p == '{')
            depth++;
        if (*p == '}')
            depth--;
        put(r, p, *p);
        p++;
    } while (*p && depth);
    return p;
}

static bool ends_command(char c)
{
    return c == ';' || c == '&' || c == '|' || c == '\n' || c == '(' || c == ')' || c == '`';
}

/* One step.  Where to go on. */
static const char *step(struct reader *r, const char *p)
{
    if (*p == '\'' || *p == '"')
        return read_quoted(r, p);
    if (*p == r->escape) {
        if (p[1] && p[1] != '\n')
            put(r, p, p[1]);
        return p[1] ? p + 2 : p + 1;
    }
    if (*p == '$' && p[1] == '{') {
        put(r, p, '$');
        return read_braces(r, p + 1);
    }
    if (*p == '#' && !r->start) {
        return p + strcspn(p, "\n");
    }
    if ((*p == '>' || *p == '<') && p[1] == '&') { /* 2>&1 */
        put(r, p, *p);
        put(r, p, '&');
        return p + 2;
    }
    if (*p == '&' && p[1] == '>') {
        end_word(r);
        put(r, p, '&');
        put(r, p, '>');
        return p + 2;
    }
    if (*p == '>' && r->start && r->part.len && r->part.data[r->part.len - 1] != '>' &&
        strspn(hr_buf_str(&r->part), "0123456789&") != r->part.len)
        end_word(r); /* a>b */
    if (ends_command(*p))
        end_command(r);
    else if (*p == ' ' || *p == '\t' || *p == '\r')
        end_word(r);
    else
        put(r, p, *p);
    return p + 1;
}

static bool is_shell(const char *name)
{
    static const char *const shells[] = {"sh", "bash", "dash", "ash", "zsh", "source", "."};
    for (size_t s = 0; s < sizeof(shells) / sizeof(shells[0]); s++)
        if (strcmp(name, shells[s]) == 0)
            return true;
    return false;
}

/* A word of a shell's that begins like an option.  The name behind "-eo" is passed, too. */
static bool is_option(const struct hr_command *c, size_t *i)
{
    const char *word = c->words[*i].text;
    if (word[0] != '-' && word[0] != '+')
        return false;
    *i += word[1] != '-' && word[strlen(word) - 1] == 'o';
    return true;
}

/* The script inside of `sh -c script` or `su user -c script`, or NULL. */
static const char *inner_script(const struct hr_command *c)
{
    bool su = strcmp(c->name, "su") == 0;
    if (!su && !is_shell(c->name))
        return NULL;
    for (size_t i = c->first + 1; i + 1 < c->n; i++) {
        const char *word = c->words[i].text;
        if (word[0] == '-' && word[1] != '-' && strchr(word, 'c'))
            return c->words[i + 1].text;
        if (!is_option(c, &i) && !su)
            break;
    }
    return NULL;
}

/* `sh -e <<EOF`: a shell that is named no script reads it from its input. */
static bool reads_input(const struct hr_command *c)
{
    if (!is_shell(c->name) || inner_script(c))
        return false;
    for (size_t i = c->first + 1; i < c->n; i++)
        if (!is_option(c, &i))
            return strncmp(c->words[i].text, "<<", 2) == 0;
    return false;
}

const char *hr_script_file(const struct hr_command *c)
{
    size_t i = c->first;
    bool shell = is_shell(c->name);
    if (inner_script(c))
        return NULL;
    for (i += shell; shell && i < c->n && is_option(c, &i); i++)
        ;
    const char *file = i < c->n ? c->words[i].text : "";
    bool is_one = shell ? *file && *file != '<' : strchr(file, '/') != NULL;
    return is_one && !strstr(file, "bin/") ? file : NULL;
}

static struct hr_command *command(const struct reader *r, size_t i)
{
    return &((struct hr_command *)(void *)r->commands.data)[i];
}

/* The commands inside of those from `first` on. */
static void read_inner(struct reader *r, size_t first, unsigned depth)
{
    size_t n = r->commands.len / sizeof(struct hr_command);
    for (size_t i = first; !r->err && depth < HR_SCRIPT_DEPTH && i < n; i++) {
        const struct hr_command outer = *command(r, i);
        bool eval = strcmp(outer.name, "eval") == 0 && outer.first + 2 == outer.n;
        const char *inner = eval ? outer.words[outer.first + 1].text : inner_script(&outer);
        size_t before = r->commands.len / sizeof(struct hr_command);
        if (!inner || read_script(r, inner, depth + 1))
            continue;
        /* What stands in a string stands where that begins. */
        for (size_t k = before; k < r->commands.len / sizeof(struct hr_command); k++)
            for (size_t w = 0; w < command(r, k)->n; w++)
                command(r, k)->words[w].at = outer.words[outer.first].at;
    }
}

static int read_script(struct reader *r, const char *text, unsigned depth)
{
    size_t first = r->commands.len / sizeof(struct hr_command);
    while (*text && !r->err)
        text = step(r, text);
    end_command(r);
    read_inner(r, first, depth);
    return r->err;
}

/* ---- an instruction -------------------------------------------------------------------------- */

/* A JSON form is one command. */
static void read_words(struct reader *r, const struct hr_instruction *i)
{
    for (size_t k = 0; !r->err && k < i->words.n; k++) {
        struct hr_script_word w = {.text = i->words.at[k].text};
        r->err = hr_buf_add(&r->words, &w, sizeof(w));
    }
    end_command(r);
    read_inner(r, 0, 0);
}

/* RUN <<EOF: the body is the script; RUN cat <<EOF: it is a command's input. */
static bool runs_body(const struct hr_instruction *i)
{
    const char *p = i->rest + strspn(i->rest, "0123456789");
    return i->nheredocs && p[0] == '<' && p[1] == '<';
}

int hr_script_read(struct hr_dockerfile *d, const struct hr_instruction *i, struct hr_script *ret)
{
    struct reader r = {.d = d, .escape = '\\'};
    hr_buf_init(&r.commands, HR_SCRIPT_COMMANDS * sizeof(struct hr_command));
    hr_buf_init(&r.words, (size_t)HR_DOCKERFILE_MAX / 2 * sizeof(struct hr_script_word));
    hr_buf_init(&r.part, HR_DOCKERFILE_MAX);
    if (i->json)
        read_words(&r, i);
    else if (runs_body(i))
        (void)read_script(&r, i->heredocs[0].body, 0);
    else
        (void)read_script(&r, i->rest, 0);
    if (i->nheredocs && r.commands.len && reads_input(command(&r, 0)))
        (void)read_script(&r, i->heredocs[0].body, 0);
    struct hr_command *all = hr_arena_alloc(&d->arena, r.commands.len);
    if (!all)
        r.err = -ENOMEM;
    else if (r.commands.len)
        memcpy(all, r.commands.data, r.commands.len);
    if (r.err != -ENOMEM)
        *ret = (struct hr_script){.commands = all, .n = r.commands.len / sizeof(*all)};
    hr_buf_free(&r.commands);
    hr_buf_free(&r.words);
    hr_buf_free(&r.part);
    return r.err == -ENOMEM ? r.err : 0; /* over a limit: what there is */
}

size_t hr_command_find(const struct hr_command *c, size_t from, const char *text)
{
    while (from < c->n && strcmp(c->words[from].text, text) != 0)
        from++;
    return from;
}
