/* SPDX-License-Identifier: MIT
 * What a Dockerfile builds: its stages, what each is built from, and its variables.
 *
 * Defaults of ARG are followed, although a build may give other values.  What the base image of a
 * stage sets is not known. */
#ifndef HR_LINT_STAGES_H
#define HR_LINT_STAGES_H

#include "dockerfile.h"

enum {
    HR_STAGES_MAX = 200,               /* in one file */
    HR_STAGES_VARIABLES = 1000,        /* set in one file */
    HR_STAGES_TEXT = 8 * 1024 * 1024,  /* bytes of what substitution makes of one file */
    HR_STAGES_WORK = 20 * 1000 * 1000, /* steps of patterns in substitutions of one file: 50 ms */
};

struct hr_variable {
    const struct hr_variable *before; /* the one that was set before it */
    const char *name;
    const char *value;               /* NULL: not known, or ARG without a default */
    bool environment;                /* by ENV: it is set in the image too */
    const struct hr_instruction *by; /* NULL: by BuildKit */
    const struct hr_word *word;
};

struct hr_stage {
    const char *name;  /* NULL: it has none */
    size_t first, end; /* indices of its instructions: FROM, and behind the last */
    const struct hr_instruction *from;
    const struct hr_stage *parent; /* the stage that it is built from; NULL: an image */
    const char *base;              /* that image, as far as it is known; "" if FROM is broken */
    bool base_known;
    bool kept; /* what it holds is in the image: it is the last one, or one that that is built from
                */
    /* At its end, what it has from its parent among it. */
    const struct hr_variable *variables; /* the newest */
    const struct hr_instruction *entrypoint, *cmd, *user, *workdir, *stopsignal, *healthcheck;
    const char *shell_name; /* of SHELL; NULL: sh */
};

struct hr_stages {
    struct hr_stage *at;
    size_t n;
    const struct hr_variable *arguments; /* those before the first FROM, the newest */
};

/* Fill in s, and the `expanded` of the words of d.  What BuildKit refuses becomes a problem of d.
 * Lives as long as d.  0 or -ENOMEM. */
int hr_stages_read(struct hr_dockerfile *d, struct hr_stages *s);

/* The stage of an instruction; NULL: it stands before the first FROM. */
const struct hr_stage *hr_stage_of(const struct hr_stages *s, const struct hr_dockerfile *d,
                                   const struct hr_instruction *i);

/* The stage that COPY --from= or a mount's from= names by name or number; NULL: it is an image. */
const struct hr_stage *hr_stage_find(const struct hr_stages *s, const char *name);

/* The image that FROM names, down to the first stage that is built from one. */
const struct hr_stage *hr_stage_root(const struct hr_stage *s);

/* A variable of the image at the end of a stage: ENV has set it.  Or NULL. */
const struct hr_variable *hr_stage_variable(const struct hr_stage *s, const char *name);

#endif
