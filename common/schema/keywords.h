/* SPDX-License-Identifier: MIT
 * The columns of the keyword table: how a keyword's value is read, and how it is checked.  Private
 * to this folder. */
#ifndef HR_COMMON_SCHEMA_KEYWORDS_H
#define HR_COMMON_SCHEMA_KEYWORDS_H

#include "compile.h"
#include "run.h"

#define HR_READ(name)                                                                              \
    int hr_read_##name(struct hr_schema_compiler *c, struct hr_schema_node *n,                     \
                       struct hr_schema_rule *rule)
#define HR_CHECK(name)                                                                             \
    int hr_check_##name(struct hr_schema_run *r, const struct hr_schema_rule *rule,                \
                        const struct hr_schema_frame *f)

/* Annotations: only the type of their value matters. */
HR_READ(string);
HR_READ(boolean);
HR_READ(array);

HR_READ(ref);
HR_READ(dynamic_ref);
HR_READ(type);
HR_READ(any);
HR_READ(enum);
HR_READ(number);
HR_READ(multiple);
HR_READ(count);
HR_READ(pattern);
HR_READ(unique);
HR_READ(names);
HR_READ(dependent);
HR_READ(one);
HR_READ(list);
HR_READ(map);
HR_READ(if);
HR_READ(members);
HR_READ(elements);
HR_READ(contains);
HR_READ(dependencies);

HR_CHECK(type);
HR_CHECK(const);
HR_CHECK(enum);
HR_CHECK(minimum);
HR_CHECK(maximum);
HR_CHECK(above);
HR_CHECK(below);
HR_CHECK(multiple);
HR_CHECK(min_length);
HR_CHECK(max_length);
HR_CHECK(pattern);
HR_CHECK(ref);
HR_CHECK(dynamic_ref);
HR_CHECK(all);
HR_CHECK(any);
HR_CHECK(one);
HR_CHECK(not );
HR_CHECK(if);
HR_CHECK(min_items);
HR_CHECK(max_items);
HR_CHECK(unique);
HR_CHECK(elements);
HR_CHECK(contains);
HR_CHECK(unevaluated_items);
HR_CHECK(min_members);
HR_CHECK(max_members);
HR_CHECK(required);
HR_CHECK(dependent_required);
HR_CHECK(dependent_schemas);
HR_CHECK(members);
HR_CHECK(names);
HR_CHECK(dependencies);
HR_CHECK(unevaluated_members);

#endif
