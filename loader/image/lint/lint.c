/* SPDX-License-Identifier: MIT
 * One Dockerfile: what is known before the rules run, then the rules.  See lint.h. */
#include "lint.h"

#include "check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- findings -------------------------------------------------------------------------------- */

void hr_lint_found(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                   uint32_t line, uint32_t column, const char *fix, const char *fmt, ...)
{
    char message[HR_FINDING_TEXT];
    va_list ap;
    if (hr_suppressed(l, rule, i, line))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    hr_report_add(l->report, &hr_lint_rules[rule],
                  &(struct hr_place){.file = l->file, .line = line, .column = column}, fix, "%s",
                  message);
}

void hr_lint_say(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                 const struct hr_word *w, const char *fmt, ...)
{
    char message[HR_FINDING_TEXT];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    hr_lint_found(l, rule, i,
                  w   ? w->line
                  : i ? i->line
                      : 0,
                  w   ? w->column
                  : i ? i->column
                      : 0,
                  NULL, "%s", message);
}

void hr_lint_say_in(struct hr_lint *l, enum hr_lint_rule rule, const struct hr_instruction *i,
                    const struct hr_script_word *w, const char *fmt, ...)
{
    char message[HR_FINDING_TEXT];
    struct hr_word place = {.line = i->line, .column = i->column};
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    if (w->at)
        hr_dockerfile_place(l->d, w->at, &place.line, &place.column);
    hr_lint_say(l, rule, i, &place, "%s", message);
}

static void report_problems(struct hr_lint *l)
{
    static const enum hr_lint_rule rules[] = {
        [HR_PROBLEM_SYNTAX] = HR_LINT_SYNTAX,
        [HR_PROBLEM_EMPTY_CONTINUATION] = HR_LINT_EMPTY_CONTINUATION,
        [HR_PROBLEM_LIMIT] = HR_LINT_TOO_LARGE,
    };
    for (size_t k = 0; k < l->d->nproblems; k++) {
        const struct hr_problem *p = &l->d->problems[k];
        hr_lint_found(l, rules[p->kind], NULL, p->line, p->column, NULL, "%s", p->text);
    }
}

/* ---- what is known before the rules run ------------------------------------------------------ */

/* How things stand behind this instruction. */
static int step(struct hr_lint *l, const struct hr_site *s, struct hr_site *after)
{
    static const struct hr_site nothing;
    char path[HR_LINT_PATH];
    const struct hr_instruction *i = s->i;
    *after = (struct hr_site){.user = s->user, .workdir = s->workdir};
    if (i->onbuild || i->broken || !s->stage)
        return 0;
    if (i->kind == HR_FROM) {
        const struct hr_stage *parent = s->stage->parent;
        bool root = !parent && (l->server || strcmp(s->stage->base, "scratch") == 0);
        *after = parent ? l->ends[parent - l->stages.at] : nothing;
        if (root)
            after->workdir = ""; /* the agent-server's bases have no other */
    } else if (i->kind == HR_USER) {
        after->user = i->words.at[0].expanded;
    } else if (i->kind == HR_WORKDIR) {
        after->workdir = NULL;
        if (hr_copy_target(s, NULL, path) &&
            !(after->workdir = hr_arena_copy(&l->d->arena, path, strlen(path))))
            return -ENOMEM;
    }
    return 0;
}

static int read_target(struct hr_lint *l, struct hr_site *s)
{
    char path[HR_LINT_PATH];
    if (!hr_copy_target(s, NULL, path))
        return 0;
    s->to = hr_arena_copy(&l->d->arena, path, strlen(path));
    return s->to ? 0 : -ENOMEM;
}

