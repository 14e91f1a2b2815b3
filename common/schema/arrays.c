/* SPDX-License-Identifier: MIT
 * Checks of arrays. */
#include "compile.h"
#include "keywords.h"

HR_CHECK(min_items)
{
    size_t n = json_array_size(f->value);
    return n >= rule->count ? 0
                            : hr_schema_fault(r, f->at, "expected at least %zu item%s, got %zu",
                                              rule->count, rule->count == 1 ? "" : "s", n);
}

HR_CHECK(max_items)
{
    size_t n = json_array_size(f->value);
    return n <= rule->count ? 0
                            : hr_schema_fault(r, f->at, "expected at most %zu item%s, got %zu",
                                              rule->count, rule->count == 1 ? "" : "s", n);
}

HR_CHECK(unique)
{
    (void)rule;
    size_t first = 0;
    size_t second = 0;
    int rc = hr_schema_find_twins(r, f->value, &first, &second);
    return rc == 1
               ? hr_schema_fault(r, f->at, "items must be unique, but items %zu and %zu are equal",
                                 first, second)
               : rc;
}

HR_CHECK(elements)
{
    const struct hr_schema_elements *e = rule->node->elements;
    size_t n = json_array_size(f->value);
    int failed = 0;
    for (size_t i = 0; i < n; i++) {
        const struct hr_schema_node *sub = i < e->n_prefix ? e->prefix[i].node : e->others;
        if (!sub)
            break;
        int rc = 0;
        if (i >= e->n_prefix && sub->never)
            rc = hr_schema_fault(r, f->at, "expected at most %zu item%s, got %zu", e->n_prefix,
                                 e->n_prefix == 1 ? "" : "s", n);
        else
            rc = hr_schema_apply_below(r, sub, f, json_array_get(f->value, i), NULL, i);
        hr_schema_seen_mark(f->seen, i);
        if (hr_schema_stop(r, rc, &failed) || (rc && sub->never))
            break;
    }
    return failed;
}

static int say_contains(struct hr_schema_run *r, const struct hr_schema_rule *rule,
                        const struct hr_schema_frame *f, size_t found)
{
    if (hr_schema_enough(r))
        return 1;
    struct hr_buf text;
    hr_buf_init(&text, 512);
    hr_schema_say_json(&text, rule->value);
    bool few = found < rule->count;
    size_t bound = few ? rule->count : rule->most;
    (void)hr_schema_fault(r, f->at, "expected at %s %zu item%s matching %s, got %zu%s",
                          few ? "least" : "most", bound, bound == 1 ? "" : "s", hr_buf_str(&text),
                          found, few ? "" : " or more");
    hr_buf_free(&text);
    return 1;
}

HR_CHECK(contains)
{
    struct hr_schema_sink *sink = r->sink;
    size_t n = json_array_size(f->value);
    size_t found = 0;
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < n && found <= rule->most; i++) {
        if (!f->seen && rule->most == SIZE_MAX && found >= rule->count)
            break;
        r->sink = NULL;
        rc = hr_schema_apply_below(r, rule->node, f, json_array_get(f->value, i), NULL, i);
        r->sink = sink;
        if (rc == 0) {
            hr_schema_seen_mark(f->seen, i);
            found++;
        }
    }
    if (rc < 0)
        return rc;
    return found < rule->count || found > rule->most ? say_contains(r, rule, f, found) : 0;
}

HR_CHECK(unevaluated_items)
{
    int failed = 0;
    for (size_t i = 0; i < json_array_size(f->value); i++) {
        if (hr_schema_seen_has(f->seen, i))
            continue;
        int rc = 0;
        if (rule->node->never) {
            const struct hr_schema_at at = {f->at, NULL, i, false};
            rc = hr_schema_fault(r, &at, "unexpected item: the schema has no place for it");
        } else {
            rc = hr_schema_apply_below(r, rule->node, f, json_array_get(f->value, i), NULL, i);
        }
        hr_schema_seen_mark(f->seen, i);
        if (hr_schema_stop(r, rc, &failed))
            break;
    }
    return failed;
}
