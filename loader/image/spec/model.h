/* SPDX-License-Identifier: MIT
 * A sandbox specification, whichever of its two forms the file has:
 *
 * - the object: apiVersion, kind, metadata and spec, as people write it;
 * - the flat one: id, name, version, agent, permissions, ..., as the platform's API takes it.
 *
 * A table of both says which keys there are, where and of which type.  The rest of this folder
 * works with the fields and does not know which form it was. */
#ifndef HR_IMAGE_SPEC_MODEL_H
#define HR_IMAGE_SPEC_MODEL_H

#include "rules.h"
#include "yaml_tree.h"

enum hr_spec_field {
    HR_FIELD_NAME,
    HR_FIELD_VERSION,
    HR_FIELD_OWNER,
    HR_FIELD_USERS,
    HR_FIELD_GROUPS,
    HR_FIELD_IMAGE,
    HR_FIELD_DESCRIPTION,
    HR_FIELD_COMMAND,
    HR_FIELD_WORKING_DIR,
    HR_FIELD_AGENT_TYPE,
    HR_FIELD_MODULE,
    HR_FIELD_CLASS,
    HR_FIELD_CAPABILITIES,
    HR_FIELD_MEMORY,
    HR_FIELD_CPU,
    HR_FIELD_STORAGE,
    HR_FIELD_ENVIRONMENT,
    HR_FIELD_PORTS,
    HR_FIELDS,
    HR_FIELD_NONE = HR_FIELDS, /* read and checked, but not kept */
};

enum hr_spec_form { HR_SPEC_OBJECT, HR_SPEC_FLAT };

struct hr_spec {
    const char *file;
    struct hr_report *report;
    const struct hr_yaml_node *root;
    enum hr_spec_form form;
    /* NULL: not there, null, or of a wrong type, which has been said.  A text is a node with text;
     * in a list of texts, in the environment and in the ports each child may still be of a wrong
     * type: hr_spec_text() is NULL for it. */
    const struct hr_yaml_node *field[HR_FIELDS];
};

/* Fill s->form and s->field from s->root, and say what is missing, unknown or of a wrong type.
 * False: it is no specification at all, and there is nothing more to be said. */
bool hr_spec_fill(struct hr_spec *s);

/* The text of a field or of a child; NULL: there is none. */
const char *hr_spec_text(const struct hr_yaml_node *n);

/* A finding about a node; NULL: about the file. */
void hr_spec_say(const struct hr_spec *s, const struct hr_yaml_node *n, enum hr_spec_rule rule,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The same about the key of a map's member. */
void hr_spec_say_key(const struct hr_spec *s, const struct hr_yaml_node *n, enum hr_spec_rule rule,
                     const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
