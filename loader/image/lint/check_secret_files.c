/* SPDX-License-Identifier: MIT
 * Rules about secrets in files: what is copied, and what commands leave behind.  See check.h. */
#include "check.h"
#include "secret_file.h"

#include <stdio.h>
#include <string.h>

/* ---- COPY and ADD ---------------------------------------------------------------------------- */

static void check_home(struct hr_lint *l, const struct hr_site *s, const struct hr_word *w)
{
    char path[HR_LINT_PATH];
    (void)snprintf(path, sizeof(path), "%s", w->expanded);
    size_t n = strlen(path);
    while (n && (path[n - 1] == '/' || path[n - 1] == '.'))
        path[--n] = '\0';
    bool home = strncmp(path, "/home", 5) == 0 && (!path[5] || !strchr(path + 6, '/'));
    if (w->known && (!*path || strcmp(path, "/root") == 0 || home))
        hr_lint_say(l, HR_LINT_STAGE_LEAK, s->i, w, "COPY --from=%s takes all of %s",
                    hr_instruction_flag(s->i, "from"), w->expanded);
}

/* The stage, not an image, that COPY takes from; NULL: none. */
static const struct hr_stage *taken_from(const struct hr_lint *l, const struct hr_site *s)
{
    const char *from = hr_instruction_flag(s->i, "from");
    return from ? hr_stage_find(&l->stages, from) : NULL;
}

/* Where nothing has run there is nothing but what was published or copied by name. */
static bool runs(const struct hr_lint *l, const struct hr_stage *stage)
{
    for (; stage; stage = stage->parent)
        for (size_t k = stage->first; k < stage->end; k++)
            if (l->d->instructions[k].kind == HR_RUN)
                return true;
    return false;
}

void hr_check_secret_files(struct hr_lint *l, const struct hr_site *s)
{
    if (!s->kept || (s->i->kind != HR_COPY && s->i->kind != HR_ADD))
        return;
    const struct hr_stage *stage = taken_from(l, s);
    for (size_t k = 0; k < hr_copy_sources(s->i); k++) {
        const struct hr_word *w = &s->i->words.at[k];
        if (hr_secret_file(w->expanded) &&
            (hr_instruction_flag(s->i, "from") || !hr_context_harmless(l, w->expanded)))
            hr_lint_say(l, HR_LINT_SECRET_FILE, s->i, w, "%s of %.200s, which holds secrets",
                        hr_instruction_name(s->i->kind), w->expanded);
        else if (stage && runs(l, stage))
            check_home(l, s, w);
    }
}

/* ---- RUN ------------------------------------------------------------------------------------- */

bool hr_url_password(const char *word, bool *ret_literal)
{
    const char *at = strstr(word, "://");
    if (!at)
        return false;
    at += 3;
    size_t n = strcspn(at, "/?# \t\"'");
    const char *host = memchr(at, '@', n);
    const char *colon = host ? memchr(at, ':', (size_t)(host - at)) : NULL;
    if (!host || (!colon && *at != '$' && host - at < 20) || (colon && colon + 1 == host))
        return false;
    *ret_literal = !memchr(at, '$', (size_t)(host - at));
    return true;
}

/* Does a later command of the same RUN give the remote another URL, or take .git away? */
static bool is_mended(const struct hr_script *script, size_t from)
{
    for (size_t c = from + 1; c < script->n; c++) {
        const struct hr_command *next = &script->commands[c];
        bool removes = strcmp(next->name, "rm") == 0;
        for (size_t k = next->first; removes && k < next->n; k++)
            if (strstr(next->words[k].text, ".git"))
                return true;
        if (strcmp(next->name, "git") == 0 && (hr_command_find(next, 0, "set-url") < next->n ||
                                               (hr_command_find(next, 0, "remote") < next->n &&
                                                hr_command_find(next, 0, "remove") < next->n)))
            return true;
    }
    return false;
}

static void check_urls(struct hr_lint *l, const struct hr_site *s, size_t index)
{
    const struct hr_command *c = &s->script.commands[index];
    bool git = strcmp(c->name, "git") == 0;
    bool keeps =
        git && (hr_command_find(c, 0, "clone") < c->n || hr_command_find(c, 0, "remote") < c->n ||
                hr_command_find(c, 0, "submodule") < c->n);
    for (size_t k = 0; k < c->n; k++) {
        bool literal = false;
        if (!hr_url_password(c->words[k].text, &literal))
            continue;
        if (keeps && !is_mended(&s->script, index))
            hr_lint_say_in(l, HR_LINT_GIT_REMOTE_PASSWORD, s->i, &c->words[k],
                           "git %s with a URL that has a password", c->words[c->first + 1].text);
        else if (literal)
            hr_lint_say_in(l, HR_LINT_SECRET_IN_RUN, s->i, &c->words[k],
                           "%.50s with a URL that has a password", c->name);
    }
}

