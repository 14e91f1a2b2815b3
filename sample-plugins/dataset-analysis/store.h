/* SPDX-License-Identifier: MIT
 * Writes a model: liblinear's file, and beside it one that says what its numbers mean. */
#ifndef DA_STORE_H
#define DA_STORE_H

#include "fit.h"

/* a->model_path with .model and .json; the folder is made if only it is missing.  Both files are
 * whole before either takes its place.  HANDRAIL_OK, or a negative status with the reason attached.
 */
handrail_status da_store(const struct da_settings *s, const struct da_args *a,
                         const struct da_encoding *e, const struct da_fit *f,
                         const struct kit_watch *w);

/* What a feature is of, for people: "age", "colour=red", "colour is missing".  A new reference;
 * NULL without memory. */
json_t *da_store_feature_name(const struct da_encoding *e, size_t feature);

#endif
