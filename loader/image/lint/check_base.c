/* SPDX-License-Identifier: MIT
 * Rules about the image that FROM names, and those that COPY --from and RUN --mount take from.  See
 * check.h. */
#include "check.h"
#include "loader/config/server_version.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { REFERENCE_MAX = 512 }; /* bytes of an image's name; a longer one is no such */

/* Tags that somebody moves. */
static bool is_moving_tag(const char *tag, size_t n, bool only_latest)
{
    static const char *const names[] = {"latest", "main",    "master",  "dev",     "develop",
                                        "edge",   "nightly", "stable",  "trunk",   "head",
                                        "next",   "canary",  "rolling", "unstable"};
    size_t first = 0; /* "main-python" moves as main does */
    while (first < n && tag[first] != '-')
        first++;
    for (size_t i = 0; i < (only_latest ? 1 : sizeof(names) / sizeof(names[0])); i++)
        if (strlen(names[i]) == first && strncasecmp(names[i], tag, first) == 0)
            return true;
    return false;
}

static void check_from(struct hr_lint *l, const struct hr_stage *s)
{
    struct hr_reference ref = hr_reference_read(s->base);
    const struct hr_word *w = &s->from->words.at[0];
    if (s->parent || !s->base_known || s->from->broken)
        return;
    if (!ref.name_n || (ref.tag && !ref.tag_n)) {
        hr_lint_say(l, HR_LINT_BASE_UNDECLARED, s->from, w,
                    "FROM %s becomes \"%s\": no ARG before the first FROM sets it", w->text,
                    s->base);
        return;
    }
    if (strcmp(s->base, "scratch") == 0 || ref.digest)
        return;
    if (!ref.tag)
        hr_lint_say(l, HR_LINT_BASE_UNPINNED, s->from, w, "%s has no tag, which means latest",
                    s->base);
    else if (is_moving_tag(ref.tag, ref.tag_n, false))
        hr_lint_say(l, HR_LINT_BASE_UNPINNED, s->from, w, "%s: the tag %.*s moves", s->base,
                    (int)ref.tag_n, ref.tag);
}

/* What COPY --from=NAME or RUN --mount=from=NAME takes from. */
static void check_from_name(struct hr_lint *l, const struct hr_instruction *i,
                            const struct hr_word *w, const char *name)
{
    if (strchr(name, '$') || hr_stage_find(&l->stages, name) ||
        name[strspn(name, "0123456789")] == '\0')
        return;
    struct hr_reference ref = hr_reference_read(name);
    if (ref.digest || (ref.tag && !is_moving_tag(ref.tag, ref.tag_n, true)))
        return;
    /* A bare word can be a context that the build is given by name. */
    if (!ref.tag && !strchr(name, '/'))
        return;
    hr_lint_say(l, HR_LINT_BASE_UNPINNED, i, w, "from=%s is not pinned to a version", name);
}

/* The same for type=bind,from=NAME,target=/PATH. */
static void check_mount(struct hr_lint *l, const struct hr_instruction *i, const struct hr_word *w)
{
    static const char key[] = "from=";
    char name[REFERENCE_MAX];
    for (const char *p = w->value; *p; p += *p == ',') {
        size_t n = strcspn(p, ",");
        if (strncmp(p, key, sizeof(key) - 1) == 0 && n < sizeof(name)) {
            (void)snprintf(name, sizeof(name), "%.*s", (int)(n - sizeof(key) + 1),
                           p + sizeof(key) - 1);
            check_from_name(l, i, w, name);
        }
        p += n;
    }
}

static void check_from_flags(struct hr_lint *l, const struct hr_instruction *i)
{
    for (size_t k = 0; k < i->flags.n; k++) {
        const struct hr_word *w = &i->flags.at[k];
        if (!w->value)
            continue;
        if (i->kind == HR_COPY && strcmp(w->text, "from") == 0)
            check_from_name(l, i, w, w->value);
        else if (i->kind == HR_RUN && strcmp(w->text, "mount") == 0)
            check_mount(l, i, w);
    }
}

void hr_check_base(struct hr_lint *l)
{
    for (size_t k = 0; k < l->stages.n; k++)
        check_from(l, &l->stages.at[k]);
    for (size_t k = 0; k < l->d->ninstructions; k++)
        check_from_flags(l, &l->d->instructions[k]);
}

/* ---- what needs a newer server --------------------------------------------------------------- */

static const struct hr_variable *image_variable(const struct hr_lint *l, const char *name)
{
    const struct hr_variable *v = hr_stage_variable(l->target, name);
    return v && (!v->value || *v->value) ? v : NULL;
}

static void too_old(struct hr_lint *l, const struct hr_instruction *i, const struct hr_word *w,
                    const char *what, const char *since)
{
    if (hr_version_compare(l->version, since) < 0)
        hr_lint_say(l, HR_LINT_BASE_TOO_OLD, i, w, "%s needs agent-server %s, and the base has %s",
                    what, since, l->version);
}

/* The first file of native tools that is copied. */
static const struct hr_site *native_tools(const struct hr_lint *l, const struct hr_word **ret)
{
    for (size_t k = 0; k < l->d->ninstructions; k++) {
        const struct hr_site *s = &l->sites[k];
        if (!s->kept || (s->i->kind != HR_COPY && s->i->kind != HR_ADD))
            continue;
        for (size_t w = 0; w < hr_copy_sources(s->i); w++) {
            size_t n;
            const char *name = hr_path_name(s->i->words.at[w].expanded, &n);
            if (n == strlen("tool_registry.json") && strncmp(name, "tool_registry.json", n) == 0) {
                *ret = &s->i->words.at[w];
                return s;
            }
        }
    }
    return NULL;
}

void hr_check_server_age(struct hr_lint *l)
{
    /* A variable, what it is for, and the first server that has that. */
    static const struct {
        const char *variable, *what, *since;
    } features[] = {
        {"CUSTOM_AGENT_MODULE", "CUSTOM_AGENT_MODULE", HR_SERVER_IMPORTS_SINCE},
        {"OH_EXTRA_PYTHON_PATH", "OH_EXTRA_PYTHON_PATH", HR_SERVER_PATH_SINCE},
        {"OH_DEFERRED_INIT", "OH_DEFERRED_INIT", "1.29.0"},
    };
    const struct hr_word *w = NULL;
    if (!l->target || !*l->version)
        return;
    for (size_t k = 0; k < sizeof(features) / sizeof(features[0]); k++) {
        const struct hr_variable *v = image_variable(l, features[k].variable);
        if (v)
            too_old(l, v->by, v->word, features[k].what, features[k].since);
    }
    const struct hr_site *tools = native_tools(l, &w);
    if (tools)
        too_old(l, tools->i, w, "tool_registry.json: native tools in every conversation",
                HR_SERVER_TOOLS_SINCE);
}
