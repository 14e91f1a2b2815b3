/* SPDX-License-Identifier: MIT
 * What the files that compile a schema share.  Private to this folder. */
#ifndef HR_COMMON_SCHEMA_COMPILE_H
#define HR_COMMON_SCHEMA_COMPILE_H

#include "model.h"

struct hr_schema_compiler {
    struct hr_schema *s;
    char *why;
    size_t size;
};

/* What kind of value holds a keyword's subschemas. */
enum hr_schema_sub {
    HR_SUB_NONE,
    HR_SUB_ONE,          /* a schema */
    HR_SUB_LIST,         /* a non-empty array of schemas */
    HR_SUB_MAP,          /* an object of schemas */
    HR_SUB_ONE_OR_LIST,  /* draft-07's items */
    HR_SUB_MAP_OR_NAMES, /* draft-07's dependencies: schemas, or arrays of names */
};

struct hr_schema_keyword {
    const char *name;
    enum hr_schema_sub sub;
    unsigned drafts;
    unsigned types; /* of instances it says something about */
    bool in_place;  /* its subschemas apply to the same value */
    bool last;      /* needs to know what the others evaluated; pointless once one of them failed */

    /* Read the value.  1: *rule is filled in; 0: there is nothing to check; -EINVAL, -ENOMEM. */
    int (*read)(struct hr_schema_compiler *c, struct hr_schema_node *n,
                struct hr_schema_rule *rule);
    /* 0: holds; 1: does not; -E2BIG, -ENOMEM: no answer.  NULL when read never gives a rule. */
    int (*check)(struct hr_schema_run *r, const struct hr_schema_rule *rule,
                 const struct hr_schema_frame *f);
};

/* The keywords in the order they are checked; ends with a NULL name. */
extern const struct hr_schema_keyword hr_schema_keywords[];

/* Does this keyword count in this node?  Its value, or NULL. */
const json_t *hr_schema_value(const struct hr_schema_node *n, const struct hr_schema_keyword *kw);

/* Note why: "POINTER: text", the pointer of the keyword (NULL: of the node itself).  -EINVAL. */
int hr_schema_refuse(struct hr_schema_compiler *c, const struct hr_schema_node *n,
                     const char *keyword, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Note that memory ran out.  -ENOMEM. */
int hr_schema_no_memory(struct hr_schema_compiler *c);

/* A place in the schema: up's, then keyword, then key (or NULL) or index (or HR_SCHEMA_NO_INDEX).
 */
struct hr_schema_place {
    const struct hr_schema_node *up;
    const char *keyword;
    const char *key;
    size_t index;
};

/* Make the nodes of a schema and of all its subschemas, and its resources and anchors.  resource is
 * the one around it, NULL for a document. */
int hr_schema_index(struct hr_schema_compiler *c, const json_t *json,
                    struct hr_schema_resource *resource, const struct hr_schema_place *place,
                    struct hr_schema_node **ret);

/* The node a reference leads to; the text after "#", decoded, goes to fragment. */
int hr_schema_resolve(struct hr_schema_compiler *c, const struct hr_schema_node *from,
                      const char *keyword, const char *reference, const struct hr_schema_node **ret,
                      struct hr_buf *fragment);

/* Find references that lead back to the same schema and the same value: they would never end. */
int hr_schema_find_loops(struct hr_schema_compiler *c);

struct hr_schema_resource *hr_schema_find_resource(const struct hr_schema *s, const char *uri);

/* RFC 3986, section 5.2: resolve a reference, without its fragment.  0, -E2BIG or -ENOMEM. */
int hr_uri_resolve(struct hr_buf *out, const char *base, const char *reference);

/* The 2020-12 metaschema, in one document. */
extern const char hr_schema_metaschema_uri[];
extern const char hr_schema_metaschema[];

#endif
