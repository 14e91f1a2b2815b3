/* SPDX-License-Identifier: MIT
 * A Dockerfile: from physical lines to instructions.  See dockerfile.h. */
#include "dockerfile.h"

#include "common/utf8.h"
#include "parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The file, line by line, and the text that its instructions are joined into. */
struct reader {
    struct hr_dockerfile *d;
    const char *next, *end;
    uint32_t line;    /* of the last line read, from 1 */
    const char *from; /* that line, without spaces at its start */
    size_t n;         /* its bytes, without line ends */
    const char *raw;  /* as it is in the file */
    size_t raw_n;
    char *text;      /* where the joined text goes on */
    bool directives; /* they may still come */
    bool escape_seen, syntax_seen, check_seen;
};

/* ---- problems and places --------------------------------------------------------------------- */

static __attribute__((format(printf, 5, 0))) void note(struct hr_dockerfile *d,
                                                       enum hr_problem_kind kind, uint32_t line,
                                                       uint32_t column, const char *fmt, va_list ap)
{
    char text[512];
    if (d->nproblems == HR_DOCKERFILE_PROBLEMS)
        return;
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    const char *copy = hr_arena_copy(&d->arena, text, strlen(text));
    d->problems[d->nproblems++] = (struct hr_problem){
        .kind = kind, .text = copy ? copy : "out of memory", .line = line, .column = column};
}

void hr_problem_at(struct hr_dockerfile *d, enum hr_problem_kind kind, const char *at,
                   const char *fmt, ...)
{
    uint32_t line = 0;
    uint32_t column = 0;
    va_list ap;
    hr_dockerfile_place(d, at, &line, &column);
    va_start(ap, fmt);
    note(d, kind, line, column, fmt, ap);
    va_end(ap);
}

void hr_problem_in_line(struct hr_dockerfile *d, enum hr_problem_kind kind, uint32_t line,
                        const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    note(d, kind, line, 0, fmt, ap);
    va_end(ap);
}

/* The last piece that begins at or before p. */
void hr_dockerfile_place(const struct hr_dockerfile *d, const char *p, uint32_t *ret_line,
                         uint32_t *ret_column)
{
    size_t low = 0;
    size_t high = d->npieces;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->pieces[middle].at <= p)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return;
    const struct hr_piece *piece = &d->pieces[low - 1];
    *ret_line = piece->line;
    *ret_column = piece->column + (uint32_t)hr_utf8_count(piece->at, (size_t)(p - piece->at));
}

/* ---- lines ----------------------------------------------------------------------------------- */

static bool read_line(struct reader *r)
{
    if (r->next == r->end)
        return false;
    const char *newline = memchr(r->next, '\n', (size_t)(r->end - r->next));
    const char *stop = newline ? newline : r->end;
    r->raw = r->next;
    r->raw_n = (size_t)(stop - r->raw);
    r->next = newline ? newline + 1 : r->end;
    r->line++;
    while (stop > r->raw && stop[-1] == '\r')
        stop--;
    r->from = r->raw;
    size_t space;
    while (r->from < stop && (space = hr_space_at(r->from)) && *r->from != '\n')
        r->from += space;
    r->n = (size_t)(stop - r->from);
    return true;
}

static bool is_comment(const struct reader *r)
{
    return r->n && *r->from == '#';
}

/* Whether the line goes on in the next one; *n then loses the escape and what comes after it.  An
 * escape behind an escape does not count, however many there are: so it is in BuildKit. */
static bool goes_on(const struct reader *r, const char *from, size_t *n)
{
    size_t end = *n;
    while (end && (from[end - 1] == ' ' || from[end - 1] == '\t'))
        end--;
    if (!end || from[end - 1] != r->d->escape || (end > 1 && from[end - 2] == r->d->escape))
        return false;
    *n = end - 1;
    return true;
}

/* Copy a stretch of the present line to the joined text. */
static void join(struct reader *r, const char *from, size_t n)
{
    r->d->pieces[r->d->npieces++] =
        (struct hr_piece){.at = r->text,
                          .line = r->line,
                          .column = (uint32_t)hr_utf8_count(r->raw, (size_t)(from - r->raw)) + 1};
    memcpy(r->text, from, n);
    r->text += n;
}

/* ---- comments -------------------------------------------------------------------------------- */

