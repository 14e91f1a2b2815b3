/* SPDX-License-Identifier: MIT
 * Reading the keywords' values: what is of the wrong type is refused here, the rest is put where
 * the checks find it. */
#include "common/buf.h"
#include "keywords.h"
#include "regex.h"

#include <errno.h>
#include <string.h>

enum { FRAGMENT_MAX = 4096 }; /* bytes */

static int must_be(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                   const struct hr_schema_rule *rule, const char *what)
{
    return hr_schema_refuse(c, n, rule->kw->name, "must be %s", what);
}

static struct hr_schema_branch *branches_new(struct hr_schema_compiler *c, size_t n)
{
    struct hr_schema_branch *b = hr_schema_alloc(c->s, n * sizeof(*b));
    if (!b)
        (void)hr_schema_no_memory(c);
    return b;
}

HR_READ(string)
{
    return json_is_string(rule->value) ? 0 : must_be(c, n, rule, "a string");
}

HR_READ(boolean)
{
    return json_is_boolean(rule->value) ? 0 : must_be(c, n, rule, "true or false");
}

HR_READ(array)
{
    return json_is_array(rule->value) ? 0 : must_be(c, n, rule, "an array");
}

/* --- references ----------------------------------------------------------------------------------
 */

HR_READ(ref)
{
    if (!json_is_string(rule->value))
        return must_be(c, n, rule, "a string: a URI reference such as \"#/$defs/NAME\"");
    struct hr_buf fragment;
    hr_buf_init(&fragment, FRAGMENT_MAX);
    int err = hr_schema_resolve(c, n, rule->kw->name, json_string_value(rule->value), &rule->node,
                                &fragment);
    hr_buf_free(&fragment);
    return err ? err : 1;
}

/* It is dynamic only if what it leads to at first is a "$dynamicAnchor" of that name. */
HR_READ(dynamic_ref)
{
    if (!json_is_string(rule->value))
        return must_be(c, n, rule, "a string: a URI reference such as \"#NAME\"");
    struct hr_buf fragment;
    hr_buf_init(&fragment, FRAGMENT_MAX);
    int err = hr_schema_resolve(c, n, rule->kw->name, json_string_value(rule->value), &rule->node,
                                &fragment);
    const struct hr_schema_node *to = err ? NULL : rule->node;
    if (to && to->resource &&
        hr_schema_find_anchor(c->s, to->resource, hr_buf_str(&fragment), true) == to)
        rule->anchor = json_string_value(json_object_get(to->json, "$dynamicAnchor"));
    hr_buf_free(&fragment);
    return err ? err : 1;
}

/* --- plain values --------------------------------------------------------------------------------
 */

static unsigned type_by_name(const char *name)
{
    static const struct {
        const char *name;
        unsigned types;
    } names[] = {
        {"object", HR_TYPE_OBJECT},   {"array", HR_TYPE_ARRAY},
        {"string", HR_TYPE_STRING},   {"number", HR_TYPE_NUMBER},
        {"null", HR_TYPE_NULL},       {"integer", HR_TYPE(JSON_INTEGER) | HR_TYPE_INTEGRAL},
        {"boolean", HR_TYPE_BOOLEAN},
    };
    for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].types;
    return 0;
}

HR_READ(type)
{
    const json_t *v = rule->value;
    bool many = json_is_array(v);
    size_t count = many ? json_array_size(v) : 1;
    rule->types = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned t = type_by_name(json_string_value(many ? json_array_get(v, i) : v));
        if (!t)
            count = 0;
        rule->types |= t;
    }
    if (!count)
        return must_be(c, n, rule,
                       "one of \"object\", \"array\", \"string\", \"number\", \"integer\", "
                       "\"boolean\", \"null\", or a non-empty array of these");
    n->types = rule->types;
    return 1;
}

HR_READ(any)
{
    (void)c;
    (void)n;
    (void)rule;
    return 1;
}