/* Words that are followed by a secret, or have it behind "=". */
static void check_options(struct hr_lint *l, const struct hr_site *s, const struct hr_command *c)
{
    static const struct {
        const char *command, *option, *what;
    } table[] = {
        {"curl", "-u", "-u USER:PASSWORD"},
        {"curl", "--user", "--user USER:PASSWORD"},
        {"wget", "--password", "--password"},
        {"wget", "--http-password", "--http-password"},
        {"docker", "--password", "login --password"},
        {"docker", "-p", "login -p"},
        {"huggingface-cli", "--token", "login --token"},
        {"hf", "--token", "login --token"},
        {"aws", "aws_secret_access_key", "configure set aws_secret_access_key"},
        {"gcloud", "--key-file", "--key-file"},
    };
    for (size_t t = 0; t < sizeof(table) / sizeof(table[0]); t++) {
        if (strcmp(c->name, table[t].command) != 0)
            continue;
        size_t n = strlen(table[t].option);
        for (size_t k = c->first + 1; k < c->n; k++) {
            const char *word = c->words[k].text;
            const char *value =
                strcmp(word, table[t].option) == 0 && k + 1 < c->n         ? c->words[k + 1].text
                : strncmp(word, table[t].option, n) == 0 && word[n] == '=' ? word + n + 1
                                                                           : NULL;
            bool login = strcmp(c->name, "docker") != 0 || hr_command_find(c, 0, "login") < c->n;
            bool pair = strcmp(c->name, "curl") != 0 || (value && strchr(value, ':'));
            if (value && login && pair && *value && *value != '$' && *value != '/')
                hr_lint_say_in(l, HR_LINT_SECRET_IN_RUN, s->i, &c->words[k], "%s %s", c->name,
                               table[t].what);
        }
    }
}

/* Authorization: Bearer abc */
static void check_headers(struct hr_lint *l, const struct hr_site *s, const struct hr_command *c)
{
    for (size_t k = 0; k < c->n; k++) {
        const char *word = c->words[k].text;
        const char *at = strcasestr(word, "authorization:");
        if (!at || (at != word && at[-1] != ' ' && at[-1] != '='))
            continue;
        at += strlen("authorization:");
        if (*at && !strchr(at, '$'))
            hr_lint_say_in(l, HR_LINT_SECRET_IN_RUN, s->i, &c->words[k],
                           "%.50s with an Authorization header", c->name);
    }
}

/* npm config set //host/:_authToken X, and the like: they write a file of the home. */
static void check_stores(struct hr_lint *l, const struct hr_site *s, const struct hr_command *c)
{
    bool npm =
        strcmp(c->name, "npm") == 0 || strcmp(c->name, "yarn") == 0 || strcmp(c->name, "pnpm") == 0;
    for (size_t k = c->first; npm && k < c->n; k++)
        if (strcasestr(c->words[k].text, "_authToken") || strcasestr(c->words[k].text, "_auth"))
            hr_lint_say_in(l, HR_LINT_SECRET_IN_RUN, s->i, &c->words[k],
                           "%s writes a token to .npmrc", c->name);
    if (strcmp(c->name, "git") == 0 && hr_command_find(c, 0, "credential.helper") < c->n &&
        hr_command_find(c, 0, "store") < c->n)
        hr_lint_say_in(l, HR_LINT_SECRET_IN_RUN, s->i, &c->words[c->first],
                       "git credential.helper store writes passwords to .git-credentials");
}

/* Is a file removed again by a command of the same RUN? */
static bool is_removed(const struct hr_script *script, size_t from, const char *path)
{
    size_t n;
    const char *name = hr_path_name(path, &n);
    for (size_t c = from; c < script->n; c++) {
        const struct hr_command *rm = &script->commands[c];
        if (strcmp(rm->name, "rm") != 0 && strcmp(rm->name, "shred") != 0)
            continue;
        for (size_t k = rm->first + 1; k < rm->n; k++) {
            size_t m;
            const char *word = hr_path_name(rm->words[k].text, &m);
            if ((m == n && strncmp(word, name, n) == 0) ||
                (m && strncmp(path, rm->words[k].text, strlen(rm->words[k].text)) == 0))
                return true;
        }
    }
    return false;
}

static bool names_secret(const char *text)
{
    static const char *const words[] = {"auth", "passw", "token", "secret", "_key"};
    for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
        if (strcasestr(text, words[k]))
            return true;
    return false;
}

/* Is anything in the whole RUN called a secret? */
static bool has_secret(const struct hr_site *s)
{
    bool any = names_secret(s->i->rest);
    for (size_t k = 0; !any && k < s->i->nheredocs; k++)
        any = names_secret(s->i->heredocs[k].body);
    return any;
}

/* > ~/.netrc */
static void check_redirections(struct hr_lint *l, const struct hr_site *s, size_t index)
{
    const struct hr_command *c = &s->script.commands[index];
    for (size_t k = 0; k < c->n; k++) {
        const char *word = c->words[k].text;
        bool tee = strcmp(c->name, "tee") == 0 && k > c->first && *word != '-';
        size_t arrows = strspn(word, ">");
        const char *path = tee ? word : arrows ? word + arrows : NULL;
        if (path && !*path && k + 1 < c->n)
            path = c->words[k + 1].text;
        if (path && hr_secret_file(path) && !is_removed(&s->script, index, path) &&
            (!hr_settings_file(path) || has_secret(s)))
            hr_lint_say_in(l, HR_LINT_SECRET_IN_RUN, s->i, &c->words[k], "RUN writes %.200s", path);
    }
}

void hr_check_secret_commands(struct hr_lint *l, const struct hr_site *s)
{
    if (!s->kept || s->i->kind != HR_RUN)
        return;
    for (size_t k = 0; k < s->script.n; k++) {
        const struct hr_command *c = &s->script.commands[k];
        check_urls(l, s, k);
        check_options(l, s, c);
        check_headers(l, s, c);
        check_stores(l, s, c);
        check_redirections(l, s, k);
    }
}
