/* SPDX-License-Identifier: MIT
 * Finding the subschemas of a document: a node for each, a resource for each "$id", the anchors. */
#include "common/buf.h"
#include "compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { URI_MAX = 2048, MAP_FIRST = 64 };

/* --- nodes by the address of their JSON ----------------------------------------------------------
 */

static size_t slot_of(struct hr_schema_node *const *map, size_t size, const json_t *json)
{
    size_t i = (size_t)(((uintptr_t)json >> 4) * 0x9e3779b97f4a7c15u >> 20) & (size - 1);
    while (map[i] && map[i]->json != json)
        i = (i + 1) & (size - 1);
    return i;
}

struct hr_schema_node *hr_schema_node_of(const struct hr_schema *s, const json_t *json)
{
    if (json_is_boolean(json)) /* jansson has one true and one false */
        return (struct hr_schema_node *)(json_is_true(json) ? &s->yes : &s->no);
    return s->map_size ? s->map[slot_of(s->map, s->map_size, json)] : NULL;
}

static int map_add(struct hr_schema *s, struct hr_schema_node *n)
{
    if (2 * (s->map_used + 1) > s->map_size) {
        size_t size = s->map_size ? 2 * s->map_size : MAP_FIRST;
        struct hr_schema_node **map = calloc(size, sizeof(struct hr_schema_node *));
        if (!map)
            return -ENOMEM;
        for (size_t i = 0; i < s->map_size; i++)
            if (s->map[i])
                map[slot_of(map, size, s->map[i]->json)] = s->map[i];
        free(s->map);
        s->map = map;
        s->map_size = size;
    }
    s->map[slot_of(s->map, s->map_size, n->json)] = n;
    s->map_used++;
    return 0;
}

/* --- resources and anchors -----------------------------------------------------------------------
 */

/* Tables of names are jansson's objects, which nobody can make slow by his choice of names. */
static int name_subschema(json_t **table, const char *name, const json_t *json)
{
    if (!*table && !(*table = json_object()))
        return -ENOMEM;
    return json_object_set_nocheck(*table, name, (json_t *)(uintptr_t)json) < 0 ? -ENOMEM : 0;
}

struct hr_schema_resource *hr_schema_find_resource(const struct hr_schema *s, const char *uri)
{
    const json_t *json = json_object_get(s->uris, uri);
    return json ? (struct hr_schema_resource *)hr_schema_node_of(s, json)->resource : NULL;
}

const struct hr_schema_node *hr_schema_find_anchor(const struct hr_schema *s,
                                                   const struct hr_schema_resource *resource,
                                                   const char *name, bool dynamic)
{
    const json_t *json = json_object_get(resource->anchors, name);
    const char *said = dynamic && resource->draft == HR_DRAFT_2020
                           ? json_string_value(json_object_get(json, "$dynamicAnchor"))
                           : NULL;
    return json && (!dynamic || (said && strcmp(said, name) == 0)) ? hr_schema_node_of(s, json)
                                                                   : NULL;
}

static bool is_uri(const char *uri, size_t len, const char *known)
{
    return strlen(known) == len && memcmp(uri, known, len) == 0;
}

static int draft_of(struct hr_schema_compiler *c, const struct hr_schema_node *n, unsigned *draft)
{
    const json_t *value = json_object_get(n->json, "$schema");
    const char *uri = json_string_value(value);
    if (!value)
        return 0;
    if (!uri)
        return hr_schema_refuse(c, n, "$schema", "must be a string");
    size_t len = strcspn(uri, "#");
    unsigned said = 0;
    if (is_uri(uri, len, hr_schema_metaschema_uri))
        said = HR_DRAFT_2020;
    else if (is_uri(uri, len, "http://json-schema.org/draft-07/schema") ||
             is_uri(uri, len, "https://json-schema.org/draft-07/schema"))
        said = HR_DRAFT_7;
    if (!said || (uri[len] && uri[len + 1]))
        return hr_schema_refuse(c, n, "$schema",
                                "\"%.200s\" is not a dialect known here: use \"%s\", "
                                "or leave \"$schema\" out",
                                uri, hr_schema_metaschema_uri);
    if (*draft && *draft != said)
        return hr_schema_refuse(c, n, "$schema",
                                "differs from the dialect around it: use one for the whole schema");
    *draft = said;
    return 0;
}

