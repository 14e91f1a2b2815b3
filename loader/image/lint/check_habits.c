/* SPDX-License-Identifier: MIT
 * Rules about what any image is better without.  See check.h. */
#include "check.h"
#include "parse.h"

#include <stdio.h>
#include <string.h>

/* ---- package lists --------------------------------------------------------------------------- */

static bool is_apt(const struct hr_command *c)
{
    return strcmp(c->name, "apt-get") == 0 || strcmp(c->name, "apt") == 0;
}

static bool clears_lists(const struct hr_script *script)
{
    for (size_t c = 0; c < script->n; c++) {
        const struct hr_command *command = &script->commands[c];
        if (is_apt(command) && (hr_command_find(command, 0, "dist-clean") < command->n ||
                                hr_command_find(command, 0, "distclean") < command->n))
            return true;
        for (size_t k = command->first; k < command->n; k++)
            if ((strcmp(command->name, "rm") == 0 || strcmp(command->name, "find") == 0) &&
                strstr(command->words[k].text, "/var/lib/apt"))
                return true;
    }
    return false;
}

/* --mount=type=cache,target=/var/lib/apt */
static bool mounts_lists(const struct hr_instruction *i)
{
    for (size_t k = 0; k < i->flags.n; k++)
        if (strcmp(i->flags.at[k].text, "mount") == 0 && i->flags.at[k].value &&
            strstr(i->flags.at[k].value, "/var/lib/apt"))
            return true;
    return false;
}

static void check_apt(struct hr_lint *l, const struct hr_site *s)
{
    for (size_t c = 0; c < s->script.n; c++) {
        const struct hr_command *command = &s->script.commands[c];
        if (!is_apt(command) || hr_command_find(command, command->first, "update") == command->n)
            continue;
        if (!clears_lists(&s->script) && !mounts_lists(s->i))
            hr_lint_say_in(l, HR_LINT_APT_LISTS, s->i, &command->words[command->first],
                           "%s update, and the lists are not removed in the same RUN",
                           command->name);
        return;
    }
}

/* ---- JSON forms ------------------------------------------------------------------------------ */

/* "['a']", "["a",]", “["a"] b": a bracket and then a quote of some kind. */
static void check_json(struct hr_lint *l, const struct hr_site *s)
{
    static const char curly[] = "\xe2\x80"; /* of typographical quotes */
    const struct hr_instruction *i = s->i;
    if (i->json || *i->rest != '[' || i->broken)
        return;
    const char *p = hr_skip_space(i->rest + 1);
    if (*p != '\'' && *p != '"' && strncmp(p, curly, 2) != 0)
        return;
    /* [ "$x" = y ] is a command of the shell. */
    if (i->kind == HR_RUN && hr_space_at(i->rest + 1) && strstr(p, " ]"))
        return;
    struct hr_script_word w = {.at = i->rest};
    hr_lint_say_in(l, HR_LINT_JSON_FORM, i, &w, "%s %.100s is no JSON array of strings",
                   hr_instruction_name(i->kind), i->rest);
}

void hr_check_habits(struct hr_lint *l, const struct hr_site *s)
{
    switch (s->i->kind) {
    case HR_RUN:
        if (s->kept)
            check_apt(l, s);
        check_json(l, s);
        break;
    case HR_CMD:
    case HR_ENTRYPOINT:
    case HR_HEALTHCHECK:
    case HR_COPY:
    case HR_ADD:
    case HR_VOLUME: check_json(l, s); break;
    default: break;
    }
}
