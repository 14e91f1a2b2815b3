/* SPDX-License-Identifier: MIT
 * Rules about handrail in the image: is it started, and was that done right?  See check.h. */
#include "check.h"
#include "loader/config/agent_command.h"

#include <stdio.h>
#include <string.h>

static const char own_folder[] = "/opt/handrail";

/* Does a word of it leave the image as it is? */
static bool only_says(const struct hr_command *c)
{
    static const char *const words[] = {"--dry-run", "--help", "-h"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (hr_command_find(c, c->first, words[i]) < c->n)
            return true;
    return false;
}

/* Is it NAME=VALUE, for a name of n bytes?  The value, or NULL. */
static const char *assigned(const char *word, const char *name, size_t n)
{
    return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

/* What $NAME or ${NAME} stands for, by ENV, ARG or the same RUN; anything else for itself. */
static const char *resolve(const struct hr_site *s, const char *word)
{
    if (*word != '$')
        return word;
    const char *name = word + 1 + (word[1] == '{');
    size_t n = strcspn(name, "}");
    for (size_t c = 0; c < s->script.n; c++)
        for (size_t k = 0; k < s->script.commands[c].n; k++) {
            const char *value = assigned(s->script.commands[c].words[k].text, name, n);
            if (value)
                return value;
        }
    for (const struct hr_variable *v = s->stage ? s->stage->variables : NULL; v; v = v->before)
        if (v->value && strncmp(v->name, name, n) == 0 && !v->name[n])
            return v->value;
    return word;
}

/* Is it "handrail install", be it behind a program that runs it: timeout 60 handrail install? */
static bool installs(const struct hr_site *s, const struct hr_command *c)
{
    static const char handrail[] = "handrail";
    for (size_t k = c->first; k < c->n; k++) {
        size_t n;
        const char *name = hr_path_name(resolve(s, c->words[k].text), &n);
        if (n == sizeof(handrail) - 1 && strncmp(name, handrail, n) == 0)
            return hr_command_find(c, k + 1, "install") < c->n && !only_says(c);
    }
    return false;
}

/* A command that is "handrail install". */
static const struct hr_command *install_in(const struct hr_site *s)
{
    for (size_t c = 0; s->i->kind == HR_RUN && c < s->script.n; c++) {
        if (installs(s, &s->script.commands[c]))
            return &s->script.commands[c];
    }
    return NULL;
}

/* "ln -s /opt/handrail/bin/handrail /usr/local/bin/...": the same by hand. */
static bool links(const struct hr_site *s)
{
    for (size_t c = 0; s->i->kind == HR_RUN && c < s->script.n; c++) {
        const struct hr_command *command = &s->script.commands[c];
        if ((strcmp(command->name, "ln") == 0 || strcmp(command->name, "cp") == 0) &&
            hr_command_find(command, 0, "/opt/handrail/bin/handrail") < command->n)
            return true;
    }
    return false;
}

/* Does a script do it?  Of one that cannot be looked at nobody knows. */
static bool script_may(const struct hr_lint *l, const struct hr_site *s)
{
    char path[HR_LINT_PATH];
    struct hr_buf text;
    bool may = false;
    for (size_t c = 0; s->i->kind == HR_RUN && !may && c < s->script.n; c++) {
        const char *file = hr_script_file(&s->script.commands[c]);
        if (!file)
            continue;
        if (!hr_path_at(s, file, path) || !hr_context_file(l, path, &text))
            return true;
        may = strstr(hr_buf_str(&text), "handrail") != NULL;
        hr_buf_free(&text);
    }
    return may;
}

static bool starts(const struct hr_instruction *i)
{
    if (!i)
        return false;
    for (size_t k = 0; k < i->words.n; k++)
        if (strcmp(i->words.at[k].text, "/opt/handrail/bin/handrail") == 0 ||
            strcmp(i->words.at[k].text, "handrail") == 0)
            return true;
    return strstr(i->rest, "/opt/handrail/bin/handrail") != NULL;
}

/* Does this instruction bring /opt/handrail? */
static bool brings(const struct hr_site *s)
{
    if (!s->kept || (s->i->kind != HR_COPY && s->i->kind != HR_ADD))
        return false;
    for (size_t k = 0; k < hr_copy_sources(s->i); k++)
        if (hr_path_in(s->i->words.at[k].expanded, own_folder))
            return true;
    return s->to && strcmp(s->to, own_folder) == 0;
}

void hr_lint_find_handrail(struct hr_lint *l)
{
    for (size_t k = 0; k < l->d->ninstructions; k++) {
        const struct hr_site *s = &l->sites[k];
        l->handrail = l->handrail || brings(s);
        bool later = s->i->onbuild && s->stage == l->target; /* it is for others to build from */
        l->installed = l->installed || ((s->kept || later) && (install_in(s) || links(s) ||
                                                               (l->handrail && script_may(l, s))));
    }
    l->installed =
        l->installed || (l->target && (starts(l->target->entrypoint) || starts(l->target->cmd)));
}

/* ---- the rules ------------------------------------------------------------------------------- */

static void check_user(struct hr_lint *l, const struct hr_site *s, const struct hr_command *c)
{
    /* Of the base only an agent-server's user is known. */
    bool other = s->user ? !hr_user_is(s->user, "root", 0) : l->server_base;
    bool sudo = hr_command_find(c, 0, "sudo") < c->first;
    if (other && !sudo)
        hr_lint_say_in(l, HR_LINT_HANDRAIL_INSTALL_USER, s->i, &c->words[c->first],
                       "handrail install runs as %.100s", s->user ? s->user : "the base's user");
}

/* A program of the server's name, where programs are? */
static bool is_server(const char *path)
{
    static const char bin[] = "/bin/";
    size_t n;
    const char *name = hr_path_name(path, &n);
    size_t folder = (size_t)(name - path);
    if (folder < sizeof(bin) - 1 || strncmp(name - sizeof(bin) + 1, bin, sizeof(bin) - 1) != 0)
        return false;
    for (size_t i = 0; hr_agent_server_names[i]; i++)
        if (strcmp(name, hr_agent_server_names[i]) == 0)
            return true;
    return false;
}

/* "openhands-agent-server==1.58.0", with extras, or as a file of a version.  "-" is as "_". */
static bool is_package(const char *word)
{
    static const char package[] = "openhands_agent_server";
    const char *slash = strrchr(word, '/');
    const char *p = slash ? slash + 1 : word;
    for (size_t i = 0; package[i]; i++, p++)
        if (*p != package[i] && !(*p == '-' && package[i] == '_'))
            return false;
    return *p == '-' ? p[1] >= '0' && p[1] <= '9' : strchr("=<>~![@; ", *p) != NULL; /* or NUL */
}

/* pip install, uv pip install, uv tool install, pipx install */
static void check_packages(struct hr_lint *l, const struct hr_site *s)
{
    for (size_t c = 0; s->i->kind == HR_RUN && c < s->script.n; c++) {
        const struct hr_command *command = &s->script.commands[c];
        for (size_t k = hr_command_find(command, command->first, "install"); k < command->n; k++)
            if (is_package(command->words[k].text))
                hr_lint_say_in(l, HR_LINT_HANDRAIL_INSTALL_EARLY, s->i, &command->words[k],
                               "%.100s is installed behind handrail install",
                               command->words[k].text);
    }
}

/* Files that install would have checked, and servers that it would have taken the place of. */
static void check_late(struct hr_lint *l, const struct hr_site *s)
{
    static const char *const folders[] = {"/app/config", "/app/tools"};
    char to[HR_LINT_PATH];
    if (!s->kept)
        return;
    check_packages(l, s);
    if (!s->to)
        return;
    bool late = hr_path_in(s->to, folders[0]) || hr_path_in(s->to, folders[1]);
    for (size_t k = 0; k < hr_copy_sources(s->i) && !late; k++)
        late = hr_copy_target(s, s->i->words.at[k].expanded, to) && is_server(to);
    if (late)
        hr_lint_say(l, HR_LINT_HANDRAIL_INSTALL_EARLY, s->i, NULL,
                    "%s to %.200s behind handrail install", hr_instruction_name(s->i->kind), s->to);
}

void hr_check_handrail(struct hr_lint *l)
{
    size_t last = l->d->ninstructions;
    const struct hr_site *brought = NULL;
    for (size_t k = 0; k < l->d->ninstructions; k++) {
        const struct hr_site *s = &l->sites[k];
        const struct hr_command *c = s->kept ? install_in(s) : NULL;
        if (c) {
            check_user(l, s, c);
            last = k;
        }
        if (!brought && brings(s))
            brought = s;
    }
    for (size_t k = last + 1; k < l->d->ninstructions; k++)
        check_late(l, &l->sites[k]);
    /* An image that only carries it for others to copy from starts from nothing. */
    if (brought && !l->installed && strcmp(hr_stage_root(l->target)->base, "scratch") != 0)
        hr_lint_say(l, HR_LINT_HANDRAIL_NOT_INSTALLED, brought->i, NULL,
                    "/opt/handrail is copied, and nothing installs or starts it");
}