static bool is_directive(const char *name, size_t n, const char *wanted)
{
    return n == strlen(wanted) && strncasecmp(name, wanted, n) == 0;
}

static void set_escape(struct reader *r, const char *value, size_t n)
{
    if (n == 1 && (*value == '\\' || *value == '`'))
        r->d->escape = *value;
    else
        hr_problem_in_line(r->d, HR_PROBLEM_SYNTAX, r->line,
                           "the parser directive escape=%.*s is neither \\ nor `",
                           (int)(n < 100 ? n : 100), value);
}

/* "# name=value", as long as nothing else has come. */
static void read_directive(struct reader *r)
{
    const char *p = r->from + 1;
    const char *end = r->from + r->n;
    while (p < end && hr_space_at(p))
        p += hr_space_at(p);
    const char *name = p;
    while (p < end && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                       (p > name && *p >= '0' && *p <= '9')))
        p++;
    size_t n = (size_t)(p - name);
    while (p < end && hr_is_blank(*p))
        p++;
    r->directives = false;
    if (p == end || *p++ != '=')
        return;
    while (p < end && hr_is_blank(*p))
        p++;
    while (end > p && hr_is_blank(end[-1]))
        end--;
    if (p == end)
        return;
    bool *seen = is_directive(name, n, "escape")   ? &r->escape_seen
                 : is_directive(name, n, "syntax") ? &r->syntax_seen
                 : is_directive(name, n, "check")  ? &r->check_seen
                                                   : NULL;
    if (!seen)
        return;
    r->directives = true;
    if (*seen)
        hr_problem_in_line(r->d, HR_PROBLEM_SYNTAX, r->line,
                           "the parser directive %.*s is there twice", (int)n, name);
    else if (seen == &r->escape_seen)
        set_escape(r, p, (size_t)(end - p));
    *seen = true;
}

static int read_remark(struct reader *r)
{
    static const char us[] = "handrail-lint";
    const char *p = r->from + 1;
    const char *end = r->from + r->n;
    while (p < end && hr_is_blank(*p))
        p++;
    if ((size_t)(end - p) < sizeof(us) - 1 || memcmp(p, us, sizeof(us) - 1) != 0)
        return 0;
    p += sizeof(us) - 1;
    if (p < end && !hr_is_blank(*p))
        return 0;
    const char *text = hr_arena_copy(&r->d->arena, p, (size_t)(end - p));
    if (!text)
        return -ENOMEM;
    r->d->remarks[r->d->nremarks++] =
        (struct hr_remark){.text = text, .line = r->line, .instruction = r->d->ninstructions};
    return 0;
}

/* ---- instructions ---------------------------------------------------------------------------- */

/* Join the lines of an instruction, of which the first has been read.  0 or -ENOMEM. */
static int join_lines(struct reader *r)
{
    size_t n = r->n;
    bool more = goes_on(r, r->from, &n);
    bool said = false;
    int err = 0;
    join(r, r->from, n);
    while (more && !err && read_line(r)) {
        if (is_comment(r)) {
            err = read_remark(r);
            continue;
        }
        if (!r->n) {
            if (!said)
                hr_problem_in_line(r->d, HR_PROBLEM_EMPTY_CONTINUATION, r->line,
                                   "an empty line inside an instruction");
            said = true;
            continue;
        }
        n = (size_t)(r->from - r->raw) + r->n;
        more = goes_on(r, r->raw, &n);
        join(r, r->raw, n);
    }
    *r->text++ = '\0';
    return err;
}

/* One body, up to its terminator.  false: there is none. */
static bool read_body(struct reader *r, struct hr_heredoc *doc)
{
    doc->body = r->text;
    doc->line = r->line + 1;
    bool found = false;
    size_t name = strlen(doc->name);
    while (!found && read_line(r)) {
        const char *from = r->raw;
        size_t n = (size_t)(r->from - r->raw) + r->n;
        for (; doc->chomp && n && *from == '\t'; n--)
            from++;
        found = n == name && memcmp(from, doc->name, n) == 0;
        if (!found)
            join(r, r->raw, (size_t)(r->next - r->raw));
    }
    *r->text++ = '\0';
    return found;
}

static void read_heredocs(struct reader *r, struct hr_instruction *i)
{
    for (size_t k = 0; k < i->nheredocs; k++)
        if (!read_body(r, &i->heredocs[k])) {
            hr_problem_in_line(r->d, HR_PROBLEM_SYNTAX, i->line,
                               "the here-document %s does not end before the file does",
                               i->heredocs[k].name);
            i->nheredocs = k + 1;
            i->broken = true;
            return;
        }
}

