/* SPDX-License-Identifier: MIT
 * The root as the configuration names it, and paths below it as arguments name them.  On failure
 * each attaches a reason that says what to change. */
#ifndef KIT_PLACE_H
#define KIT_PLACE_H

#include "fields.h"
#include "root.h"

/* The configuration's "root", "/workspace" if it has none: absolute, and without a slash at its end
 * unless it is "/".  The caller frees *ret. */
handrail_status kit_place_setting(const struct kit_fields *f, char **ret);

/* The argument key as a path below root (kit_root_relative); absent leaves ret as it is. */
bool kit_place_argument(const struct kit_fields *f, const char *key, const char *root,
                        char ret[KIT_PATH_MAX]);

/* Open the root, as kit_root_open. */
handrail_status kit_place_open(const struct kit_call *c, const char *root, int *ret_fd);

/* For create() and health(): 1 with a sentence about a root that cannot be opened, else 0. */
int kit_place_problem(const char *root, char *sentence, size_t size);

/* Why something at a path could not be opened, in words.  error: what kit_root_open_below answered,
 * without its sign; EISNAM for what is there but of no use. */
const char *kit_place_why(int error);

#endif
