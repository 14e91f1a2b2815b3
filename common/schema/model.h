/* SPDX-License-Identifier: MIT
 * A compiled schema: what compile.c and its helpers build, and validation reads.  Private to this
 * folder.
 *
 * Every subschema is a node; every keyword of it that can fail, or leads to other nodes, is a rule
 * of the node, in the order of the keyword table.  All memory hangs on struct hr_schema and is
 * released with it, so nodes and rules point to each other and into the schema's JSON freely. */
#ifndef HR_COMMON_SCHEMA_MODEL_H
#define HR_COMMON_SCHEMA_MODEL_H

#include "schema.h"

#include <stdbool.h>

struct hr_schema_frame;
struct hr_schema_keyword;
struct hr_schema_regex;
struct hr_schema_run;

/* Sets of types: a bit per json_type, and one for numbers such as 1.0. */
#define HR_TYPE(json_type_) (1u << (json_type_))
enum {
    HR_TYPE_OBJECT = HR_TYPE(JSON_OBJECT),
    HR_TYPE_ARRAY = HR_TYPE(JSON_ARRAY),
    HR_TYPE_STRING = HR_TYPE(JSON_STRING),
    HR_TYPE_NUMBER = HR_TYPE(JSON_INTEGER) | HR_TYPE(JSON_REAL),
    HR_TYPE_BOOLEAN = HR_TYPE(JSON_TRUE) | HR_TYPE(JSON_FALSE),
    HR_TYPE_NULL = HR_TYPE(JSON_NULL),
    HR_TYPE_ALL = HR_TYPE_OBJECT | HR_TYPE_ARRAY | HR_TYPE_STRING | HR_TYPE_NUMBER |
                  HR_TYPE_BOOLEAN | HR_TYPE_NULL,
    HR_TYPE_INTEGRAL = 1u << 8, /* a real number without a fraction */
};

/* A node among others of the same keyword. */
struct hr_schema_branch {
    const char *key;                     /* dependentSchemas: the property */
    const struct hr_schema_regex *regex; /* patternProperties */
    const struct hr_schema_node *node;   /* NULL where if has no then or no else */
};

struct hr_schema_rule {
    const struct hr_schema_keyword *kw;
    const json_t *value;                     /* the keyword's value */
    const struct hr_schema_node *node;       /* its subschema, or what a reference leads to */
    const struct hr_schema_branch *branches; /* its subschemas */
    size_t n;
    const struct hr_schema_regex *regex;
    const char *anchor; /* $dynamicRef: the name to look for in the dynamic scope, or NULL */
    size_t count;       /* minLength and the like; minContains */
    size_t most;        /* maxContains */
    unsigned types;     /* type */
};

/* properties, patternProperties and additionalProperties: one rule, one pass over the members. */
struct hr_schema_members {
    const json_t *properties; /* or NULL */
    const struct hr_schema_branch *patterns;
    size_t n_patterns;
    const struct hr_schema_node *others; /* or NULL */
};

/* prefixItems and items. */
struct hr_schema_elements {
    const struct hr_schema_branch *prefix;
    size_t n_prefix;
    const struct hr_schema_node *others; /* or NULL */
};

struct hr_schema_node {
    const json_t *json;
    const struct hr_schema_resource *resource; /* NULL for true and false */
    struct hr_schema_rule *rules;
    size_t n_rules;
    struct hr_schema_members *members;
    struct hr_schema_elements *elements;
    unsigned types;       /* what "type" allows; 0 without it */
    bool never;           /* the schema false */
    bool keeps_track;     /* has unevaluatedItems or unevaluatedProperties */
    unsigned char colour; /* of the search for endless references */

    /* Where it is, for refusals: up's place, then the keyword, then the key or the index. */
    const struct hr_schema_node *up;
    const char *keyword;
    const char *key;
    size_t index;
    struct hr_schema_node *next; /* in order of discovery */
};

enum { HR_SCHEMA_NO_INDEX = -1 };

/* A schema with a URI of its own: the document, and each subschema with "$id". */
struct hr_schema_resource {
    const char *uri; /* absolute, no fragment; "" for a document without "$id" */
    struct hr_schema_node *root;
    json_t *anchors; /* the JSON of the subschema that each name of an anchor is for */
    unsigned draft;  /* one of HR_DRAFT_* */
    struct hr_schema_resource *next;
};

enum { HR_DRAFT_7 = 1, HR_DRAFT_2020 = 2, HR_DRAFT_BOTH = 3 };

/* Memory of the schema; what it holds follows. */
struct hr_schema_block {
    struct hr_schema_block *next;
};

struct hr_schema {
    struct hr_schema_limits limits;
    json_t *json;
    json_t *metaschema; /* if it is referred to */
    const struct hr_schema_node *root;
    struct hr_schema_node *first, **last; /* all nodes but the two below */
    struct hr_schema_node yes, no;        /* true and false, wherever they are */
    struct hr_schema_resource *resources;
    json_t *uris; /* the JSON of the root of each */
    struct hr_schema_regex *regexes;
    struct hr_schema_block *blocks;
    struct hr_schema_node **map; /* open addressing by the JSON's address */
    size_t map_size, map_used;
};

/* Zeroed memory that lives as long as the schema.  NULL: none left. */
void *hr_schema_alloc(struct hr_schema *s, size_t size);

/* The node of a subschema's JSON, or NULL. */
struct hr_schema_node *hr_schema_node_of(const struct hr_schema *s, const json_t *json);

/* The node of an anchor, or NULL.  dynamic: of a "$dynamicAnchor" alone. */
const struct hr_schema_node *hr_schema_find_anchor(const struct hr_schema *s,
                                                   const struct hr_schema_resource *resource,
                                                   const char *name, bool dynamic);

#endif
