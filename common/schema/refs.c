/* SPDX-License-Identifier: MIT
 * References: from "$ref" and "$dynamicRef" to the node they mean. */
#include "common/buf.h"
#include "compile.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { REFERENCE_MAX = 4096 }; /* bytes */

static int hex(char c)
{
    const char *digits = "0123456789abcdef";
    return isxdigit((unsigned char)c) ? (int)(strchr(digits, tolower((unsigned char)c)) - digits)
                                      : -1;
}

/* What stands after "#", percent-decoded.  0; -EINVAL if it is broken; -E2BIG, -ENOMEM. */
static int decode_fragment(struct hr_buf *out, const char *reference)
{
    const char *p = strchr(reference, '#');
    int err = 0;
    for (p = p ? p + 1 : ""; !err && *p; p++) {
        char c = *p;
        if (c == '%') {
            int high = hex(p[1]);
            int low = high < 0 ? -1 : hex(p[2]);
            if (low < 0 || !(high || low))
                return -EINVAL;
            c = (char)(high * 16 + low);
            p += 2;
        }
        err = hr_buf_addc(out, c);
    }
    return err;
}

/* The metaschema is a document of its own, indexed when something refers to it. */
static int load_metaschema(struct hr_schema_compiler *c)
{
    const struct hr_schema_place top = {.index = (size_t)HR_SCHEMA_NO_INDEX};
    c->s->metaschema = json_loads(hr_schema_metaschema, 0, NULL);
    return c->s->metaschema ? hr_schema_index(c, c->s->metaschema, NULL, &top, NULL)
                            : hr_schema_no_memory(c);
}

static int find_resource(struct hr_schema_compiler *c, const struct hr_schema_node *from,
                         const char *keyword, const char *reference,
                         struct hr_schema_resource **ret)
{
    struct hr_buf uri;
    hr_buf_init(&uri, REFERENCE_MAX);
    int err = hr_uri_resolve(&uri, from->resource->uri, reference);
    const char *name = hr_buf_str(&uri);
    if (err == -E2BIG)
        err = hr_schema_refuse(c, from, keyword, "is longer than %d bytes: shorten it",
                               REFERENCE_MAX);
    else if (err)
        err = hr_schema_no_memory(c);
    else if (!c->s->metaschema && strcmp(name, hr_schema_metaschema_uri) == 0 &&
             !hr_schema_find_resource(c->s, name))
        err = load_metaschema(c);

    struct hr_schema_resource *found = err ? NULL : hr_schema_find_resource(c->s, name);
    if (!err && !found)
        err = hr_schema_refuse(c, from, keyword,
                               "\"%.200s\" is not in this schema, and nothing is fetched: copy it "
                               "into \"$defs\" and refer to it as \"#/$defs/NAME\"",
                               name);
    if (!err)
        *ret = found;
    hr_buf_free(&uri);
    return err;
}

/* One token of a JSON pointer, unescaped; *p moves behind it.  0; -EINVAL, -E2BIG, -ENOMEM. */
static int next_token(const char **p, struct hr_buf *token)
{
    int err = 0;
    hr_buf_reset(token);
    for (++*p; !err && **p && **p != '/'; ++*p) {
        char c = **p;
        if (c == '~') {
            c = *++*p;
            if (c != '0' && c != '1')
                return -EINVAL;
            c = c == '0' ? '~' : '/';
        }
        err = hr_buf_addc(token, c);
    }
    return err;
}

static const json_t *step(const json_t *json, const char *token)
{
    if (!json_is_array(json))
        return json_object_get(json, token);
    size_t i = 0;
    size_t len = strlen(token);
    if (!len || len > 6 || token[strspn(token, "0123456789")] || (token[0] == '0' && len > 1))
        return NULL;
    for (; *token; token++)
        i = 10 * i + (size_t)(*token - '0');
    return json_array_get(json, i);
}

/* Follow a JSON pointer through the document.  *around: the last schema on the way. */
static int follow(const struct hr_schema *s, const char *pointer,
                  const struct hr_schema_node **around, const json_t **json)
{
    struct hr_buf token;
    int err = 0;
    hr_buf_init(&token, REFERENCE_MAX);
    while (!err && *json && *pointer) {
        err = next_token(&pointer, &token);
        if (err)
            break;
        *json = step(*json, hr_buf_str(&token));
        const struct hr_schema_node *n = hr_schema_node_of(s, *json);
        if (n && n->resource)
            *around = n;
    }
    hr_buf_free(&token);
    return err;
}

