/* SPDX-License-Identifier: MIT
 * Keywords that apply other schemas to the same value: references, allOf, anyOf, oneOf, not, if. */
#include "compile.h"
#include "keywords.h"

#include <string.h>

enum {
    SHOWN = 4,         /* alternatives that a message describes */
    SHOWN_BYTES = 160, /* of each */
};

HR_CHECK(ref)
{
    return hr_schema_apply(r, rule->node, f);
}

/* The outermost resource on the way here that has a dynamic anchor of this name decides. */
HR_CHECK(dynamic_ref)
{
    const struct hr_schema_node *to = rule->node;
    for (const struct hr_schema_scope *scope = f->scope; rule->anchor && scope; scope = scope->up) {
        int err = hr_schema_spend(r, 1);
        if (err)
            return err;
        const struct hr_schema_node *n =
            hr_schema_find_anchor(r->s, scope->resource, rule->anchor, true);
        to = n ? n : to;
    }
    return hr_schema_apply(r, to, f);
}

HR_CHECK(all)
{
    int failed = 0;
    for (size_t i = 0; i < rule->n; i++)
        if (hr_schema_stop(r, hr_schema_apply(r, rule->branches[i].node, f), &failed))
            break;
    return failed;
}

/* Apply a branch that may fail without harm: what it saw counts only if it holds. */
static int attempt(struct hr_schema_run *r, const struct hr_schema_node *n,
                   const struct hr_schema_frame *f)
{
    struct hr_schema_seen seen = {0};
    struct hr_schema_frame here = *f;
    int rc = f->seen ? hr_schema_seen_init(r, &seen, f->value) : 0;
    here.seen = f->seen ? &seen : NULL;
    if (!rc)
        rc = hr_schema_apply_silently(r, n, &here);
    if (!rc)
        hr_schema_seen_merge(f->seen, &seen);
    hr_schema_seen_free(&seen);
    return rc;
}

/* --- alternatives that all fail ------------------------------------------------------------------
 */

/* Through references, as far as it takes to find a "type". */
static unsigned types_of(const struct hr_schema_node *n)
{
    for (int hops = 0; hops < 8 && !n->types; hops++) {
        const struct hr_schema_node *to = NULL;
        for (size_t i = 0; i < n->n_rules; i++)
            if (strcmp(n->rules[i].kw->name, "$ref") == 0)
                to = n->rules[i].node;
        if (!to)
            break;
        n = to;
    }
    return n->types;
}

static bool admits(const struct hr_schema_node *n, const json_t *value)
{
    unsigned types = types_of(n);
    return !n->never && (!types || types & HR_TYPE(json_typeof(value)) ||
                         (json_is_real(value) && types & HR_TYPE_INTEGRAL));
}

/* Every alternative wants another type: say which there are. */
static int say_no_type(struct hr_schema_run *r, const struct hr_schema_rule *rule,
                       const struct hr_schema_frame *f)
{
    struct hr_schema_rule all = {.kw = rule->kw};
    for (size_t i = 0; i < rule->n; i++)
        all.types |= types_of(rule->branches[i].node);
    return all.types ? hr_check_type(r, &all, f) : hr_schema_fault(r, f->at, "must not be here");
}

/* The first fault of one alternative, without its newline. */
static int say_alternative(struct hr_schema_run *r, const struct hr_schema_node *n,
                           const struct hr_schema_frame *f, size_t number, struct hr_buf *text)
{
    struct hr_buf line;
    struct hr_schema_frame here = *f;
    struct hr_schema_sink *outer = r->sink;
    struct hr_schema_sink sink = {.out = &line, .most = 1};
    hr_buf_init(&line, 4096);
    here.seen = NULL;
    r->sink = &sink;
    int rc = hr_schema_apply(r, n, &here);
    r->sink = outer;
    if (rc == 1 && line.len) {
        size_t len = line.len - 1;
        const char *dots = len > SHOWN_BYTES ? "..." : "";
        while (len > SHOWN_BYTES || ((unsigned char)line.data[len] & 0xc0) == 0x80)
            len--;
        (void)hr_buf_addf(text, "%s(%zu) %.*s%s", text->len ? "; " : "", number, (int)len,
                          line.data, dots);
    }
    hr_buf_free(&line);
    return rc;
}

/* None of the alternatives holds: describe those that a value of this type could match at all. */
static int say_alternatives(struct hr_schema_run *r, const struct hr_schema_rule *rule,
                            const struct hr_schema_frame *f)
{
    size_t fit = 0;
    const struct hr_schema_node *only = NULL;
    for (size_t i = 0; i < rule->n; i++) {
        if (!admits(rule->branches[i].node, f->value))
            continue;
        fit++;
        only = rule->branches[i].node;
    }
    if (!fit)
        return say_no_type(r, rule, f);
    struct hr_schema_frame here = *f;
    here.seen = NULL;
    int rc = 1;
    if (fit == 1) {
        rc = hr_schema_apply(r, only, &here);
        return rc < 0 ? rc : 1;
    }
    struct hr_buf text;
    size_t shown = 0;
    hr_buf_init(&text, (size_t)SHOWN * (SHOWN_BYTES + 32));
    for (size_t i = 0; rc >= 0 && i < rule->n && shown < SHOWN; i++) {
        if (!admits(rule->branches[i].node, f->value))
            continue;
        rc = say_alternative(r, rule->branches[i].node, f, i + 1, &text);
        shown++;
    }
    if (rc >= 0)
        rc = hr_schema_fault(r, f->at, "matches none of the %zu alternatives: %s%s", rule->n,
                             hr_buf_str(&text), fit > shown ? "; ..." : "");
    hr_buf_free(&text);
    return rc;
}

HR_CHECK(any)
{
    bool found = false;
    for (size_t i = 0; i < rule->n && !(found && !f->seen); i++) {
        int rc = attempt(r, rule->branches[i].node, f);
        if (rc < 0)
            return rc;
        found |= rc == 0;
    }
    if (found)
        return 0;
    return hr_schema_enough(r) ? 1 : say_alternatives(r, rule, f);
}

HR_CHECK(one)
{
    size_t first = rule->n;
    for (size_t i = 0; i < rule->n; i++) {
        int rc = attempt(r, rule->branches[i].node, f);
        if (rc < 0)
            return rc;
        if (rc == 0 && first < rule->n)
            return hr_schema_fault(r, f->at,
                                   "matches alternatives %zu and %zu, but must match only one",
                                   first + 1, i + 1);
        if (rc == 0)
            first = i;
    }
    if (first < rule->n)
        return 0;
    return hr_schema_enough(r) ? 1 : say_alternatives(r, rule, f);
}

HR_CHECK(not )
{
    struct hr_schema_frame here = *f;
    here.seen = NULL;
    int rc = hr_schema_apply_silently(r, rule->node, &here);
    if (rc)
        return rc < 0 ? rc : 0;
    if (hr_schema_enough(r))
        return 1;
    struct hr_buf text;
    hr_buf_init(&text, 512);
    hr_schema_say_json(&text, rule->value);
    (void)hr_schema_fault(r, f->at, "must not match %s", hr_buf_str(&text));
    hr_buf_free(&text);
    return 1;
}

HR_CHECK(if)
{
    int rc = attempt(r, rule->node, f);
    if (rc < 0)
        return rc;
    const struct hr_schema_node *next = rule->branches[rc ? 1 : 0].node;
    return next ? hr_schema_apply(r, next, f) : 0;
}
