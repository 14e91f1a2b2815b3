/* SPDX-License-Identifier: MIT
 * A plugin's configuration, held against the schema that the plugin gives for it, before create():
 * whoever wrote the registry reads all that is wrong with it at once, in the same words for every
 * plugin, and a plugin need not check again what its schema says.
 *
 * The words go to the log and to /status, which anyone in the network can read: they name members,
 * but quote none of the texts in them. */
#ifndef HR_TOOLHOST_PLUGIN_CONFIG_H
#define HR_TOOLHOST_PLUGIN_CONFIG_H

#include "load.h"

#include <jansson.h>

enum {
    HR_CONFIG_FAULTS_MAX = 32,          /* that are looked for */
    HR_CONFIG_FAULTS_BYTES = 16 * 1024, /* of what is said about them, before it is put together */
};

/* config: an object, or NULL for none.  A plugin without a config_schema takes none: one that is
 * not empty is a warning in the log.  0, -ENOMEM, or -EINVAL with *why set. */
int hr_plugin_config_check(const struct hr_plugin *p, const json_t *config, struct hr_why *why);

#endif
