/* SPDX-License-Identifier: MIT
 * Rules about secrets in variables and anywhere in the text.  See check.h. */
#include "check.h"
#include "loader/image/secret.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Does the value take that of a secret ARG, which is then in the image? */
static const struct hr_variable *from_argument(const struct hr_site *s, const char *value)
{
    for (const struct hr_variable *v = s->stage->variables; v; v = v->before) {
        size_t n = strlen(v->name);
        if (v->environment || v->value || !v->by)
            continue;
        const char *at = strstr(value, v->name);
        if (at && at > value && (at[-1] == '$' || at[-1] == '{') &&
            !isalnum((unsigned char)at[n]) && at[n] != '_')
            return v;
    }
    return NULL;
}

/* "scheme://user:password@host", written out, of a host that is not only this one. */
static bool has_password(const struct hr_word *w)
{
    static const char *const here[] = {"@localhost", "@127.0.0.1", "@[::1]"};
    bool literal = false;
    if (!w->known || !hr_url_password(w->expanded, &literal) || !literal)
        return false;
    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
        if (strstr(w->expanded, here[i]))
            return false;
    return true;
}

static void check_env(struct hr_lint *l, const struct hr_site *s)
{
    for (size_t k = 0; k < s->i->words.n; k++) {
        const struct hr_word *w = &s->i->words.at[k];
        if (!hr_secret_variable(w->text)) {
            if (has_password(w))
                hr_lint_say(l, HR_LINT_SECRET_IN_ENV, s->i, w, "ENV %s is a URL with a password",
                            w->text);
            continue;
        }
        const struct hr_variable *v = w->known ? NULL : from_argument(s, w->value);
        if (v)
            hr_lint_say(l, HR_LINT_SECRET_IN_ENV, s->i, w, "ENV %s takes the value of ARG %s",
                        w->text, v->name);
        else if (w->known && hr_secret_literal(w->expanded))
            hr_lint_say(l, HR_LINT_SECRET_IN_ENV, s->i, w,
                        "ENV %s: its value is in the image for all to read", w->text);
    }
}

static void check_arg(struct hr_lint *l, const struct hr_site *s)
{
    for (size_t k = 0; k < s->i->words.n; k++) {
        const struct hr_word *w = &s->i->words.at[k];
        if (hr_secret_variable(w->text) &&
            (!w->known || !*w->expanded || hr_secret_literal(w->expanded)))
            hr_lint_say(l, HR_LINT_SECRET_IN_ARG, s->i, w,
                        "ARG %s: its value stays in the image's history", w->text);
    }
}

void hr_check_secret_names(struct hr_lint *l, const struct hr_site *s)
{
    if (s->i->kind == HR_ENV && s->kept)
        check_env(l, s);
    else if (s->i->kind == HR_ARG)
        check_arg(l, s);
}

/* ---- by their form --------------------------------------------------------------------------- */

static void look_for_tokens(struct hr_lint *l, const struct hr_site *s, const char *text)
{
    const char *what = NULL;
    for (const char *p = text; *p;) {
        size_t n = p == text || !isalnum((unsigned char)p[-1]) ? hr_secret_token(p, &what) : 0;
        if (!n) {
            p++;
            continue;
        }
        struct hr_script_word w = {.text = p, .at = p};
        hr_lint_say_in(l, HR_LINT_SECRET_VALUE, s->i, &w, "%s: %.4s...", what, p);
        p += n;
    }
}

void hr_check_secret_values(struct hr_lint *l, const struct hr_site *s)
{
    look_for_tokens(l, s, s->i->rest);
    for (size_t k = 0; s->i->kind == HR_ADD && k < hr_copy_sources(s->i); k++)
        if (has_password(&s->i->words.at[k]))
            hr_lint_say(l, HR_LINT_SECRET_VALUE, s->i, &s->i->words.at[k],
                        "ADD of a URL with a password");
    for (size_t k = 0; k < s->i->nheredocs; k++)
        look_for_tokens(l, s, s->i->heredocs[k].body);
}