/* One instruction, of which the first line has been read.  0 or -ENOMEM. */
static int read_instruction(struct reader *r)
{
    struct hr_instruction *i = &r->d->instructions[r->d->ninstructions];
    char *text = r->text;
    int err = join_lines(r);
    if (!err)
        err = hr_instruction_read(r->d, i, text);
    if (!err && (i->kind == HR_RUN || i->kind == HR_COPY || i->kind == HR_ADD) && !i->json)
        err = hr_heredocs_find(r->d, i, text);
    if (err)
        return err;
    read_heredocs(r, i);
    i->last_line = r->line;
    r->d->ninstructions++;
    return 0;
}

static int read_all(struct reader *r)
{
    int err = 0;
    while (!err && read_line(r)) {
        size_t n = r->n;
        if (is_comment(r)) {
            if (r->directives)
                read_directive(r);
            err = read_remark(r);
            continue;
        }
        r->directives = false;
        if (!goes_on(r, r->from, &n) && !n)
            continue;
        if (r->d->ninstructions == HR_DOCKERFILE_INSTRUCTIONS) {
            hr_problem_in_line(r->d, HR_PROBLEM_LIMIT, r->line, "more than %d instructions",
                               HR_DOCKERFILE_INSTRUCTIONS);
            return 0;
        }
        err = read_instruction(r);
    }
    return err;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What a text must be before it is looked at.  Its lines; 0: it is not, and that has been noted. */
static size_t count_lines(struct hr_dockerfile *d, const char *data, size_t n)
{
    uint32_t lines = 1;
    const char *line = data;
    for (const char *p = data; p <= data + n; p++) {
        if (p < data + n && !*p) {
            hr_problem_in_line(d, HR_PROBLEM_SYNTAX, lines,
                               "a NUL byte: this is not text in UTF-8 (is it UTF-16?)");
            return 0;
        }
        if (p < data + n && *p != '\n')
            continue;
        if (p - line > HR_DOCKERFILE_LINE) {
            hr_problem_in_line(d, HR_PROBLEM_LIMIT, lines, "a line of more than %d bytes",
                               HR_DOCKERFILE_LINE);
            return 0;
        }
        line = p + 1;
        lines++;
    }
    return lines;
}

int hr_dockerfile_parse(struct hr_dockerfile *d, const char *data, size_t n)
{
    static const char bom[] = "\xef\xbb\xbf";
    *d = (struct hr_dockerfile){.escape = '\\'};
    hr_arena_init(&d->arena, HR_DOCKERFILE_MEMORY);
    if (n > HR_DOCKERFILE_MAX) {
        hr_problem_in_line(d, HR_PROBLEM_LIMIT, 0, "more than %d bytes", HR_DOCKERFILE_MAX);
        return 0;
    }
    if (n >= 3 && memcmp(data, bom, 3) == 0) {
        data += 3;
        n -= 3;
    }
    size_t lines = count_lines(d, data, n);
    if (!lines)
        return 0;
    size_t most = lines < HR_DOCKERFILE_INSTRUCTIONS ? lines : HR_DOCKERFILE_INSTRUCTIONS;
    char *file = hr_arena_copy(&d->arena, data, n); /* with a NUL behind it */
    char *text = hr_arena_alloc(&d->arena, n + 2 * lines + 2);
    d->instructions = hr_arena_alloc(&d->arena, most * sizeof(*d->instructions));
    d->remarks = hr_arena_alloc(&d->arena, lines * sizeof(*d->remarks));
    d->pieces = hr_arena_alloc(&d->arena, lines * sizeof(*d->pieces));
    if (!file || !text || !d->instructions || !d->remarks || !d->pieces)
        return -ENOMEM;
    struct reader r = {.d = d, .next = file, .end = file + n, .text = text, .directives = true};
    int err = read_all(&r);
    if (!err && !d->ninstructions && !d->nproblems)
        hr_problem_in_line(d, HR_PROBLEM_SYNTAX, r.line, "there is no instruction in it");
    return err;
}

void hr_dockerfile_free(struct hr_dockerfile *d)
{
    hr_arena_free(&d->arena);
    *d = (struct hr_dockerfile){0};
}
