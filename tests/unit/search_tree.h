/* SPDX-License-Identifier: MIT
 * A folder of files for a sample plugin to read, with things beside it that it must not find.  Each
 * test program is for one plugin and tool, TREE_PLUGIN and TREE_TOOL, which the build defines. */
#ifndef HR_TESTS_UNIT_SEARCH_TREE_H
#define HR_TESTS_UNIT_SEARCH_TREE_H

#include "fake_host.h"

struct search_tree {
    char base[64];    /* holds the next two */
    char root[96];    /* what the plugin is configured with */
    char outside[96]; /* holds secret.txt, with a line "beta secret" */
    const handrail_plugin *plugin;
    void *self;
};

/* Make the folders, write no file into root, and create the plugin.  more is added to its
 * configuration: "" or ",\"max_time_ms\":500". */
void search_tree_make(struct search_tree *t, const char *more);
void search_tree_remove(struct search_tree *t);

/* Write len bytes to root/name; folders on the way are made. */
void search_tree_write(const struct search_tree *t, const char *name, const char *data, size_t len);
void search_tree_text(const struct search_tree *t, const char *name, const char *text);
/* Write n times the character, then the tail. */
void search_tree_fill(const struct search_tree *t, const char *name, char c, size_t n,
                      const char *tail);
void search_tree_link(const struct search_tree *t, const char *target, const char *name);

/* Run the tool.  Whatever the status, what was told to the host is held to be sound. */
handrail_status search_tree_call(const struct search_tree *t, handrail_call *c, const char *args);

/* Monotonic. */
int64_t search_tree_now_ms(void);

#endif
