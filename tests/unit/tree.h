/* SPDX-License-Identifier: MIT
 * A folder that stands for / in a test. */
#ifndef HR_TESTS_UNIT_TREE_H
#define HR_TESTS_UNIT_TREE_H

enum { TREE_ROOT = 64 }; /* bytes of its path */

int tree_make(char root[TREE_ROOT]); /* 0 or -1, for a set-up function */
int tree_remove(const char *root);   /* with all that is in it; likewise */

/* A file with this text, or a link to `target`, below the root, and the folders above it; what was
 * there before is replaced. */
void tree_put(const char *root, const char *path, const char *text);
void tree_link(const char *root, const char *path, const char *target);

#endif
