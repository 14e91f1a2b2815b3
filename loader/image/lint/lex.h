/* SPDX-License-Identifier: MIT
 * Quotes, escapes and variables of a word, as BuildKit resolves them: $X, ${X}, ${X:-w}, ${X-w},
 * ${X:+w}, ${X+w}, ${X:?w}, ${X?w}, ${X#p}, ${X##p}, ${X%p}, ${X%%p}, ${X/p/r} and ${X//p/r}. */
#ifndef HR_LINT_LEX_H
#define HR_LINT_LEX_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    HR_LEX_DEPTH = 32,        /* of ${X:-${Y:-...}} */
    HR_LEX_VALUE = 64 * 1024, /* bytes of a result */
};

enum hr_variable_state {
    HR_VARIABLE_UNSET,   /* nobody sets it */
    HR_VARIABLE_SET,     /* its value is known */
    HR_VARIABLE_OPEN,    /* a build may set it, and else it is unset: ARG NAME */
    HR_VARIABLE_UNKNOWN, /* set or not outside of the file: by the base image, for example */
};

struct hr_lex {
    char escape;
    bool keep_quotes, keep_escapes;
    bool leave_open; /* leave ${NAME} of what is not set */
    /* The state of a variable, and its value if it is set. */
    enum hr_variable_state (*get)(const void *context, const char *name, size_t n,
                                  const char **ret_value);
    const void *context;
    size_t work; /* steps that may be taken for patterns; becomes less */
    /* Results. */
    struct hr_buf *out;   /* the word */
    struct hr_buf *words; /* unless NULL: what it falls apart into, each ended by a NUL */
    bool unknown;         /* an unknown variable is left in it as ${NAME} */
    const char *error;    /* what is wrong with it */
};

/* Resolve text.  0, -EINVAL: it is wrong, and l->error says how; -E2BIG: the result is over the
 * maximum of a buffer, or too much work; -ENOMEM. */
int hr_lex(struct hr_lex *l, const char *text);

#endif
