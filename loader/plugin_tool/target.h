/* SPDX-License-Identifier: MIT
 * Which plugin a command is about: a file, or an entry of the tool registry. */
#ifndef HR_PLUGIN_TOOL_TARGET_H
#define HR_PLUGIN_TOOL_TARGET_H

#include "loader/config/config.h"
#include "options.h"

#include <jansson.h>

struct hr_target {
    char id[HR_PLUGIN_ID_MAX + 1];
    char sha256[HR_SHA256_TEXT]; /* that it must have; "": any */
    char *path;                  /* absolute */
    json_t *config;
    json_t *confinement;
};

/* `what` is a path (it has a slash, or ends in .so) or an id of the registry.  --config and
 * --confinement win over the registry's.  0, or an exit code after having said why.  Free with
 * hr_target_free(). */
int hr_target_find(const struct hr_plugin_options *o, const char *what, struct hr_target *ret);

/* The plugin of the registry that offers the tool; its files tell.  Likewise. */
int hr_target_of_tool(const struct hr_plugin_options *o, const char *tool, struct hr_target *ret);

void hr_target_free(struct hr_target *t);

#endif
