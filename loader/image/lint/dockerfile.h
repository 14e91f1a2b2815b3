/* SPDX-License-Identifier: MIT
 * A Dockerfile, read as BuildKit reads it: parser directives, comments and empty lines inside
 * continuations, here-documents, JSON forms, flags.  What BuildKit refuses is noted with its place,
 * and the next instruction is read nevertheless.
 *
 * Everything that is handed out lives until hr_dockerfile_free(), and most of it in one arena.
 * Strings are NUL-terminated; a file with a NUL byte in it is not read.
 */
#ifndef HR_LINT_DOCKERFILE_H
#define HR_LINT_DOCKERFILE_H

#include "arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_DOCKERFILE_MAX = 1024 * 1024,         /* bytes of a file */
    HR_DOCKERFILE_LINE = 64 * 1024 - 1,      /* bytes of one line: BuildKit's own limit */
    HR_DOCKERFILE_INSTRUCTIONS = 10 * 1000,  /* in one file */
    HR_DOCKERFILE_WORDS = 4 * 1000,          /* of one instruction */
    HR_DOCKERFILE_HEREDOCS = 64,             /* of one instruction */
    HR_DOCKERFILE_PROBLEMS = 100,            /* noted; the rest is dropped */
    HR_DOCKERFILE_MEMORY = 64 * 1024 * 1024, /* bytes, for everything about one file */
};

enum hr_instruction_kind {
    HR_INSTRUCTION_UNKNOWN,
    HR_ADD,
    HR_ARG,
    HR_CMD,
    HR_COPY,
    HR_ENTRYPOINT,
    HR_ENV,
    HR_EXPOSE,
    HR_FROM,
    HR_HEALTHCHECK,
    HR_LABEL,
    HR_MAINTAINER,
    HR_ONBUILD, /* without an instruction after it: else it is that one, with `onbuild` set */
    HR_RUN,
    HR_SHELL,
    HR_STOPSIGNAL,
    HR_USER,
    HR_VOLUME,
    HR_WORKDIR,
};

/* A word of an instruction, at its place in the file. */
struct hr_word {
    const char *text;  /* as written, quotes and all; of a JSON form: the string; of NAME=VALUE: the
                          name, which for a flag comes without "--" */
    const char *value; /* of NAME=VALUE: as written; else NULL */
    uint32_t line, column;
    /* From hr_stages_read(), for instructions whose words are substituted: the value, or the text
     * where there is none, with variables and quotes resolved.  A variable of which nothing is
     * known is left in it as ${NAME}, and `known` is false. */
    const char *expanded;
    bool known;
};

struct hr_words {
    struct hr_word *at;
    size_t n;
};

struct hr_heredoc {
    const char *name;
    const char *body; /* as written, NUL-terminated */
    uint32_t line;    /* of the body's first line */
    bool expand;      /* variables in it count: its name was not quoted */
    bool chomp;       /* <<-: leading tabs do not */
};

struct hr_instruction {
    enum hr_instruction_kind kind;
    bool onbuild;
    bool json;           /* the words are those of a JSON array */
    bool broken;         /* a problem was noted: words may be missing */
    const char *keyword; /* as written */
    const char *rest;    /* after keyword and flags, one line: of RUN and others a script */
    struct hr_words flags;
    struct hr_words words;   /* none of a shell form: that is `rest` */
    const char *health_type; /* of HEALTHCHECK: CMD or NONE, as written; else NULL */
    struct hr_heredoc *heredocs;
    size_t nheredocs;
    uint32_t line, column; /* of the keyword */
    uint32_t last_line;    /* here-documents and all */
};

/* A comment that speaks to us: "# handrail-lint ...". */
struct hr_remark {
    const char *text; /* after "handrail-lint" */
    uint32_t line;
    size_t instruction; /* index of the one that it stands in or before; may be ninstructions */
};

enum hr_problem_kind {
    HR_PROBLEM_SYNTAX,             /* no builder takes it */
    HR_PROBLEM_EMPTY_CONTINUATION, /* an empty line inside an instruction */
    HR_PROBLEM_LIMIT,              /* a limit of ours: what comes after it was not looked at */
};

struct hr_problem {
    enum hr_problem_kind kind;
    const char *text;
    uint32_t line, column;
};

struct hr_dockerfile {
    struct hr_instruction *instructions;
    size_t ninstructions;
    struct hr_problem problems[HR_DOCKERFILE_PROBLEMS];
    size_t nproblems;
    struct hr_remark *remarks;
    size_t nremarks;
    char escape;
    struct hr_arena arena;
    struct hr_piece *pieces; /* where the text of `rest` stands in the file */
    size_t npieces;
};

/* Read n bytes.  0, or -ENOMEM.  Problems of the text are in d->problems.  d must be freed. */
int hr_dockerfile_parse(struct hr_dockerfile *d, const char *data, size_t n);
void hr_dockerfile_free(struct hr_dockerfile *d);

/* The place in the file of a byte of an instruction's `rest`, or of a here-document's body. */
void hr_dockerfile_place(const struct hr_dockerfile *d, const char *p, uint32_t *ret_line,
                         uint32_t *ret_column);

/* The keyword of a kind, in capitals. */
const char *hr_instruction_name(enum hr_instruction_kind kind);

/* The value of a flag, or NULL; "" of a flag without one. */
const char *hr_instruction_flag(const struct hr_instruction *i, const char *name);

#endif