HR_READ(enum)
{
    return json_is_array(rule->value) ? 1 : must_be(c, n, rule, "an array of values");
}

HR_READ(number)
{
    return json_is_number(rule->value) ? 1 : must_be(c, n, rule, "a number");
}

HR_READ(multiple)
{
    return json_is_number(rule->value) && json_number_value(rule->value) > 0
               ? 1
               : must_be(c, n, rule, "a number above 0");
}

/* A count: a whole number, perhaps written 2.0.  What no size_t holds is as good as the maximum. */
static bool count_of(const json_t *v, size_t *count)
{
    if (!hr_schema_number_integral(v) || json_number_value(v) < 0)
        return false;
    *count = json_is_integer(v)                       ? (size_t)json_integer_value(v)
             : json_real_value(v) < (double)INT64_MAX ? (size_t)json_real_value(v)
                                                      : SIZE_MAX;
    return true;
}

HR_READ(count)
{
    if (!count_of(rule->value, &rule->count))
        return must_be(c, n, rule, "a whole number, 0 or more");
    return rule->kw->check != NULL;
}

static int compile_pattern(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                           const char *keyword, const char *pattern, size_t len,
                           const struct hr_schema_regex **ret)
{
    char why[256];
    int err = hr_schema_regex_new(c->s, pattern, len, ret, why, sizeof(why));
    if (err == -EINVAL)
        return hr_schema_refuse(c, n, keyword, "the regular expression \"%.100s\"%s %s", pattern,
                                len > 100 ? "..." : "", why);
    return err ? hr_schema_no_memory(c) : 0;
}

HR_READ(pattern)
{
    if (!json_is_string(rule->value))
        return must_be(c, n, rule, "a string: a regular expression");
    int err = compile_pattern(c, n, rule->kw->name, json_string_value(rule->value),
                              json_string_length(rule->value), &rule->regex);
    return err ? err : 1;
}

HR_READ(unique)
{
    return json_is_boolean(rule->value) ? json_is_true(rule->value)
                                        : must_be(c, n, rule, "true or false");
}

/* --- names of properties -------------------------------------------------------------------------
 */

static bool are_names(const json_t *v)
{
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!json_is_string(json_array_get(v, i)))
            return false;
    return json_is_array(v);
}

HR_READ(names)
{
    return are_names(rule->value) ? 1 : must_be(c, n, rule, "an array of property names");
}

HR_READ(dependent)
{
    bool good = json_is_object(rule->value);
    for (void *it = json_object_iter((json_t *)rule->value); good && it;
         it = json_object_iter_next((json_t *)rule->value, it))
        good = are_names(json_object_iter_value(it));
    return good ? 1 : must_be(c, n, rule, "an object whose values are arrays of property names");
}

/* --- subschemas ----------------------------------------------------------------------------------
 */

HR_READ(one)
{
    (void)n;
    rule->node = hr_schema_node_of(c->s, rule->value);
    return 1;
}

static int read_list(struct hr_schema_compiler *c, const json_t *list,
                     const struct hr_schema_branch **ret, size_t *ret_n)
{
    size_t n = json_array_size(list);
    struct hr_schema_branch *b = branches_new(c, n);
    if (!b)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        b[i].node = hr_schema_node_of(c->s, json_array_get(list, i));
    *ret = b;
    *ret_n = n;
    return 0;
}

HR_READ(list)
{
    (void)n;
    int err = read_list(c, rule->value, &rule->branches, &rule->n);
    return err ? err : 1;
}

/* Those values that are schemas. */
HR_READ(map)
{
    (void)n;
    struct hr_schema_branch *b = branches_new(c, json_object_size(rule->value));
    if (!b)
        return -ENOMEM;
    for (void *it = json_object_iter((json_t *)rule->value); it;
         it = json_object_iter_next((json_t *)rule->value, it)) {
        if (json_is_array(json_object_iter_value(it)))
            continue;
        b[rule->n].key = json_object_iter_key(it);
        b[rule->n++].node = hr_schema_node_of(c->s, json_object_iter_value(it));
    }
    rule->branches = b;
    return 1;
}

