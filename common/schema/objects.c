/* SPDX-License-Identifier: MIT
 * Checks of objects. */
#include "compile.h"
#include "keywords.h"
#include "regex.h"

#include <errno.h>
#include <string.h>

enum {
    TEXT_MAX = 800,       /* bytes of a message */
    LIST_MAX = 400,       /* bytes of names in a message */
    BYTES_PER_STEP = 256, /* of names that are looked up */
};

HR_CHECK(min_members)
{
    size_t n = json_object_size(f->value);
    return n >= rule->count ? 0
                            : hr_schema_fault(r, f->at, "expected at least %zu propert%s, got %zu",
                                              rule->count, rule->count == 1 ? "y" : "ies", n);
}

HR_CHECK(max_members)
{
    size_t n = json_object_size(f->value);
    return n <= rule->count ? 0
                            : hr_schema_fault(r, f->at, "expected at most %zu propert%s, got %zu",
                                              rule->count, rule->count == 1 ? "y" : "ies", n);
}

/* Is there no member of that name?  All of the name is looked at for it.  0, 1; -E2BIG. */
static int lacks(struct hr_schema_run *r, const struct hr_schema_frame *f, const char *name)
{
    int err = hr_schema_spend(r, 1 + strlen(name) / BYTES_PER_STEP);
    return err ? err : !json_object_get(f->value, name);
}

/* Each of names must be there; because: the property that asks for it, or NULL. */
static int require(struct hr_schema_run *r, const struct hr_schema_frame *f, const json_t *names,
                   const char *because)
{
    size_t n = json_array_size(names);
    int failed = 0;
    for (size_t i = 0; !failed && i < n; i++)
        failed = lacks(r, f, json_string_value(json_array_get(names, i)));
    if (failed != 1 || hr_schema_enough(r))
        return failed;
    for (size_t i = 0; i < n; i++) {
        const json_t *name = json_array_get(names, i);
        if (json_object_get(f->value, json_string_value(name)))
            continue;
        struct hr_buf text;
        hr_buf_init(&text, LIST_MAX);
        hr_schema_say_json(&text, name);
        if (because) {
            (void)hr_buf_adds(&text, ", which must be there because ");
            hr_schema_say_text(&text, because, strlen(because));
            (void)hr_buf_adds(&text, " is");
        }
        (void)hr_schema_fault(r, f->at, "missing required property %s", hr_buf_str(&text));
        hr_buf_free(&text);
    }
    return 1;
}

HR_CHECK(required)
{
    return require(r, f, rule->value, NULL);
}

/* The arrays of names among the values; draft-07 has schemas among them too. */
HR_CHECK(dependent_required)
{
    int failed = 0;
    for (void *it = json_object_iter((json_t *)rule->value); it;
         it = json_object_iter_next((json_t *)rule->value, it)) {
        const char *key = json_object_iter_key(it);
        const json_t *names = json_object_iter_value(it);
        int rc = json_is_array(names) ? lacks(r, f, key) : 1;
        if (rc < 0)
            return rc;
        if (!rc && hr_schema_stop(r, require(r, f, names, key), &failed))
            break;
    }
    return failed;
}

HR_CHECK(dependent_schemas)
{
    int failed = 0;
    for (size_t i = 0; i < rule->n; i++) {
        int rc = lacks(r, f, rule->branches[i].key);
        if (rc < 0)
            return rc;
        if (!rc && hr_schema_stop(r, hr_schema_apply(r, rule->branches[i].node, f), &failed))
            break;
    }
    return failed;
}

HR_CHECK(dependencies)
{
    int failed = 0;
    if (!hr_schema_stop(r, hr_check_dependent_required(r, rule, f), &failed))
        (void)hr_schema_stop(r, hr_check_dependent_schemas(r, rule, f), &failed);
    return failed;
}

/* --- members -------------------------------------------------------------------------------------
 */

