/* SPDX-License-Identifier: MIT
 * The commands of a shell script, as far as they can be told without running it: `a && b | c; d` is
 * four, and so is what stands in $( ), ( ) and { }.  Quotes are resolved, variables stay as
 * written. What belongs to the shell itself (if, then, do, !) is taken off the front.
 *
 * This is for finding things, not for running them: what it cannot follow it passes over. */
#ifndef HR_LINT_SCRIPT_H
#define HR_LINT_SCRIPT_H

#include "dockerfile.h"

enum {
    HR_SCRIPT_COMMANDS = 4000, /* of one instruction; the rest is not looked at */
    HR_SCRIPT_DEPTH = 8,       /* of sh -c in sh -c */
};

struct hr_script_word {
    const char *text;
    const char *at; /* where it begins, for hr_dockerfile_place(); NULL: unknown */
};

struct hr_command {
    struct hr_script_word *words; /* never none; assignments in front of the name among them */
    size_t n;
    const char *name; /* the first word that is no assignment, without its folders; "" if none */
    size_t first;     /* its index */
};

struct hr_script {
    struct hr_command *commands;
    size_t n;
};

/* What an instruction runs: RUN, CMD, ENTRYPOINT or HEALTHCHECK, in either form, with a
 * here-document that is a script.  `sh -c '...'` gives the commands inside as well.  Lives as long
 * as d.  0 or -ENOMEM. */
int hr_script_read(struct hr_dockerfile *d, const struct hr_instruction *i, struct hr_script *ret);

/* The file that it runs, itself or by a shell; NULL: it has a name only, or is where programs are.
 */
const char *hr_script_file(const struct hr_command *c);

/* The index of the first word from `from` on that is `text`, or n. */
size_t hr_command_find(const struct hr_command *c, size_t from, const char *text);

#endif
