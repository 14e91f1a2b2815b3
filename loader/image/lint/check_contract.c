/* SPDX-License-Identifier: MIT
 * Rules about what a platform expects of an agent-server's image: entrypoint, command, user,
 * signal, health, volumes.  See check.h. */
#include "check.h"
#include "common/fd.h"
#include "loader/config/agent_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WORDS_MAX = 64 };

/* ---- ENTRYPOINT and CMD ---------------------------------------------------------------------- */

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Programs that run the command behind their options, and pass signals on. */
static bool is_init(const char *name)
{
    static const char *const names[] = {"tini",     "tini-static",     "dumb-init",  "catatonit",
                                        "handrail", "fips-entrypoint", "docker-init"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The command of a JSON form behind inits: "tini", "-g", "--", "server". */
static char **behind_inits(char **argv)
{
    while (*argv && is_init(name_of(*argv))) {
        bool handrail = strcmp(name_of(*argv), "handrail") == 0;
        argv++;
        if (handrail && *argv && strcmp(*argv, "run") == 0)
            argv++;
        while (*argv && **argv == '-') {
            if (strcmp(*argv++, "--") == 0)
                break;
        }
    }
    return argv;
}

/* Strings of a JSON form, NULL at the end.  At most WORDS_MAX: what comes then does not matter. */
static void list(const struct hr_instruction *i, char *argv[WORDS_MAX + 1])
{
    size_t n = 0;
    for (; n < i->words.n && n < WORDS_MAX; n++)
        argv[n] = (char *)(uintptr_t)i->words.at[n].text; /* only read */
    argv[n] = NULL;
}

/* Behind inits, or a script of the image's own that runs the command behind it. */
static bool starts_server(const struct hr_instruction *i)
{
    char *argv[WORDS_MAX + 1];
    list(i, argv);
    for (char **command = argv; i->json && *command; command++)
        if (hr_is_agent_server(command))
            return true;
    return false;
}

/* The command that a shell of it ends in, if that is the server; else NULL. */
static const struct hr_command *shell_starts_server(const struct hr_lint *l,
                                                    const struct hr_instruction *i)
{
    const struct hr_script *script = &l->sites[i - l->d->instructions].script;
    const struct hr_command *last = script->n ? &script->commands[script->n - 1] : NULL;
    char *argv[WORDS_MAX + 1] = {NULL};
    for (size_t k = 0; last && k < WORDS_MAX && last->first + k < last->n; k++)
        argv[k] = (char *)(uintptr_t)last->words[last->first + k].text; /* only read */
    return hr_is_agent_server(argv) ? last : NULL;
}

/* ["sh", "-c", "exec server \"$@\"", "name"]: what is appended reaches the server. */
static bool hands_on(const struct hr_lint *l, const struct hr_instruction *e)
{
    const struct hr_command *last = e->json ? shell_starts_server(l, e) : NULL;
    return last && strcmp(last->words[0].text, "exec") == 0 &&
           strcmp(last->words[last->n - 1].text, "$@") == 0 &&
           !strstr(e->words.at[e->words.n - 1].text, "$@"); /* without a name it loses the first */
}

static bool takes_flags(const struct hr_lint *l, const struct hr_instruction *e)
{
    return starts_server(e) || hands_on(l, e);
}

/* Is its program a file of the build context that names the server? */
static bool names_server(const struct hr_lint *l, const struct hr_instruction *i)
{
    char *argv[WORDS_MAX + 1];
    struct hr_buf text;
    list(i, argv);
    char **command = behind_inits(argv);
    if (!*command || !hr_context_file(l, *command, &text))
        return false;
    bool names =
        strstr(hr_buf_str(&text), "agent-server") || strstr(hr_buf_str(&text), "agent_server");
    hr_buf_free(&text);
    return names;
}

/* Nothing but inits: the command must come from CMD. */
static bool only_inits(const struct hr_instruction *i)
{
    char *argv[WORDS_MAX + 1];
    list(i, argv);
    return i->json && argv[0] && !*behind_inits(argv);
}

static void check_entrypoint(struct hr_lint *l, const struct hr_instruction *e)
{
    const struct hr_instruction *cmd = l->target->cmd;
    if (!e->json && *e->rest) {
        hr_lint_say(l, HR_LINT_ENTRYPOINT_SHELL_FORM, e, NULL,
                    "ENTRYPOINT %.100s runs in a shell, which loses flags and signals", e->rest);
        return;
    }
    if (takes_flags(l, e) || names_server(l, e))
        return;
    if (only_inits(e) && cmd && starts_server(cmd) &&
        strcmp(name_of(e->words.at[0].text), "fips-entrypoint") == 0)
        return;
    if (e->words.n)
        hr_lint_say(l, HR_LINT_ENTRYPOINT_REPLACED, e, &e->words.at[0],
                    "ENTRYPOINT is %.100s, which does not end in the agent-server's command",
                    e->words.at[0].text);
    else
        hr_lint_say(l, HR_LINT_ENTRYPOINT_REPLACED, e, NULL,
                    "ENTRYPOINT is empty: the base's, which is the agent-server, is gone");
}

static void check_cmd(struct hr_lint *l, const struct hr_instruction *cmd)
{
    const struct hr_instruction *e = l->target->entrypoint;
    bool empty = cmd->json ? !cmd->words.n : !*cmd->rest;
    bool flags = cmd->json && cmd->words.n && cmd->words.at[0].text[0] == '-';
    /* Handrail takes a whole command as its arguments, a shell's too. */
    bool command = starts_server(cmd) || (l->installed && shell_starts_server(l, cmd));
    if (empty || flags || (command && (l->installed || (e && only_inits(e)))))
        return;
    if (!cmd->json)
        hr_lint_say(l, HR_LINT_CMD_REPLACED, cmd, NULL,
                    "CMD %.100s: the server gets /bin/sh -c and this as arguments", cmd->rest);
    else
        hr_lint_say(l, HR_LINT_CMD_REPLACED, cmd, &cmd->words.at[0],
                    "CMD: the server gets %.100s as an argument", cmd->words.at[0].text);
}

void hr_check_entrypoint(struct hr_lint *l)
{
    if (!l->server)
        return;
    if (l->target->entrypoint && !l->target->entrypoint->broken)
        check_entrypoint(l, l->target->entrypoint);
    /* With another entrypoint nobody knows what CMD is for. */
    if (l->target->cmd && !l->target->cmd->broken &&
        (l->target->entrypoint ? takes_flags(l, l->target->entrypoint) : l->server_base))
        check_cmd(l, l->target->cmd);
}

/* ---- USER ------------------------------------------------------------------------------------ */

bool hr_user_is(const char *user, const char *name, int64_t number)
{
    char part[64];
    int64_t found = -1;
    size_t n = strcspn(user, ":");
    if (n >= sizeof(part))
        return false;
    memcpy(part, user, n);
    part[n] = '\0';
    /* To Docker 00, +0 and -0 are 0 as well. */
    return strcmp(part, name) == 0 ||
           (hr_parse_int(part + (*part == '+'), 0, UINT32_MAX, &found) == 0 && found == number);
}

void hr_check_user(struct hr_lint *l)
{
    const struct hr_instruction *i = l->target ? l->target->user : NULL;
    if (!l->server || !i || i->broken || !i->words.at[0].known)
        return;
    const char *user = i->words.at[0].expanded;
    if (hr_user_is(user, "root", 0))
        hr_lint_say(l, HR_LINT_USER_ROOT, i, &i->words.at[0],
                    "the last USER is %s: the agent would run as root", user);
    else if (l->server_base && !hr_user_is(user, "openhands", 10001))
        hr_lint_say(l, HR_LINT_USER_CHANGED, i, &i->words.at[0],
                    "the last USER is %.100s, the base's is openhands", user);
}

/* ---- STOPSIGNAL, HEALTHCHECK, VOLUME --------------------------------------------------------- */

static void check_signal(struct hr_lint *l, const struct hr_site *s)
{
    static const char *const good[] = {"SIGTERM", "TERM", "15", "SIGINT", "INT", "2"};
    const struct hr_word *w = &s->i->words.at[0];
    if (!w->known)
        return;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (strcasecmp(w->expanded, good[i]) == 0)
            return;
    hr_lint_say(l, HR_LINT_STOP_SIGNAL, s->i, w, "STOPSIGNAL %.100s does not stop the server",
                w->expanded);
}

/* Does a word name this port of the own machine? */
static bool asks_server(const char *word)
{
    static const char *const ports[] = {":8000", ":60000"};
    for (size_t i = 0; i < 2; i++) {
        const char *at = strstr(word, ports[i]);
        if (at && !(at[strlen(ports[i])] >= '0' && at[strlen(ports[i])] <= '9'))
            return true;
    }
    return false;
}

static void check_health(struct hr_lint *l, const struct hr_site *s)
{
    for (size_t c = 0; c < s->script.n; c++)
        for (size_t w = 0; w < s->script.commands[c].n; w++) {
            const struct hr_script_word *word = &s->script.commands[c].words[w];
            if (!asks_server(word->text))
                continue;
            hr_lint_say_in(l, HR_LINT_HEALTHCHECK_SERVER, s->i, word,
                           "HEALTHCHECK asks %.100s, and the platform chooses the port",
                           word->text);
            return;
        }
}

/* Is something copied into the folder after this instruction? */
static const struct hr_site *copied_later(const struct hr_lint *l, const struct hr_site *s,
                                          const char *folder)
{
    for (const struct hr_site *later = s + 1; later < l->sites + l->d->ninstructions; later++)
        if (later->kept && later->to && hr_path_in(later->to, folder))
            return later;
    return NULL;
}

static void check_volume(struct hr_lint *l, const struct hr_site *s)
{
    static const char *const held[] = {"/app",          "/opt/handrail", "/usr",
                                       "/agent-server", "/openhands",    "/home/openhands/.agents"};
    for (size_t k = 0; k < s->i->words.n; k++) {
        const struct hr_word *w = &s->i->words.at[k];
        const struct hr_site *later = w->known ? copied_later(l, s, w->expanded) : NULL;
        bool over = false;
        for (size_t h = 0; h < sizeof(held) / sizeof(held[0]); h++)
            over = over || (w->known &&
                            (hr_path_in(held[h], w->expanded) || hr_path_in(w->expanded, held[h])));
        if (later)
            hr_lint_say(l, HR_LINT_VOLUME_HIDES, s->i, w,
                        "VOLUME %.200s, and line %u copies into it afterwards", w->expanded,
                        later->i->line);
        else if (over)
            hr_lint_say(l, HR_LINT_VOLUME_HIDES, s->i, w,
                        "VOLUME %.200s lies over what the image needs", w->expanded);
    }
}

void hr_check_lifecycle(struct hr_lint *l, const struct hr_site *s)
{
    if (!l->server || !s->kept || s->i->broken)
        return;
    if (s->i->kind == HR_STOPSIGNAL)
        check_signal(l, s);
    else if (s->i->kind == HR_HEALTHCHECK)
        check_health(l, s);
    else if (s->i->kind == HR_VOLUME)
        check_volume(l, s);
}
