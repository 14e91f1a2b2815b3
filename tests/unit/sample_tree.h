/* SPDX-License-Identifier: MIT
 * A folder of files for a sample plugin to work in, with things beside it that it must not find. */
#ifndef HR_TESTS_UNIT_SAMPLE_TREE_H
#define HR_TESTS_UNIT_SAMPLE_TREE_H

#include "fake_host.h"

struct sample_tree {
    char base[64];    /* holds the next two */
    char root[96];    /* what the plugin is configured with */
    char outside[96]; /* holds secret.txt, with a line "beta secret" */
    const handrail_plugin *plugin;
    void *self;
};

/* Make the folders, write no file into root, and create the plugin of that file.  more is added to
 * its configuration: "" or ",\"max_time_ms\":500". */
void sample_tree_make(struct sample_tree *t, const char *plugin, const char *more);
void sample_tree_remove(struct sample_tree *t);

/* Write len bytes to root/name; folders on the way are made. */
void sample_tree_write(const struct sample_tree *t, const char *name, const char *data, size_t len);
void sample_tree_text(const struct sample_tree *t, const char *name, const char *text);
/* Write n times the character, then the tail. */
void sample_tree_fill(const struct sample_tree *t, const char *name, char c, size_t n,
                      const char *tail);
void sample_tree_link(const struct sample_tree *t, const char *target, const char *name);

/* Run the tool.  Whatever the status, what was told to the host is held to be sound. */
handrail_status sample_tree_call(const struct sample_tree *t, handrail_call *c, const char *tool,
                                 const char *args);

/* Run it with arguments that are to be refused: the status, and a piece of the reason. */
void sample_tree_refused(const struct sample_tree *t, const char *tool, const char *args,
                         handrail_status wanted, const char *reason);

/* Run it with arguments that are to be accepted; the caller frees c. */
void sample_tree_ok(const struct sample_tree *t, handrail_call *c, const char *tool,
                    const char *args);

/* Hold that create() refuses the configuration with a reason that has this piece. */
void sample_tree_bad_config(const char *plugin, const char *config, const char *reason);

/* Monotonic. */
int64_t sample_tree_now_ms(void);

#endif