HR_READ(dependencies)
{
    for (void *it = json_object_iter((json_t *)rule->value); it;
         it = json_object_iter_next((json_t *)rule->value, it))
        if (json_is_array(json_object_iter_value(it)) && !are_names(json_object_iter_value(it)))
            return must_be(c, n, rule, "an object of schemas and arrays of property names");
    return hr_read_map(c, n, rule);
}

/* Two branches: then, else. */
HR_READ(if)
{
    struct hr_schema_branch *b = branches_new(c, 2);
    if (!b)
        return -ENOMEM;
    b[0].node = hr_schema_node_of(c->s, json_object_get(n->json, "then"));
    b[1].node = hr_schema_node_of(c->s, json_object_get(n->json, "else"));
    rule->branches = b;
    rule->n = 2;
    rule->node = hr_schema_node_of(c->s, rule->value);
    return 1;
}

static int read_patterns(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                         const json_t *value, struct hr_schema_members *m)
{
    struct hr_schema_branch *b = branches_new(c, json_object_size(value));
    if (!b)
        return -ENOMEM;
    m->patterns = b;
    for (void *it = json_object_iter((json_t *)value); it;
         it = json_object_iter_next((json_t *)value, it), m->n_patterns++, b++) {
        b->key = json_object_iter_key(it);
        b->node = hr_schema_node_of(c->s, json_object_iter_value(it));
        int err = compile_pattern(c, n, "patternProperties", b->key, strlen(b->key), &b->regex);
        if (err)
            return err;
    }
    return 0;
}

/* The first of the three keywords makes the rule, for all of them. */
HR_READ(members)
{
    if (n->members)
        return 0;
    n->members = hr_schema_alloc(c->s, sizeof(*n->members));
    if (!n->members)
        return hr_schema_no_memory(c);
    const json_t *patterns = json_object_get(n->json, "patternProperties");
    const json_t *others = json_object_get(n->json, "additionalProperties");
    n->members->properties = json_object_get(n->json, "properties");
    n->members->others = others ? hr_schema_node_of(c->s, others) : NULL;
    int err = patterns ? read_patterns(c, n, patterns, n->members) : 0;
    rule->node = n;
    return err ? err : 1;
}

/* As with the members. In draft-07 the list is an array in "items", the rest "additionalItems". */
HR_READ(elements)
{
    bool old = n->resource->draft == HR_DRAFT_7;
    const json_t *list = json_object_get(n->json, old ? "items" : "prefixItems");
    const json_t *others = json_object_get(n->json, "items");
    if (old && json_is_array(list))
        others = json_object_get(n->json, "additionalItems");
    else if (old)
        list = NULL;
    if (n->elements || !(list || others))
        return 0;
    n->elements = hr_schema_alloc(c->s, sizeof(*n->elements));
    if (!n->elements)
        return hr_schema_no_memory(c);
    n->elements->others = others ? hr_schema_node_of(c->s, others) : NULL;
    int err = list ? read_list(c, list, &n->elements->prefix, &n->elements->n_prefix) : 0;
    rule->node = n;
    return err ? err : 1;
}

HR_READ(contains)
{
    bool old = n->resource->draft == HR_DRAFT_7;
    const json_t *least = old ? NULL : json_object_get(n->json, "minContains");
    const json_t *most = old ? NULL : json_object_get(n->json, "maxContains");
    rule->count = 1;
    rule->most = SIZE_MAX;
    if (least)
        (void)count_of(least, &rule->count); /* a wrong one is refused by its own row */
    if (most)
        (void)count_of(most, &rule->most);
    rule->node = hr_schema_node_of(c->s, rule->value);
    return 1;
}
