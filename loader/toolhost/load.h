/* SPDX-License-Identifier: MIT
 * Loading the plugin: the file, the shared object, and everything its descriptor promises, checked
 * before any of it is used.
 *
 * Whatever is refused here will be refused again, so each reason is one sentence for people that
 * says what is wrong and what to do about it.  One thread; nothing else runs yet.
 */
#ifndef HR_TOOLHOST_LOAD_H
#define HR_TOOLHOST_LOAD_H

#include "common/buf.h"
#include "loader/plugin_file/file.h"
#include "loader/plugin_file/why.h"

#include <handrail/phase.h>
#include <handrail/plugin.h>
#include <stddef.h>

enum {
    HR_TOOLS_MAX = 256, /* of one plugin */
    HR_TOOL_NAME_MAX = 64,
};

/* A plugin that passed every check.  Its code is never unloaded, so its strings live for ever. */
struct hr_plugin {
    const char *id;       /* the registry's; borrowed */
    const char *sha256;   /* the file's; borrowed while it is checked; or NULL */
    handrail_plugin api;  /* our copy: members that the plugin does not know are zero */
    handrail_tool *tools; /* copies likewise; ours */
    size_t ntools;
    struct hr_buf tools_json; /* payload of the frame TOOLS */
    void *self;               /* what create() made */
    /* The one of its handrail_phase_listener; NULL: it has none, or was not asked yet. */
    handrail_status (*on_phase)(void *self, handrail_call *call, const char *phase,
                                const char *json, size_t len);
};

/* Open the file, and judge it by reading; nothing of it runs.  Before the process is confined. What
 * is doubtful is a warning in the log.  0; -EINVAL, or an error that passes, with *why set; or
 * -ENOMEM. */
int hr_plugin_open(const char *id, const char *path, const char *sha256, struct hr_plugin_file *ret,
                   struct hr_why *why);

/* dlopen() what was opened, which runs its constructors, and check what it offers.  path: the
 * file's, as it was given to hr_plugin_open().  0; -EINVAL, or an error that passes, with *why set;
 * or -ENOMEM. */
int hr_plugin_load(const char *id, const char *path, const struct hr_plugin_file *file,
                   struct hr_plugin *ret, struct hr_why *why);

/* The part of it that needs no file: check a descriptor and copy it into *ret.  sha256: the file's,
 * to be told, or NULL. */
int hr_plugin_check(const char *id, const char *sha256, const handrail_plugin *theirs,
                    struct hr_plugin *ret, struct hr_why *why);

/* What a plugin's own create() makes of its configuration, JSON text.  Nonzero: *why is set and the
 * result is HR_EXIT_TEMPFAIL or HR_EXIT_CONFIG. */
int hr_plugin_create(struct hr_plugin *p, const char *config, size_t len, struct hr_why *why);

/* Release what load took, apart from the code.  Not needed by a process that ends. */
void hr_plugin_release(struct hr_plugin *p);

#endif
