/* SPDX-License-Identifier: MIT
 * Validation: applying nodes to values, within the limits.  See schema.h and run.h. */
#include "common/buf.h"
#include "compile.h"
#include "regex.h"
#include "run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int hr_schema_too_much(struct hr_schema_run *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
    va_end(ap);
    return -E2BIG;
}

int hr_schema_spend(struct hr_schema_run *r, size_t n)
{
    if (r->steps < n)
        return hr_schema_too_much(
            r, "checking takes more than %zu steps: send a smaller or simpler value",
            r->s->limits.steps);
    r->steps -= n;
    return 0;
}

bool hr_schema_enough(const struct hr_schema_run *r)
{
    return !r->sink || r->sink->lines >= r->sink->most;
}

bool hr_schema_stop(const struct hr_schema_run *r, int rc, int *failed)
{
    if (rc < 0 || (rc && !*failed))
        *failed = rc;
    return rc < 0 || (rc && hr_schema_enough(r));
}

static int apply_rules(struct hr_schema_run *r, const struct hr_schema_node *n,
                       const struct hr_schema_frame *f)
{
    const unsigned type = HR_TYPE(json_typeof(f->value));
    int failed = 0;
    for (size_t i = 0; i < n->n_rules; i++) {
        const struct hr_schema_rule *rule = &n->rules[i];
        if (!(rule->kw->types & type))
            continue;
        if (failed && rule->kw->last)
            break;
        if (hr_schema_stop(r, rule->kw->check(r, rule, f), &failed))
            break;
    }
    return failed;
}

static int apply_with_track(struct hr_schema_run *r, const struct hr_schema_node *n,
                            const struct hr_schema_frame *f)
{
    struct hr_schema_seen seen = {0};
    struct hr_schema_frame here = *f;
    int rc = hr_schema_seen_init(r, &seen, f->value);
    here.seen = &seen;
    if (!rc)
        rc = apply_rules(r, n, &here);
    if (!rc)
        hr_schema_seen_merge(f->seen, &seen);
    hr_schema_seen_free(&seen);
    return rc;
}

int hr_schema_apply(struct hr_schema_run *r, const struct hr_schema_node *n,
                    const struct hr_schema_frame *f)
{
    if (n->never)
        return hr_schema_fault(r, f->at, "must not be here");
    int rc = hr_schema_spend(r, 1 + n->n_rules);
    if (rc || !n->n_rules)
        return rc;
    if (!r->depth)
        return hr_schema_too_much(
            r, "the value, or the schema, is nested deeper than %zu levels: send a flatter value",
            r->s->limits.depth);

    const struct hr_schema_scope scope = {f->scope, n->resource};
    struct hr_schema_frame here = *f;
    if (!f->scope || f->scope->resource != n->resource)
        here.scope = &scope;
    r->depth--;
    rc = n->keeps_track ? apply_with_track(r, n, &here) : apply_rules(r, n, &here);
    r->depth++;
    return rc;
}

int hr_schema_apply_below(struct hr_schema_run *r, const struct hr_schema_node *n,
                          const struct hr_schema_frame *f, const json_t *value, const char *key,
                          size_t index)
{
    const struct hr_schema_at at = {f->at, key, index, false};
    const struct hr_schema_frame below = {value, &at, f->scope, NULL};
    return hr_schema_apply(r, n, &below);
}

int hr_schema_apply_silently(struct hr_schema_run *r, const struct hr_schema_node *n,
                             const struct hr_schema_frame *f)
{
    struct hr_schema_sink *sink = r->sink;
    r->sink = NULL;
    int rc = hr_schema_apply(r, n, f);
    r->sink = sink;
    return rc;
}

static int run(const struct hr_schema *s, const json_t *instance, struct hr_schema_sink *sink,
               char *why, size_t size)
{
    struct hr_schema_run r = {.s = s,
                              .steps = s->limits.steps,
                              .depth = s->limits.depth,
                              .sink = sink,
                              .regex_steps = s->limits.regex_steps};
    const struct hr_schema_frame top = {.value = instance};
    int rc = hr_schema_apply(&r, s->root, &top);
    hr_schema_regex_end(&r);
    if (rc == -E2BIG)
        (void)snprintf(why, size, "%s", r.why);
    return rc;
}

int hr_schema_validate(const struct hr_schema *s, const json_t *instance, struct hr_buf *errors)
{
    char why[sizeof(((struct hr_schema_run *)0)->why)] = "";
    int rc = run(s, instance, NULL, why, sizeof(why));
    if (rc == -E2BIG && errors)
        (void)hr_buf_addf(errors, "%s\n", why);
    if (rc <= 0)
        return rc;

    /* It is invalid, whatever becomes of the second run. */
    struct hr_schema_sink sink = {.out = errors, .most = s->limits.errors};
    if (errors && run(s, instance, &sink, why, sizeof(why)) == -ENOMEM)
        return -ENOMEM;
    if (errors && !sink.lines)
        (void)hr_buf_adds(errors, "(top level): does not match the schema\n");
    return -EINVAL;
}