/* Give a resource what it needs but its place in memory. */
static int set_resource(struct hr_schema_compiler *c, struct hr_schema_node *n,
                        struct hr_schema_resource *r, const char *uri)
{
    struct hr_schema *s = c->s;
    int err = draft_of(c, n, &r->draft);
    if (err)
        return err;
    if (!r->draft)
        r->draft = HR_DRAFT_2020;
    if (hr_schema_find_resource(s, uri))
        return hr_schema_refuse(c, n, "$id", "\"%.200s\" is given twice: make it unique", uri);
    if (name_subschema(&s->uris, uri, n->json))
        return hr_schema_no_memory(c);
    r->uri = json_object_iter_key(json_object_iter_at(s->uris, uri));
    r->root = n;
    r->next = s->resources;
    s->resources = r;
    return 0;
}

/* A resource for a node that has "$id" or is a document. */
static int add_resource(struct hr_schema_compiler *c, struct hr_schema_node *n, const char *id,
                        unsigned draft)
{
    struct hr_schema_resource *r = hr_schema_alloc(c->s, sizeof(*r));
    struct hr_buf uri;
    if (!r) {
        (void)hr_schema_no_memory(c);
        return -ENOMEM;
    }
    const char *base = n->resource ? n->resource->uri : "";
    hr_buf_init(&uri, URI_MAX);
    r->draft = draft;
    n->resource = r;
    int err = hr_uri_resolve(&uri, base, id);
    if (err == -E2BIG)
        err = hr_schema_refuse(c, n, "$id", "is longer than %d bytes: shorten it", URI_MAX);
    else if (err)
        err = hr_schema_no_memory(c);
    else
        err = set_resource(c, n, r, hr_buf_str(&uri));
    hr_buf_free(&uri);
    return err;
}

static int add_anchor(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                      const char *keyword, const char *name)
{
    struct hr_schema_resource *resource = (struct hr_schema_resource *)n->resource;
    const struct hr_schema_node *other = hr_schema_find_anchor(c->s, resource, name, false);
    if (other && other != n)
        return hr_schema_refuse(c, n, keyword, "\"%.100s\" is given twice: make it unique", name);
    return name_subschema(&resource->anchors, name, n->json) ? hr_schema_no_memory(c) : 0;
}

static int read_anchor(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                       const char *keyword)
{
    const json_t *value = json_object_get(n->json, keyword);
    const char *name = json_string_value(value);
    if (!value)
        return 0;
    if (!name || !*name ||
        name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")] ||
        strchr("0123456789-.", name[0]))
        return hr_schema_refuse(c, n, keyword,
                                "must be a name: a letter or \"_\", then letters, digits, "
                                "\"-\", \".\" and \"_\"");
    return add_anchor(c, n, keyword, name);
}

/* "$id", "$anchor" and "$dynamicAnchor" of a node; in draft-07 "$id" is anchor and id in one, and
 * counts for nothing beside "$ref". */
static int identify(struct hr_schema_compiler *c, struct hr_schema_node *n, bool document)
{
    unsigned draft = n->resource ? n->resource->draft : 0;
    if (document) {
        int err = draft_of(c, n, &draft);
        if (err)
            return err;
    }
    const json_t *value = json_object_get(n->json, "$id");
    if (draft == HR_DRAFT_7 && json_object_get(n->json, "$ref"))
        value = NULL;
    const char *id = json_string_value(value);
    if (value && !id)
        return hr_schema_refuse(c, n, "$id", "must be a string");

    const char *hash = id ? strchr(id, '#') : NULL;
    bool anchor = hash && hash[1];
    if (anchor && (draft != HR_DRAFT_7 || hash != id))
        return hr_schema_refuse(c, n, "$id", "must not have a fragment: use \"$anchor\" for it");
    int err = 0;
    if (document || (id && !anchor))
        err = add_resource(c, n, id && !anchor ? id : "", draft);
    if (!err && anchor)
        err = add_anchor(c, n, "$id", hash + 1);
    if (!err && n->resource->draft == HR_DRAFT_2020) {
        err = read_anchor(c, n, "$anchor");
        if (!err)
            err = read_anchor(c, n, "$dynamicAnchor");
    }
    return err;
}

