/* SPDX-License-Identifier: MIT
 * The tool registry: a JSON file that names the native plugins.
 *
 *   { "plugins": [ { "id": "workspace-search",          required, [A-Za-z0-9._-]{1,64}, unique
 *                    "path": "/app/tools/search.so",    required, absolute
 *                    "sha256": "9f86d0...",             optional: no other file is loaded
 *                    "enabled": true,                   optional, default true
 *                    "required": false,                 optional: readiness waits for it
 *                    "config": { ... },                 optional, handed to the plugin
 *                    "confinement": { ... } } ] }       optional: what it may do, see
 *                                                       loader/toolhost/CONFINEMENT.md
 *
 * "$schema" is allowed at the top; any other key is an error.  Entries that are not enabled are
 * checked like the rest and then left out. */
#ifndef HR_CONFIG_REGISTRY_H
#define HR_CONFIG_REGISTRY_H

#include "config.h"
#include "config_file.h"

/* Note what the files of the plugins are like now.  Blocks on their disks. */
void hr_registry_stamp(struct hr_config *c);

/* Read path into c->plugins.  A missing file means no plugins unless must_exist.  0, or 78 after
 * one line per problem. */
int hr_registry_load(const char *path, bool must_exist, struct hr_config *c);

/* One more plugin, with nothing set but these.  0, -ENOSPC or -ENOMEM. */
int hr_plugin_add(struct hr_config *c, const char *id, const char *path);

/* The same for text already in memory; `name` stands for the file in messages. */
int hr_registry_parse(const char *name, const char *text, size_t len, struct hr_config *c);

#endif
