/* SPDX-License-Identifier: MIT
 * Arguments made up from a schema.  See sample.h. */
#include "sample.h"

#include "common/schema/schema.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    DEPTH_MAX = 24,
    VALUES_MAX = 2000, /* in all: schemas that name themselves have no end */
    ITEMS_MAX = 1000,  /* of an array, and characters of a string */
};

/* What every reader of JSON has as it was written. */
#define NUMBER_MAX ((json_int_t)9007199254740991)

struct maker {
    const json_t *root;
    enum hr_sample kind;
    int depth;
    int left; /* values that may still be made */
};

/* NULL: there would be too many, or they would lie too deep. */
static json_t *make(struct maker *m, const json_t *schema);

/* The schema that "$ref" names, within the document; NULL if it is none of ours. */
static const json_t *follow(const struct maker *m, const json_t *schema)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    const json_t *at = m->root;
    char name[128];
    if (!ref || ref[0] != '#')
        return NULL;
    for (ref++; *ref == '/' && at; ref += strcspn(ref, "/")) {
        size_t n = strcspn(++ref, "/");
        if (n >= sizeof(name))
            return NULL;
        memcpy(name, ref, n);
        name[n] = '\0';
        at = json_object_get(at, name);
    }
    return at;
}

static json_t *first_of(const json_t *schema, const char *key)
{
    json_t *list = json_object_get(schema, key);
    return json_is_array(list) ? json_incref(json_array_get(list, 0)) : NULL;
}

/* What the schema itself proposes. */
static json_t *proposed(const struct maker *m, const json_t *schema)
{
    json_t *v = json_object_get(schema, "const");
    if (v)
        return json_incref(v);
    v = first_of(schema, "examples");
    if (!v)
        v = json_incref(json_object_get(schema, "default"));
    if (!v) {
        const json_t *list = json_object_get(schema, "enum");
        size_t n = json_array_size(list);
        v = n ? json_incref(json_array_get(list, m->kind == HR_SAMPLE_LEAST ? 0 : n - 1)) : NULL;
    }
    return v;
}

/* What is not required and cannot be made is left out. */
static json_t *make_object(struct maker *m, const json_t *schema)
{
    json_t *o = json_object();
    const json_t *properties = json_object_get(schema, "properties");
    const char *name = NULL;
    json_t *property = NULL;
    const json_t *item = NULL;
    size_t i = 0;
    json_array_foreach (json_object_get(schema, "required"), i, item) {
        name = json_string_value(item);
        property = name ? json_object_get(properties, name) : NULL;
        if (name && json_object_set_new(o, name, make(m, property)) < 0) {
            json_decref(o);
            return NULL;
        }
    }
    if (m->kind == HR_SAMPLE_LEAST)
        return o;
    json_object_foreach ((json_t *)(uintptr_t)properties, name, property)
        if (!json_object_get(o, name))
            (void)json_object_set_new(o, name, make(m, property));
    return o;
}

static json_int_t integer_of(const json_t *schema, const char *key, json_int_t fallback)
{
    const json_t *v = json_object_get(schema, key);
    double d = json_number_value(v);
    if (!json_is_number(v))
        return fallback;
    if (d > (double)NUMBER_MAX || d < -(double)NUMBER_MAX)
        return d > 0 ? NUMBER_MAX : -NUMBER_MAX;
    return json_is_integer(v) ? json_integer_value(v) : (json_int_t)d;
}

static json_t *make_array(struct maker *m, const json_t *schema)
{
    json_t *a = json_array();
    const json_t *items = json_object_get(schema, "items");
    const json_t *prefix = json_object_get(schema, "prefixItems");
    json_int_t least = integer_of(schema, "minItems", 0);
    json_int_t n = least == 0 && m->kind != HR_SAMPLE_LEAST ? 1 : least;
    for (json_int_t i = 0; i < n && i < ITEMS_MAX; i++) {
        const json_t *one = json_array_get(prefix, (size_t)i);
        if (json_array_append_new(a, make(m, one ? one : items)) < 0 && i < least) {
            json_decref(a);
            return NULL;
        }
    }
    return a;
}