/* --- the walk ------------------------------------------------------------------------------------
 */

static int index_one(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                     const struct hr_schema_keyword *kw, const char *key, size_t i,
                     const json_t *json)
{
    const struct hr_schema_place place = {n, kw->name, key, i};
    return hr_schema_index(c, json, (struct hr_schema_resource *)n->resource, &place, NULL);
}

static int index_list(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                      const struct hr_schema_keyword *kw, const json_t *value)
{
    if (!json_array_size(value))
        return hr_schema_refuse(c, n, kw->name, "must be a non-empty array of schemas");
    int err = 0;
    for (size_t i = 0; !err && i < json_array_size(value); i++)
        err = index_one(c, n, kw, NULL, i, json_array_get(value, i));
    return err;
}

static int index_map(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                     const struct hr_schema_keyword *kw, const json_t *value)
{
    if (!json_is_object(value))
        return hr_schema_refuse(c, n, kw->name, "must be an object whose values are schemas");
    int err = 0;
    for (void *it = json_object_iter((json_t *)value); !err && it;
         it = json_object_iter_next((json_t *)value, it)) {
        const json_t *sub = json_object_iter_value(it);
        if (kw->sub == HR_SUB_MAP_OR_NAMES && json_is_array(sub))
            continue;
        err = index_one(c, n, kw, json_object_iter_key(it), (size_t)HR_SCHEMA_NO_INDEX, sub);
    }
    return err;
}

static int index_below(struct hr_schema_compiler *c, const struct hr_schema_node *n)
{
    int err = 0;
    for (const struct hr_schema_keyword *kw = hr_schema_keywords; !err && kw->name; kw++) {
        const json_t *value = kw->sub == HR_SUB_NONE ? NULL : hr_schema_value(n, kw);
        if (!value)
            continue;
        if (kw->sub == HR_SUB_LIST || (kw->sub == HR_SUB_ONE_OR_LIST && json_is_array(value)))
            err = index_list(c, n, kw, value);
        else if (kw->sub == HR_SUB_MAP || kw->sub == HR_SUB_MAP_OR_NAMES)
            err = index_map(c, n, kw, value);
        else
            err = index_one(c, n, kw, NULL, (size_t)HR_SCHEMA_NO_INDEX, value);
    }
    return err;
}

int hr_schema_index(struct hr_schema_compiler *c, const json_t *json,
                    struct hr_schema_resource *resource, const struct hr_schema_place *place,
                    struct hr_schema_node **ret)
{
    struct hr_schema *s = c->s;
    struct hr_schema_node *n = hr_schema_node_of(s, json); /* a reference may have come first */
    if (!n) {
        n = hr_schema_alloc(s, sizeof(*n));
        if (!n)
            return hr_schema_no_memory(c);
        *n = (struct hr_schema_node){.json = json,
                                     .resource = resource,
                                     .up = place->up,
                                     .keyword = place->keyword,
                                     .key = place->key,
                                     .index = place->index};
        if (!json_is_object(json))
            return hr_schema_refuse(c, n, NULL, "must be a schema: an object, true or false");
        if (map_add(s, n))
            return hr_schema_no_memory(c);
        *s->last = n;
        s->last = &n->next;
        int err = identify(c, n, !resource);
        if (!err)
            err = index_below(c, n);
        if (err)
            return err;
    }
    if (ret)
        *ret = n;
    return 0;
}
