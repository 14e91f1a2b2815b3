/* SPDX-License-Identifier: MIT
 * One Dockerfile while the rules go over it. */
#ifndef HR_LINT_CHECK_H
#define HR_LINT_CHECK_H

#include "common/buf.h"
#include "dockerfile.h"
#include "ignore.h"
#include "rules.h"
#include "script.h"
#include "stages.h"

#include <stdbool.h>
#include <stdint.h>

enum { HR_LINT_PATH = 4096 }; /* bytes of a path in the image, its NUL included */

/* The base of a stage: registry/path/name:tag@digest. */
struct hr_reference {
    const char *name; /* behind the last slash */
    size_t name_n;
    const char *tag; /* NULL: none */
    size_t tag_n;
    bool digest;
};

/* An instruction, and how things stand when it runs. */
struct hr_site {
    const struct hr_instruction *i;
    const struct hr_stage *stage; /* NULL: before the first FROM */
    bool kept;                    /* what it leaves is in the image, and it is not for ONBUILD */
    struct hr_script script;      /* what it runs; none for most kinds */
    const char *user;             /* by USER, as far as known; NULL: the base's */
    const char *workdir;          /* absolute; NULL: not known */
    const char
        *to; /* of COPY and ADD: the destination, absolute; NULL: not known, or another kind */
};

struct hr_lint {
    struct hr_report *report;
    const char *file;               /* its name, as findings give it */
    const char *context;            /* the folder that COPY takes from; NULL: not at hand */
    const struct hr_ignore *ignore; /* what is not taken from there */
    struct hr_dockerfile *d;
    struct hr_stages stages;
    struct hr_site *sites;         /* one for each instruction */
    struct hr_site *ends;          /* one for each stage: how things stand at its end */
    const struct hr_stage *target; /* the last stage; NULL: there is none */
    bool server;                   /* the image is one of an agent-server */
    bool server_base;              /* its base is one already */
    bool handrail;                 /* handrail is copied into it */
    bool installed;                /* and put in the server's place, or before it */
    char version[32];              /* of the agent-server, by the base's tag; "": not known */
    struct hr_suppression *suppressions;
    size_t nsuppressions;
    bool too_many_suppressions; /* which has been said; the rest is passed over */
};

/* Report a finding of a rule, unless a comment turns the rule off there.  i: the instruction it is
 * about, or NULL; fix: NULL: the rule's own. */
void hr_lint_found(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                   uint32_t line, uint32_t column, const char *fix, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

/* The same at a word of the instruction; NULL: at its keyword. */
void hr_lint_say(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                 const struct hr_word *w, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The same at a word of what it runs. */
void hr_lint_say_in(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                    const struct hr_script_word *w, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* ---- the rules; each looks at the whole file, or at one instruction of it ---- */

void hr_check_base(struct hr_lint *l);
void hr_check_server_age(struct hr_lint *l);
void hr_check_entrypoint(struct hr_lint *l);
void hr_check_user(struct hr_lint *l);
void hr_check_environment(struct hr_lint *l);
void hr_check_agent_module(struct hr_lint *l);
void hr_check_handrail(struct hr_lint *l);
void hr_check_context(struct hr_lint *l);

void hr_check_lifecycle(struct hr_lint *l, const struct hr_site *s);
void hr_check_ports(struct hr_lint *l, const struct hr_site *s);
void hr_check_secret_names(struct hr_lint *l, const struct hr_site *s);
void hr_check_secret_values(struct hr_lint *l, const struct hr_site *s);
void hr_check_secret_files(struct hr_lint *l, const struct hr_site *s);
void hr_check_secret_commands(struct hr_lint *l, const struct hr_site *s);
void hr_check_copies(struct hr_lint *l, const struct hr_site *s);
void hr_check_habits(struct hr_lint *l, const struct hr_site *s);

/* ---- what they share ---- */

/* Has a word "scheme://user:password@", or "scheme://token@" with what looks like one? ret_literal:
 * it is written out, and no variable. */
bool hr_url_password(const char *word, bool *ret_literal);

/* Is the user of USER, up to its group, called so, or a number that is this one? */
bool hr_user_is(const char *user, const char *name, int64_t number);

/* The parts of an image's name. */
struct hr_reference hr_reference_read(const char *image);

/* Where a source of COPY or ADD comes to lie, as an absolute path without a slash at its end;
 * false: not known.  `source` may be NULL, for the destination itself. */
bool hr_copy_target(const struct hr_site *s, const char *source, char out[HR_LINT_PATH]);

/* Does `path` lie in `folder`, or is it that? */
bool hr_path_in(const char *path, const char *folder);

/* A path of the image, absolute, without a slash at its end; false: not known. */
bool hr_path_at(const struct hr_site *s, const char *path, char out[HR_LINT_PATH]);

/* The last part of a path, without a slash at its end: n bytes. */
const char *hr_path_name(const char *path, size_t *ret_n);

/* The words of COPY or ADD that are sources: those before the last one. */
size_t hr_copy_sources(const struct hr_instruction *i);

/* Is this path of the build context there, and not excluded by .dockerignore?  Only with
 * l->context. */
bool hr_context_has(const struct hr_lint *l, const char *path);

/* Is it an .npmrc of the build context in which no credential is written out? */
bool hr_context_harmless(const struct hr_lint *l, const char *path);

/* Read the file that is `path` in the image into text, which must be freed.  false, and nothing to
 * free: no COPY brings it from the build context, or that is not at hand. */
bool hr_context_file(const struct hr_lint *l, const char *path, struct hr_buf *text);

/* Find out whether handrail is in the image, and started: l->handrail and l->installed. */
void hr_lint_find_handrail(struct hr_lint *l);

/* ---- comments that turn rules off ---- */

/* Read them.  0 or -ENOMEM. */
int hr_suppressions_read(struct hr_lint *l);

/* Whether one does here; it has then been of use. */
bool hr_suppressed(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                   uint32_t line);

/* Say which of them turned nothing off. */
void hr_suppressions_unused(struct hr_lint *l);

#endif
