/* SPDX-License-Identifier: MIT
 * A tree of files for the one sample that is being tested: TREE_PLUGIN, TREE_TOOL. */
#ifndef HR_TESTS_UNIT_SEARCH_TREE_H
#define HR_TESTS_UNIT_SEARCH_TREE_H

#include "sample_tree.h"

/* As sample_tree_make. */
void search_tree_make(struct sample_tree *t, const char *more);

/* Run the tool. */
handrail_status search_tree_call(const struct sample_tree *t, handrail_call *c, const char *args);

#endif
