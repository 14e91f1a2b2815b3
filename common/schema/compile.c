/* SPDX-License-Identifier: MIT
 * From a schema's JSON to nodes and rules.  See schema.h and model.h. */
#include "compile.h"

#include "common/buf.h"
#include "regex.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHERE_MAX = 200 }; /* bytes of a pointer in a refusal */

const struct hr_schema_limits hr_schema_default_limits = {
    .schema_values = 20000,
    .schema_depth = 128,
    .pattern_bytes = 4096,
    .depth = 512,
    .steps = 10000000,
    .errors = 8,
    .regex_steps = 4000000,
    .regex_depth = 2000000,
    .regex_heap_kib = 65536,
    .regex_subject = 1048576,
    .regex_ms = 300,
};

void *hr_schema_alloc(struct hr_schema *s, size_t size)
{
    struct hr_schema_block *block = calloc(1, sizeof(*block) + size);
    if (!block)
        return NULL;
    block->next = s->blocks;
    s->blocks = block;
    return block + 1;
}

/* --- refusals ------------------------------------------------------------------------------------
 */

static void add_token(struct hr_buf *b, const char *token)
{
    (void)hr_buf_addc(b, '/');
    for (; *token; token++) {
        if (*token == '~' || *token == '/')
            (void)hr_buf_adds(b, *token == '~' ? "~0" : "~1");
        else
            (void)hr_buf_addc(b, (char)((unsigned char)*token < ' ' ? '?' : *token));
    }
}

/* A node that only a reference found has the whole pointer, slashes and all, as its keyword. */
static void add_place(struct hr_buf *b, const struct hr_schema_node *n)
{
    if (!n || !n->keyword)
        return;
    add_place(b, n->up);
    if (n->keyword[0] == '/') {
        (void)hr_buf_adds(b, n->keyword);
        return;
    }
    add_token(b, n->keyword);
    if (n->key)
        add_token(b, n->key);
    else if (n->index != (size_t)HR_SCHEMA_NO_INDEX)
        (void)hr_buf_addf(b, "/%zu", n->index);
}

int hr_schema_refuse(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                     const char *keyword, const char *fmt, ...)
{
    struct hr_buf where;
    hr_buf_init(&where, WHERE_MAX);
    add_place(&where, n);
    if (keyword)
        add_token(&where, keyword);

    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (c->size)
        (void)snprintf(c->why, c->size, "%s: %s", where.len ? hr_buf_str(&where) : "(top level)",
                       text);
    hr_buf_free(&where);
    return -EINVAL;
}

int hr_schema_no_memory(struct hr_schema_compiler *c)
{
    if (c->size)
        (void)snprintf(c->why, c->size, "no memory for the schema");
    return -ENOMEM;
}

/* --- the document --------------------------------------------------------------------------------
 */

/* The rest of the compiler recurses with the nesting of the schema, and does work for each value.
 */
static int measure(struct hr_schema_compiler *c, const json_t *json, size_t depth, size_t *left)
{
    const struct hr_schema_limits *l = &c->s->limits;
    if (depth > l->schema_depth)
        return hr_schema_refuse(c, NULL, NULL,
                                "the schema is nested deeper than %zu levels: make it flatter",
                                l->schema_depth);
    if (!*left)
        return hr_schema_refuse(c, NULL, NULL,
                                "the schema has more than %zu values: make it smaller",
                                l->schema_values);
    --*left;
    int err = 0;
    for (size_t i = 0; !err && i < json_array_size(json); i++)
        err = measure(c, json_array_get(json, i), depth + 1, left);
    for (void *it = json_object_iter((json_t *)json); !err && it;
         it = json_object_iter_next((json_t *)json, it))
        err = measure(c, json_object_iter_value(it), depth + 1, left);
    return err;
}

static size_t count_keywords(const struct hr_schema_node *n)
{
    size_t count = 0;
    for (const struct hr_schema_keyword *kw = hr_schema_keywords; kw->name; kw++)
        count += hr_schema_value(n, kw) != NULL;
    return count;
}

static int compile_node(struct hr_schema_compiler *c, struct hr_schema_node *n)
{
    n->rules = hr_schema_alloc(c->s, count_keywords(n) * sizeof(*n->rules));
    if (!n->rules)
        return hr_schema_no_memory(c);
    for (const struct hr_schema_keyword *kw = hr_schema_keywords; kw->name; kw++) {
        struct hr_schema_rule *rule = &n->rules[n->n_rules];
        const json_t *value = hr_schema_value(n, kw);
        if (!value || !kw->read)
            continue;
        *rule = (struct hr_schema_rule){.kw = kw, .value = value};
        int made = kw->read(c, n, rule);
        if (made < 0)
            return made;
        n->n_rules += made > 0;
        n->keeps_track |= made > 0 && kw->last;
    }
    return 0;
}

static int compile_document(struct hr_schema_compiler *c)
{
    struct hr_schema *s = c->s;
    struct hr_schema_node *root = NULL;
    const struct hr_schema_place top = {.index = (size_t)HR_SCHEMA_NO_INDEX};
    int err = hr_schema_index(c, s->json, NULL, &top, &root);
    s->root = root;
    /* References may find more subschemas, which go to the end of the list. */
    for (struct hr_schema_node *n = s->first; !err && n; n = n->next)
        err = compile_node(c, n);
    return err ? err : hr_schema_find_loops(c);
}

int hr_schema_compile(const json_t *schema, const struct hr_schema_limits *limits,
                      struct hr_schema **ret, char *why, size_t size)
{
    struct hr_schema_compiler c = {.why = why, .size = size};
    c.s = calloc(1, sizeof(*c.s));
    if (!c.s)
        return hr_schema_no_memory(&c);
    c.s->limits = limits ? *limits : hr_schema_default_limits;
    c.s->last = &c.s->first;
    c.s->no.never = true;

    size_t left = c.s->limits.schema_values;
    int err = measure(&c, schema, 0, &left);
    if (!err) {
        c.s->json = json_deep_copy(schema);
        err = c.s->json ? compile_document(&c) : hr_schema_no_memory(&c);
    }
    if (err)
        hr_schema_free(c.s);
    else
        *ret = c.s;
    return err;
}

void hr_schema_free(struct hr_schema *s)
{
    if (!s)
        return;
    hr_schema_regex_free_all(s->regexes);
    for (struct hr_schema_resource *r = s->resources; r; r = r->next)
        json_decref(r->anchors);
    for (struct hr_schema_block *b = s->blocks, *next = NULL; b; b = next) {
        next = b->next;
        free(b);
    }
    free(s->map);
    json_decref(s->uris);
    json_decref(s->json);
    json_decref(s->metaschema);
    free(s);
}