static int unknown(struct hr_schema_run *r, const struct hr_schema_members *m,
                   const struct hr_schema_frame *f, const char *key)
{
    if (hr_schema_enough(r))
        return 1;
    struct hr_buf text;
    hr_buf_init(&text, TEXT_MAX);
    size_t left = json_object_size(m->properties);
    for (void *it = json_object_iter((json_t *)m->properties); it && text.len < LIST_MAX;
         it = json_object_iter_next((json_t *)m->properties, it), left--) {
        const char *name = json_object_iter_key(it);
        if (strlen(name) > LIST_MAX / 2)
            break;
        (void)hr_buf_addf(&text, "%s%s", text.len ? ", " : "", name);
    }
    if (left)
        (void)hr_buf_addf(&text, ", ... (%zu more)", left);
    for (size_t i = 0; i < m->n_patterns && text.len < LIST_MAX; i++)
        (void)hr_buf_addf(&text, "%snames matching %.100s", text.len ? ", " : "",
                          m->patterns[i].key);
    const struct hr_schema_at at = {f->at, key, 0, false};
    (void)hr_schema_fault(r, &at, "unknown property; allowed: %s",
                          text.len ? hr_buf_str(&text) : "none");
    hr_buf_free(&text);
    return 1;
}

/* One member against all that concerns it.  *known: something did. */
static int check_member(struct hr_schema_run *r, const struct hr_schema_members *m,
                        const struct hr_schema_frame *f, const char *key, const json_t *value,
                        bool *known)
{
    int failed = hr_schema_spend(r, 1 + m->n_patterns + strlen(key) / BYTES_PER_STEP);
    if (failed)
        return failed;
    const json_t *sub = m->properties ? json_object_get(m->properties, key) : NULL;
    *known = sub != NULL;
    if (sub &&
        hr_schema_stop(r, hr_schema_apply_below(r, hr_schema_node_of(r->s, sub), f, value, key, 0),
                       &failed))
        return failed;
    for (size_t i = 0; i < m->n_patterns; i++) {
        int rc = hr_schema_regex_search(r, m->patterns[i].regex, key, strlen(key));
        if (rc < 0)
            return rc;
        if (rc)
            continue;
        *known = true;
        rc = hr_schema_apply_below(r, m->patterns[i].node, f, value, key, 0);
        if (hr_schema_stop(r, rc, &failed))
            return failed;
    }
    if (*known || !m->others)
        return failed;
    *known = true;
    return m->others->never ? unknown(r, m, f, key)
                            : hr_schema_apply_below(r, m->others, f, value, key, 0);
}

HR_CHECK(members)
{
    size_t i = 0;
    int failed = 0;
    for (void *it = json_object_iter((json_t *)f->value); it;
         it = json_object_iter_next((json_t *)f->value, it), i++) {
        bool known = false;
        int rc = check_member(r, rule->node->members, f, json_object_iter_key(it),
                              json_object_iter_value(it), &known);
        if (known)
            hr_schema_seen_mark(f->seen, i);
        if (hr_schema_stop(r, rc, &failed))
            break;
    }
    return failed;
}

HR_CHECK(names)
{
    int failed = 0;
    for (void *it = json_object_iter((json_t *)f->value); it;
         it = json_object_iter_next((json_t *)f->value, it)) {
        const char *key = json_object_iter_key(it);
        int err = hr_schema_spend(r, 1 + strlen(key) / BYTES_PER_STEP);
        json_t *name = err ? NULL : json_string_nocheck(key);
        if (!name)
            return err ? err : -ENOMEM;
        const struct hr_schema_at at = {f->at, key, 0, true};
        const struct hr_schema_frame here = {name, &at, f->scope, NULL};
        int rc = rule->node->never ? hr_schema_fault(r, f->at, "expected no properties, got %zu",
                                                     json_object_size(f->value))
                                   : hr_schema_apply(r, rule->node, &here);
        json_decref(name);
        if (hr_schema_stop(r, rc, &failed) || rule->node->never)
            break;
    }
    return failed;
}

HR_CHECK(unevaluated_members)
{
    size_t i = 0;
    int failed = 0;
    for (void *it = json_object_iter((json_t *)f->value); it;
         it = json_object_iter_next((json_t *)f->value, it), i++) {
        const char *key = json_object_iter_key(it);
        if (hr_schema_seen_has(f->seen, i))
            continue;
        int rc = 0;
        if (rule->node->never) {
            const struct hr_schema_at at = {f->at, key, 0, false};
            rc = hr_schema_fault(r, &at, "unknown property: the schema does not describe it");
        } else {
            rc = hr_schema_apply_below(r, rule->node, f, json_object_iter_value(it), key, 0);
        }
        hr_schema_seen_mark(f->seen, i);
        if (hr_schema_stop(r, rc, &failed))
            break;
    }
    return failed;
}