static json_t *make_string(const struct maker *m, const json_t *schema)
{
    /* a NUL, what is no character, a line end, a right-to-left mark, one beyond 16 bits, a quote */
    static const char odd[] = "a\0b\xef\xbf\xbe\r\n\xe2\x80\xae\xf0\x9f\x98\x80\"\\%s/../";
    char text[ITEMS_MAX + 1];
    json_int_t least = integer_of(schema, "minLength", 0);
    json_int_t most = integer_of(schema, "maxLength", ITEMS_MAX);
    json_int_t n = m->kind == HR_SAMPLE_LEAST ? least : least > 1 ? least : 1;
    if (m->kind == HR_SAMPLE_ODD && most >= (json_int_t)sizeof(odd) && least < 12)
        return json_stringn(odd, sizeof(odd) - 1);
    if (n > most)
        n = most;
    if (n > ITEMS_MAX)
        n = ITEMS_MAX;
    memset(text, 'x', sizeof(text));
    return json_stringn(text, (size_t)n);
}

static json_t *make_number(const struct maker *m, const json_t *schema, bool integer)
{
    bool over = json_object_get(schema, "exclusiveMinimum");
    bool under = json_object_get(schema, "exclusiveMaximum");
    bool has_least = over || json_object_get(schema, "minimum");
    bool has_most = under || json_object_get(schema, "maximum");
    json_int_t least = over ? integer_of(schema, "exclusiveMinimum", 0) + 1
                            : integer_of(schema, "minimum", -NUMBER_MAX);
    json_int_t most = under ? integer_of(schema, "exclusiveMaximum", 0) - 1
                            : integer_of(schema, "maximum", NUMBER_MAX);
    json_int_t step = integer_of(schema, "multipleOf", 1);
    json_int_t v = least > 1 ? least : most < 1 ? most : 1;
    if (m->kind == HR_SAMPLE_ODD && !has_least && step == 1)
        return integer ? json_integer(INT64_MIN + 1) : json_real(-1e308);
    if (m->kind == HR_SAMPLE_ODD || (m->kind == HR_SAMPLE_FULL && has_most))
        v = most;
    if (step > 1)
        v -= v % step;
    if (v < least)
        v += step;
    return json_integer(v);
}

static json_t *make_typed(struct maker *m, const json_t *schema, const char *type)
{
    if (strcmp(type, "object") == 0)
        return make_object(m, schema);
    if (strcmp(type, "array") == 0)
        return make_array(m, schema);
    if (strcmp(type, "string") == 0)
        return make_string(m, schema);
    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        return make_number(m, schema, *type == 'i');
    if (strcmp(type, "boolean") == 0)
        return json_boolean(m->kind != HR_SAMPLE_LEAST);
    return json_null();
}

/* The schema with the first of its alternatives laid over it. */
static json_t *merged(const json_t *schema)
{
    static const char *const keys[] = {"allOf", "anyOf", "oneOf"};
    json_t *copy = NULL;
    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
        const json_t *list = json_object_get(schema, keys[k]);
        size_t n = json_array_size(list);
        for (size_t i = 0; i < n && (k == 0 || i == 0); i++) {
            json_t *part = json_array_get(list, i);
            if (!copy)
                copy = json_copy((json_t *)(uintptr_t)schema);
            if (json_is_object(part))
                (void)json_object_update_missing(copy, part);
        }
    }
    if (copy)
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
            (void)json_object_del(copy, keys[k]);
    return copy;
}

/* Of a schema that is no mere reference. */
static json_t *make_here(struct maker *m, const json_t *schema)
{
    json_t *v = proposed(m, schema);
    if (v)
        return v;
    json_t *copy = merged(schema);
    const json_t *s = copy ? copy : schema;
    const json_t *type = json_object_get(s, "type");
    const char *name = json_string_value(json_is_array(type) ? json_array_get(type, 0) : type);
    if (!name)
        name = json_object_get(s, "properties") || json_object_get(s, "required") ? "object"
                                                                                  : "string";
    v = copy && json_object_get(copy, "$ref") ? make(m, copy) : make_typed(m, s, name);
    json_decref(copy);
    return v;
}

static json_t *make(struct maker *m, const json_t *schema)
{
    if (!json_is_object(schema))
        return json_string("x"); /* anything will do */
    if (m->depth == DEPTH_MAX || m->left == 0)
        return NULL;
    m->depth++;
    m->left--;
    const json_t *there = follow(m, schema);
    json_t *v = there ? make(m, there) : make_here(m, schema);
    m->depth--;
    return v;
}

json_t *hr_sample(const json_t *schema, enum hr_sample kind)
{
    struct maker m = {.root = schema, .kind = kind, .left = VALUES_MAX};
    struct hr_schema *compiled = NULL;
    if (hr_schema_compile(schema, NULL, &compiled, NULL, 0))
        return NULL;
    json_t *v = make(&m, schema);
    if (v && hr_schema_validate(compiled, v, NULL)) {
        json_decref(v);
        v = NULL;
    }
    hr_schema_free(compiled);
    return v;
}