static int read_sites(struct hr_lint *l)
{
    struct hr_site now = {0};
    struct hr_dockerfile *d = l->d;
    l->sites = hr_arena_alloc(&d->arena, (d->ninstructions + 1) * sizeof(*l->sites));
    l->ends = hr_arena_alloc(&d->arena, (l->stages.n + 1) * sizeof(*l->ends));
    int err = l->sites && l->ends ? 0 : -ENOMEM;
    for (size_t k = 0; !err && k < d->ninstructions; k++) {
        struct hr_site *s = &l->sites[k];
        *s = now;
        s->i = &d->instructions[k];
        s->stage = hr_stage_of(&l->stages, d, s->i);
        s->kept = s->stage && s->stage->kept && !s->i->onbuild;
        if (s->i->kind == HR_RUN || s->i->kind == HR_CMD || s->i->kind == HR_ENTRYPOINT ||
            s->i->kind == HR_HEALTHCHECK)
            err = hr_script_read(d, s->i, &s->script);
        else if (s->i->kind == HR_COPY || s->i->kind == HR_ADD)
            err = read_target(l, s);
        if (!err)
            err = step(l, s, &now);
        if (s->stage)
            l->ends[s->stage - l->stages.at] = now;
    }
    return err;
}

/* Is a base an image of the agent-server?  If so, which? */
static void look_at_base(struct hr_lint *l)
{
    static const char name[] = "agent-server";
    const struct hr_stage *root = l->target ? hr_stage_root(l->target) : NULL;
    if (!root)
        return;
    struct hr_reference ref = hr_reference_read(root->base);
    l->server_base = memmem(ref.name, ref.name_n, name, sizeof(name) - 1) != NULL;
    l->server = l->server_base;
    const char *tag = ref.tag ? ref.tag : "";
    tag += *tag == 'v';
    size_t n = strspn(tag, "0123456789.");
    if (l->server && n >= 3 && n < sizeof(l->version) && memchr(tag, '.', n) &&
        (!tag[n] || tag[n] == '-' || tag[n] == '@'))
        (void)snprintf(l->version, sizeof(l->version), "%.*s", (int)n, tag);
}

static int prepare(struct hr_lint *l)
{
    int err = hr_stages_read(l->d, &l->stages);
    if (err)
        return err;
    if (l->stages.n)
        l->target = &l->stages.at[l->stages.n - 1];
    look_at_base(l);
    err = read_sites(l);
    if (err)
        return err;
    hr_lint_find_handrail(l);
    /* Whoever puts handrail before something has an agent-server there. */
    l->server = l->server || (l->handrail && l->installed);
    return 0;
}

/* ---- the rules ------------------------------------------------------------------------------- */

static void check_all(struct hr_lint *l)
{
    static void (*const whole[])(struct hr_lint *) = {
        hr_check_base,        hr_check_server_age, hr_check_entrypoint,   hr_check_user,
        hr_check_environment, hr_check_handrail,   hr_check_agent_module, hr_check_context,
    };
    static void (*const each[])(struct hr_lint *, const struct hr_site *) = {
        hr_check_lifecycle,     hr_check_ports,        hr_check_secret_names,
        hr_check_secret_values, hr_check_secret_files, hr_check_secret_commands,
        hr_check_copies,        hr_check_habits,
    };
    report_problems(l);
    for (size_t r = 0; l->target && r < sizeof(whole) / sizeof(whole[0]); r++)
        whole[r](l);
    for (size_t k = 0; k < l->d->ninstructions; k++)
        for (size_t r = 0; r < sizeof(each) / sizeof(each[0]); r++)
            each[r](l, &l->sites[k]);
    hr_suppressions_unused(l);
}

int hr_lint_text(struct hr_report *report, const char *file, const char *context,
                 const struct hr_ignore *ignore, const char *data, size_t n)
{
    struct hr_dockerfile d;
    struct hr_lint l = {
        .report = report, .file = file, .context = context, .ignore = ignore, .d = &d};
    size_t first = json_array_size(report->findings);
    int err = hr_dockerfile_parse(&d, data, n);
    if (!err)
        err = prepare(&l);
    if (!err)
        err = hr_suppressions_read(&l);
    if (!err) {
        check_all(&l);
        hr_report_sort(report, first);
    }
    free(l.suppressions);
    hr_dockerfile_free(&d);
    return err;
}
