/* SPDX-License-Identifier: MIT
 * A YAML file as a tree whose every node knows where it stands.  libyaml reads; this is strict
 * where readers of YAML disagree or can be fooled: a key once, no tags, no merge keys, keys are
 * text, one document, UTF-8, and bounds on everything, also on what aliases unfold to.
 *
 * What is wrong goes to a report.  One thread; it allocates. */
#ifndef HR_IMAGE_SPEC_YAML_TREE_H
#define HR_IMAGE_SPEC_YAML_TREE_H

#include "loader/image/report.h"
#include "scalar.h"

enum {
    HR_YAML_BYTES_MAX = 256 * 1024, /* of a file */
    HR_YAML_NODES_MAX = 4096,       /* of a file, aliases unfolded */
    HR_YAML_DEPTH_MAX = 16,         /* lists and maps inside each other */
    HR_YAML_KEY_MAX = 256,          /* bytes of a key */
    HR_YAML_POINTER = 1024,         /* bytes of a JSON pointer, its NUL included */
};

struct hr_yaml_node {
    enum hr_yaml_kind kind;
    uint32_t line, column; /* from 1; a column counts characters */
    uint32_t index;        /* in its parent */
    uint32_t size;         /* of a list or map: children */
    const char *what;      /* the kind in words; a constant */
    char *text;            /* of a scalar: what it says; NULL for lists and maps */
    char *key;             /* of a map's member; else NULL */
    char *anchor;          /* or NULL */
    struct hr_yaml_node *parent, *first, *last, *next;
    uint32_t key_line, key_column;
    bool open; /* while it is being read: its end has not come */
};

struct hr_yaml {
    struct hr_yaml_node *root; /* NULL: there is none */
    size_t n;
    struct hr_yaml_node nodes[HR_YAML_NODES_MAX];
};

/* Read.  file: its name, for the report.  *ret: for hr_yaml_free().  0: it can be looked at, though
 * there may be findings; -EINVAL: what was found makes it unreadable; -ENOMEM. */
int hr_yaml_read(const char *file, const char *text, size_t n, struct hr_report *r,
                 struct hr_yaml **ret);

/* NULL is fine. */
void hr_yaml_free(struct hr_yaml *y);

/* A member of a map; NULL: there is none, or this is no map. */
const struct hr_yaml_node *hr_yaml_member(const struct hr_yaml_node *map, const char *key);

/* The JSON pointer of a node, "" for the root.  Cut at its front if it is very long. */
void hr_yaml_pointer(const struct hr_yaml_node *n, char out[HR_YAML_POINTER]);

#endif