static int find_pointer(struct hr_schema_compiler *c, const struct hr_schema_node *from,
                        const char *keyword, const struct hr_schema_resource *resource,
                        const char *pointer, const struct hr_schema_node **ret)
{
    const struct hr_schema_node *around = resource->root;
    const json_t *json = resource->root->json;
    int err = follow(c->s, pointer, &around, &json);
    if (err == -ENOMEM)
        return hr_schema_no_memory(c);
    if (err || !json)
        return hr_schema_refuse(c, from, keyword,
                                "\"#%.200s\" leads nowhere: correct it, or add what is missing",
                                pointer);
    struct hr_schema_node *n = hr_schema_node_of(c->s, json);
    if (n) {
        *ret = n;
        return 0;
    }
    /* No keyword leads there, so it is found only now. */
    char *copy = hr_schema_alloc(c->s, strlen(pointer) + 1);
    if (!copy)
        return hr_schema_no_memory(c);
    memcpy(copy, pointer, strlen(pointer) + 1);
    const struct hr_schema_place place = {resource->root, copy, NULL, (size_t)HR_SCHEMA_NO_INDEX};
    err = hr_schema_index(c, json, (struct hr_schema_resource *)around->resource, &place, &n);
    if (!err)
        *ret = n;
    return err;
}

int hr_schema_resolve(struct hr_schema_compiler *c, const struct hr_schema_node *from,
                      const char *keyword, const char *reference, const struct hr_schema_node **ret,
                      struct hr_buf *fragment)
{
    struct hr_schema_resource *resource = NULL;
    int err = find_resource(c, from, keyword, reference, &resource);
    if (err)
        return err;
    err = decode_fragment(fragment, reference);
    if (err == -ENOMEM)
        return hr_schema_no_memory(c);
    if (err)
        return hr_schema_refuse(c, from, keyword,
                                "\"%.200s\" has a broken or too long fragment: correct it",
                                reference);
    const char *name = hr_buf_str(fragment);
    if (name[0] == '/')
        return find_pointer(c, from, keyword, resource, name, ret);
    if (!name[0]) {
        *ret = resource->root;
        return 0;
    }
    const struct hr_schema_node *n = hr_schema_find_anchor(c->s, resource, name, false);
    if (!n)
        return hr_schema_refuse(c, from, keyword,
                                "there is no \"$anchor\" named \"%.200s\": correct the name, or "
                                "refer by path as in \"#/$defs/NAME\"",
                                name);
    *ret = n;
    return 0;
}

/* --- references that never end -------------------------------------------------------------------
 */

enum { WHITE, GREY, BLACK };

static int look_for_loop(struct hr_schema_compiler *c, struct hr_schema_node *n, size_t depth);

static int look_below(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                      const struct hr_schema_rule *rule, size_t depth)
{
    struct hr_schema_node *to = (struct hr_schema_node *)rule->node;
    int err = 0;
    if (to && to->colour == GREY)
        return hr_schema_refuse(c, n, rule->kw->name,
                                "leads back here without going into the value, so checking would "
                                "never end: remove the loop");
    if (to)
        err = look_for_loop(c, to, depth + 1);
    for (size_t i = 0; !err && i < rule->n; i++) {
        to = (struct hr_schema_node *)rule->branches[i].node;
        if (to && to->colour == GREY)
            return hr_schema_refuse(c, n, rule->kw->name, "is part of a loop: remove it");
        if (to)
            err = look_for_loop(c, to, depth + 1);
    }
    return err;
}

static int look_for_loop(struct hr_schema_compiler *c, struct hr_schema_node *n, size_t depth)
{
    if (n->colour == BLACK)
        return 0;
    if (depth > c->s->limits.depth)
        return hr_schema_refuse(c, n, NULL,
                                "more than %zu schemas apply to one value inside each other: make "
                                "the schema simpler",
                                c->s->limits.depth);
    int err = 0;
    n->colour = GREY;
    for (size_t i = 0; !err && i < n->n_rules; i++)
        if (n->rules[i].kw->in_place)
            err = look_below(c, n, &n->rules[i], depth);
    n->colour = BLACK;
    return err;
}

int hr_schema_find_loops(struct hr_schema_compiler *c)
{
    int err = 0;
    for (struct hr_schema_node *n = c->s->first; !err && n; n = n->next)
        err = look_for_loop(c, n, 0);
    return err;
}
