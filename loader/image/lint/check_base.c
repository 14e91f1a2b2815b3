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

/* Only a registry's name, which ends with the first slash, may have capitals. */
static bool check_case(struct hr_lint *l, const struct hr_instruction *i, const struct hr_word *w,
                       const char *image)
{
    const char *slash = strchr(image, '/');
    const char *p = slash ? slash + 1 : image;
    while (*p && *p != ':' && *p != '@' && !(*p >= 'A' && *p <= 'Z'))
        p++;
    if (!(*p >= 'A' && *p <= 'Z'))
        return true;
    hr_lint_say(l, HR_LINT_SYNTAX, i, w, "%.200s: the name of an image has no capitals", image);
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
    if (strcmp(s->base, "scratch") == 0 || !check_case(l, s->from, w, s->base) || ref.digest)
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
    bool number = name[strspn(name, "0123456789")] == '\0';
    if (!*name || strchr(name, '$') || (number && i->kind != HR_COPY))
        return;
    const struct hr_stage *stage = hr_stage_find(&l->stages, name);
    if (!i->onbuild && (stage ? stage->end > (size_t)(i - l->d->instructions) : number))
        hr_lint_say(l, HR_LINT_SYNTAX, i, w, "from=%.100s is no stage before this one", name);
    if (stage || number || !check_case(l, i, w, name))
        return;
    struct hr_reference ref = hr_reference_read(name);
    if (ref.digest || (ref.tag && !is_moving_tag(ref.tag, ref.tag_n, true)))
        return;
    /* A bare word can be a context that the build is given by name. */
    if (!ref.tag && !strchr(name, '/'))
        return;
    hr_lint_say(l, HR_LINT_BASE_UNPINNED, i, w, "from=%s is not pinned to a version", name);
}

/* Is it, in whatever letters, one of a list's words, each of which stands between two blanks? */
static bool listed(const char *list, const char *p, size_t n)
{
    char word[32];
    return snprintf(word, sizeof(word), " %.*s ", (int)n, p) < (int)sizeof(word) &&
           strcasestr(list, word);
}

/* Would BuildKit take KEY=VALUE, or KEY, of a mount? */
static bool is_mount_option(const char *p, size_t n)
{
    const char *equals = memchr(p, '=', n);
    size_t key = equals ? (size_t)(equals - p) : n;
    const char *values = listed(" type ", p, key)      ? " bind cache tmpfs secret ssh "
                         : listed(" sharing ", p, key) ? " shared private locked "
                                                       : NULL;
    if (!equals)
        return listed(" ro readonly rw readwrite required ", p, key);
    if (values && !memchr(equals, '$', n - key))
        return listed(values, equals + 1, n - key - 1);
    return values || listed(" from source src target dst destination readonly ro readwrite rw "
                            "required size id mode uid gid env ",
                            p, key);
}

/* The same for type=bind,from=NAME,target=/PATH. */
static void check_mount(struct hr_lint *l, const struct hr_instruction *i, const struct hr_word *w)
{
    static const char key[] = "from=";
    char name[REFERENCE_MAX];
    for (const char *p = w->value, *end;; p = end + 1) {
        size_t n = strcspn(p, ",");
        end = p + n;
        if (!strchr(w->value, '"') && !is_mount_option(p, n))
            hr_lint_say(l, HR_LINT_SYNTAX, i, w, "RUN --mount=%.200s: \"%.*s\" is no option of it",
                        w->value, (int)n, p);
        if (strncmp(p, key, sizeof(key) - 1) == 0 && n < sizeof(name)) {
            (void)snprintf(name, sizeof(name), "%.*s", (int)(n - sizeof(key) + 1),
                           p + sizeof(key) - 1);
            check_from_name(l, i, w, name);
        }
        if (!*end)
            return;
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
