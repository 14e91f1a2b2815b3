/* SPDX-License-Identifier: MIT */
#include "search_tree.h"

void search_tree_make(struct sample_tree *t, const char *more)
{
    sample_tree_make(t, TREE_PLUGIN, more);
}

handrail_status search_tree_call(const struct sample_tree *t, handrail_call *c, const char *args)
{
    return sample_tree_call(t, c, TREE_TOOL, args);
}
