/* SPDX-License-Identifier: MIT
 * Between the files that read a Dockerfile: lines, then instructions, then their words. */
#ifndef HR_LINT_PARSE_H
#define HR_LINT_PARSE_H

#include "dockerfile.h"

#include <stdio.h>

/* A stretch of text that stands together in the file. */
struct hr_piece {
    const char *at; /* its first byte, as handed out; pieces are in this order */
    uint32_t line, column;
};

/* What stands in a line, as Go's unicode.IsSpace() has it.  Bytes of the space at p, or 0. */
size_t hr_space_at(const char *p);

/* The same for BuildKit's other idea of a blank: tab, vertical tab, form feed, return, space. */
static inline bool hr_is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\n');
}

/* And a third one: it looks at single bytes, so the second one of some letters is a space. */
static inline bool hr_is_byte_space(char c)
{
    return hr_is_blank(c) || (unsigned char)c == 0x85 || (unsigned char)c == 0xa0;
}

const char *hr_skip_space(const char *p);
const char *hr_skip_blanks(const char *p);
const char *hr_skip_to_blank(const char *p); /* a blank or the end */

/* Note a problem at a byte of an instruction's text, or at a line. */
void hr_problem_at(struct hr_dockerfile *d, enum hr_problem_kind kind, const char *at,
                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void hr_problem_in_line(struct hr_dockerfile *d, enum hr_problem_kind kind, uint32_t line,
                        const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Fill in everything of an instruction but its here-documents and its last line, from its joined
 * text, which is lasting and ends with a NUL; blanks at its end are cut off.  0 or -ENOMEM. */
int hr_instruction_read(struct hr_dockerfile *d, struct hr_instruction *i, char *text);

/* The words of a text, by each of the rules that BuildKit has.  0, -ENOMEM, or -EINVAL: a problem
 * has been noted. */
int hr_words_blank(struct hr_dockerfile *d, const char *text, struct hr_words *ret);
int hr_words_whole(struct hr_dockerfile *d, const char *text, struct hr_words *ret);
int hr_words_names(struct hr_dockerfile *d, const char *text, struct hr_words *ret);
int hr_words_pairs(struct hr_dockerfile *d, const char *keyword, const char *text,
                   struct hr_words *ret);
/* ret_json: whether it was a JSON array; if not, ret_words is untouched. */
int hr_words_json(struct hr_dockerfile *d, const char *text, struct hr_words *ret_words,
                  bool *ret_json);
/* ret_rest: what comes after the flags. */
int hr_words_flags(struct hr_dockerfile *d, const char *text, struct hr_words *ret_words,
                   const char **ret_rest);

/* Which here-documents the joined text of an instruction opens: names and kinds.  0 or -ENOMEM. */
int hr_heredocs_find(struct hr_dockerfile *d, struct hr_instruction *i, const char *text);

#endif
